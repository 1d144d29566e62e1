"""DKIM key records (RFC 6376)."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyturn.doctor.domain import judge_dkim
from keyturn.finding import Finding

NAME = "resend._domainkey.northwind.example"
REMEDY = "Copy it from the provider."
ED25519 = base64.b64encode(bytes(range(32))).decode()


def rsa(bits: int) -> str:
    key = generate_rsa(65537, bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


RSA = rsa(1024)


def judge(*texts: str) -> Finding:
    return judge_dkim(NAME, texts, REMEDY)


@pytest.mark.parametrize(
    "record",
    [
        f"p={RSA}",
        f"v=DKIM1; k=rsa; p={RSA}",
        f"v=DKIM1;k=rsa;t=s;p={RSA};",
        f"p={RSA[:100]} {RSA[100:]}",  # RFC 6376 3.2 allows white space in base64
    ],
)
def test_a_key_is_read_however_its_record_is_written(record: str) -> None:
    found = judge("some other text", record)

    assert (found.verdict, found.message) == ("ok", f"{NAME} has a key of 1024 bits")


def test_an_ed25519_key_is_read() -> None:
    assert judge(f"v=DKIM1; k=ed25519; p={ED25519}").verdict == "ok"


@pytest.mark.parametrize("texts", [(), ("v=spf1 -all",), ("v=DKIM1; k=rsa",)])
def test_where_there_is_none_the_remedy_is_told(texts: tuple[str, ...]) -> None:
    assert judge(*texts) == Finding("dkim", "fail", f"no DKIM key at {NAME}", REMEDY)


def test_an_empty_key_was_revoked() -> None:
    found = judge("v=DKIM1; p=")

    assert found.verdict == "fail"
    assert "revoked" in found.message


@pytest.mark.parametrize(
    "key", [RSA[:120], RSA[:-7], "p", "@@@@", f"{RSA}AAAA", "", "MTIz"], ids=lambda key: f"{len(key)} characters"
)
def test_a_key_that_was_cut_off_cannot_be_read(key: str) -> None:
    found = judge(f"v=DKIM1; k=rsa; p={key}")

    assert found.verdict == "fail"
    assert found.mend == REMEDY


def test_a_key_of_another_kind_than_it_says_cannot_be_read() -> None:
    public = generate_private_key(SECP256R1()).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    found = judge(f"p={base64.b64encode(der).decode()}")

    assert found.verdict == "fail"
    assert "is not valid" in found.message


def test_a_key_that_is_too_short_fails() -> None:
    short = (
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALNsgqFeDTDsixHXgcZ8t7IUnIcqYQNiT8Dqc8kHb9l/"
        "IZy4TUb9NfWZjPpIYuCo8SzPJp4WTPLo1xgU1sVHNUECAwEAAQ=="
    )  # 512 bits, which today's libraries refuse to make
    found = judge(f"p={short}")

    assert found.verdict == "fail"
    assert "512 bits" in found.message


def test_an_ed25519_key_of_a_wrong_length_fails() -> None:
    assert judge(f"k=ed25519; p={ED25519[:20]}").verdict == "fail"


def test_two_keys_at_one_name_fail() -> None:
    found = judge(f"p={RSA}", f"v=DKIM1; p={RSA}")

    assert found.verdict == "fail"
    assert "2 DKIM keys" in found.message
