"""A passkey provider in software: what a browser and its authenticator send (WebAuthn Level 3, 6.5 and 7.2)."""

import json
import os
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keyturn.accounts.passkeys import decode, encode

PRESENT, VERIFIED, MAY_SYNC, SYNCED, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


class Authenticator:
    """One passkey. `counts`: the signature counter grows with each use; a synced passkey has none.

    `is_framed`: the page is in a frame of another site.
    """

    def __init__(
        self,
        origin: str = "http://localhost:8000",
        *,
        counts: bool = False,
        verifies: bool = True,
        is_framed: bool = False,
    ) -> None:
        self.id = os.urandom(32)
        self.handle = b""
        self.counter = 0
        self.origin = origin
        self.is_framed = is_framed
        self._counts = counts
        self._flags = PRESENT | (VERIFIED if verifies else 0) | (0 if counts else MAY_SYNC | SYNCED)
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def pem(self) -> str:
        """The private key, for programs that sign themselves."""
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self._key.private_bytes(*form).decode()

    def create(self, options: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Return the credential for options of a registration."""
        self.handle = decode(options["user"]["id"])
        point = self._key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        data = self._data(options["rp"]["id"], ATTESTED) + attested
        made = {"fmt": "none", "attStmt": {}, "authData": data}
        response = {
            "clientDataJSON": encode(self._client_data("webauthn.create", options["challenge"])),
            "attestationObject": encode(cbor2.dumps(made)),
            "transports": ["internal", "hybrid"],
        }
        return self._credential(response) | changes

    def use(self, options: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Return the credential for options of a sign-in. `changes`: of its response."""
        self.counter += self._counts
        data, client = self._data(options["rpId"]), self._client_data("webauthn.get", options["challenge"])
        signature = self._key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": encode(client),
            "authenticatorData": encode(data),
            "signature": encode(signature),
            "userHandle": encode(self.handle),
        }
        return self._credential(response | changes)

    def _data(self, rp_id: str, more: int = 0) -> bytes:
        flags = (self._flags | more).to_bytes(1, "big")
        return sha256(rp_id.encode()).digest() + flags + self.counter.to_bytes(4, "big")

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.is_framed}
        return json.dumps(said).encode()

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        name = encode(self.id)
        own = {"clientExtensionResults": {"credProps": {"rk": True}}, "authenticatorAttachment": "platform"}
        return {"id": name, "rawId": name, "type": "public-key", "response": response} | own
