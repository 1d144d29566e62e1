"""A key of DKIM, and a domain at Resend."""

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def encoded(key: RSAPrivateKey | EllipticCurvePrivateKey) -> str:
    return base64.b64encode(
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()


RSA = encoded(generate_rsa(65537, 2048))
"""What a record of a DKIM key has."""


SPF = {"record": "SPF", "name": "send", "type": "TXT", "value": "v=spf1 include:amazonses.com ~all"}
DKIM = {"record": "DKIM", "name": "resend._domainkey", "type": "TXT", "value": "p=MIGf"}


def domain(
    name: str = "northwind.example", status: str = "verified", **changes: Any
) -> dict[str, Any]:
    records = [{**record, "status": status} for record in (SPF, DKIM)]
    plain = {
        "id": f"id-{name}",
        "name": name,
        "status": status,
        "records": records,
        "click_tracking": False,
    }
    return plain | changes
