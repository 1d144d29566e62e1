"""Codes and seeds by themselves: RFC 6238, the seeds of many apps, recovery codes."""

import base64
import hmac
import json
import os
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from keyturn.service import identifiers
from keyturn.service.reset.proofs.second_step.recovery_codes import (
    mint_recovery_code,
    recovery_code_digest,
)
from keyturn.service.reset.proofs.second_step.totp import base32, otpauth_uri, read_seed, totp_step

SEED = b"12345678901234567890"
"""That of RFC 6238's vectors (appendix B)."""

KEY = os.urandom(32)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_the_rfc_hold(seconds: int, code: str) -> None:
    assert totp_step(SEED, code, at(seconds)) == seconds // 30
    assert totp_step(SEED, f" {code[:3]}-{code[3:]} ", at(seconds)) == seconds // 30


def test_a_step_before_and_one_after_are_taken_and_no_more() -> None:
    moment = at(1234567890)
    codes = {
        steps: pyotp.TOTP(base32(SEED)).at(moment + timedelta(seconds=30 * steps))
        for steps in range(-3, 4)
    }
    taken = {steps for steps, code in codes.items() if totp_step(SEED, code, moment) is not None}
    assert taken == {-1, 0, 1}


def test_a_seed_of_eighty_bits_gives_the_codes_that_its_app_shows() -> None:
    seed, step = b"0123456789", 41152263
    digest = hmac.digest(seed, step.to_bytes(8, "big"), "sha1")  # RFC 4226, 5.3, without pyotp
    offset = digest[-1] & 15
    code = f"{(int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF) % 10**6:06}"
    assert totp_step(seed, code, at(step * 30)) == step


def test_an_authenticator_reads_whose_it_is() -> None:
    uri = otpauth_uri(SEED, "ada@northwind.example", "Northwind School")
    assert "+" not in uri  # RFC 3986 knows no plus for a blank
    parsed = pyotp.parse_uri(uri)
    assert (parsed.name, parsed.issuer, parsed.secret) == (
        "ada@northwind.example",
        "Northwind School",
        base32(SEED),
    )


def laravel(text: str, key: bytes) -> str:
    """Seal as Laravel's Encrypter does."""
    iv, padder = os.urandom(16), PKCS7(128).padder()
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    value = (
        encryptor.update(padder.update(text.encode()) + padder.finalize()) + encryptor.finalize()
    )
    sealed = {
        "iv": base64.b64encode(iv).decode(),
        "value": base64.b64encode(value).decode(),
        "tag": "",
    }
    mac = hmac.digest(key, f"{sealed['iv']}{sealed['value']}".encode(), "sha256").hex()
    return base64.b64encode(json.dumps(sealed | {"mac": mac}).encode()).decode()


PLAIN = base32(SEED)
FERNET = Fernet.generate_key().decode()
LARAVEL = f"base64:{base64.b64encode(KEY).decode()}"


@pytest.mark.parametrize(
    ("form", "written", "keys"),
    [
        ("base32", PLAIN, []),
        ("base32", " ".join([PLAIN.lower()[:4], PLAIN.lower()[4:]]), []),
        ("base32", otpauth_uri(SEED, "ada@northwind.example", "Northwind"), []),
        ("hex", SEED.hex(), []),
        ("text", SEED.decode(), []),
        ("json", json.dumps({"secret": PLAIN, "more": 1}), []),
        (
            "fernet",
            Fernet(FERNET).encrypt(PLAIN.encode()).decode(),
            [Fernet.generate_key().decode(), FERNET],
        ),
        (
            "laravel",
            laravel(PLAIN, KEY),
            ["base64:" + base64.b64encode(os.urandom(32)).decode(), LARAVEL],
        ),
        ("laravel", laravel(f's:{len(PLAIN)}:"{PLAIN}";', KEY), [LARAVEL]),
    ],
)
def test_a_seed_is_read_as_its_app_writes_it(form: str, written: str, keys: list[str]) -> None:
    assert read_seed(written, form, keys) == SEED


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("base32", "not base 32!"),
        ("base32", "AAAA"),
        ("base32", "otpauth://totp/Ada"),
        ("hex", "zz"),
        ("hex", "00"),
        ("text", "short"),
        ("json", "{}"),
        ("json", PLAIN),
        ("fernet", PLAIN),
        ("laravel", PLAIN),
        ("laravel", laravel(PLAIN, os.urandom(32))),
    ],
)
def test_what_is_no_seed_is_never_taken_for_one(form: str, written: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_seed(written, form, [FERNET if form == "fernet" else LARAVEL])


def test_recovery_codes_are_long_readable_and_known_however_they_are_typed() -> None:
    codes = {mint_recovery_code() for _ in range(200)}
    assert len(codes) == 200
    assert not set("".join(codes)) & set("ILOU")
    code = codes.pop().replace("1", "0")
    digest = recovery_code_digest("7", code)
    for typed in (
        code.lower(),
        code.replace("-", ""),
        f" {code} ",
        code.replace("0", "o").replace("-", " "),
    ):
        assert recovery_code_digest("7", typed) == digest
    assert recovery_code_digest("8", code) != digest
    for none in ("", code[:-1], code + "0", "U" * 24, "\ud800" * 24, "é" * 24):
        assert recovery_code_digest("7", none) != digest


def test_a_phone_is_a_whole_number() -> None:
    assert identifiers.e164("+44 (7700) 900-123") == "+447700900123"
    for none in (
        "",
        "07700 900123",
        "+0123456",
        "+44",
        "+4477009001231234",
        "+44770090012x",
        "ada@northwind.example",
    ):
        assert identifiers.e164(none) == ""
