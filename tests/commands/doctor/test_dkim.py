"""DKIM key records (RFC 6376)."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyturn.service.doctor.domain import judge_dkim

NAME = "resend._domainkey.northwind.example"
PAGE = "https://provider.example/domains"
REMEDY = f"Copy the TXT record {NAME} from {PAGE} into your DNS."
ED25519 = base64.b64encode(bytes(range(32))).decode()


def encoded(key: RSAPrivateKey | EllipticCurvePrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


BITS = 1024
RSA = encoded(generate_rsa(65537, BITS))
READ = f"{NAME} has a key"
NOT_VALID = f"the DKIM key at {NAME} is not valid: it may be cut off or mistyped"


@pytest.mark.parametrize(
    ("texts", "verdict", "message"),
    [
        pytest.param(["some other text", f"p={RSA}"], "ok", READ, id="a key alone"),
        pytest.param([f"v=DKIM1;k=rsa;t=s;p={RSA};"], "ok", READ, id="without spaces"),
        # RFC 6376 3.2 allows white space in base64
        pytest.param([f"p={RSA[:100]} {RSA[100:]}"], "ok", READ, id="white space in the key"),
        pytest.param([f"v=DKIM1; k=ed25519; p={ED25519}"], "ok", READ, id="Ed25519"),
        pytest.param([], "fail", f"no DKIM key at {NAME}", id="nothing"),
        pytest.param(["v=DKIM1; k=rsa"], "fail", f"no DKIM key at {NAME}", id="a record without a key"),
        pytest.param(["v=DKIM1; p="], "fail", f"the DKIM key at {NAME} was revoked: its p= is empty", id="revoked"),
        *(
            pytest.param([f"v=DKIM1; k=rsa; p={key}"], "fail", NOT_VALID, id=f"{len(key)} characters as in {key[:4]}")
            for key in (RSA[:120], RSA[:-7], "p", "@@@@", f"{RSA}AAAA", "MTIz")
        ),
        pytest.param([f"p={encoded(generate_private_key(SECP256R1()))}"], "fail", NOT_VALID, id="not the kind it says"),
    ],
)
def test_a_key_is_judged_as_receivers_read_it(texts: list[str], verdict: str, message: str) -> None:
    found = judge_dkim(NAME, texts, PAGE)

    assert (found.verdict, found.message) == (verdict, message)
    assert found.fix == ("" if verdict == "ok" else REMEDY)


def test_of_two_keys_one_has_to_go() -> None:
    found = judge_dkim(NAME, [f"p={RSA}", f"v=DKIM1; p={RSA}"], PAGE)

    assert (found.verdict, found.fix) == ("fail", f"Keep one. {REMEDY}")
    assert "2 DKIM keys" in found.message
