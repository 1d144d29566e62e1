"""How mail providers' reports are known to be theirs: secrets and keys that can prove one."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from keyturn.errors import Fault
from keyturn.settings.model import Settings
from keyturn.settings.rules.webhooks import FORM, webhook_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

_SHORTEST_PASSWORD = 32
"""Characters: random ones hold the 128 bits that NIST SP 800-131A asks of a key."""


class Proof(msgspec.Struct, frozen=True):
    """Names the setting that proves a provider's reports. `read` raises ValueError where it cannot: then it is `fault`.

    An older one, which proves a report too while it is rotated, has the same name after `previous_`, where it has one.
    """

    setting: str
    read: Callable[[str], object]
    fault: str


def report_password(text: str) -> bytes:
    """Return a password that stands in an address as it is."""
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{{_SHORTEST_PASSWORD},}}", text):
        raise ValueError("not a password")
    return text.encode()


def verification_key(text: str) -> "EllipticCurvePublicKey":
    """Return the P-256 key that SendGrid shows: base64 of its SubjectPublicKeyInfo, without a PEM's frame."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only who has such a key needs it
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except UnsupportedAlgorithm as error:
        raise ValueError("no key of a known kind") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("not a key of P-256")  # noqa: TRY004 - the text is wrong, not its type
    return key


def signing_key(text: str) -> bytes:
    """Return the key that Mailgun signs with, which it gives as text."""
    if not re.fullmatch(r"[!-~]{16,}", text):
        raise ValueError("not a signing key")
    return text.encode()


def topic_parts(arn: str) -> tuple[str, str]:
    """Return the region of an SNS topic, and what its hosts end with after amazonaws.com."""
    found = re.fullmatch(r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{1,40}):[0-9]{12}:[A-Za-z0-9_-]{1,256}", arn)
    if not found:
        raise ValueError("not the ARN of a topic")
    return found[2], ".cn" if found[1] == "aws-cn" else ""


PROOFS: Mapping[str, Proof] = {
    "resend": Proof("webhook_secret", webhook_key, f"not a signing secret of Resend's: {FORM}"),
    "postmark": Proof(
        "webhook_secret", report_password, f"must be {_SHORTEST_PASSWORD} or more letters, digits, - and _"
    ),
    "sendgrid": Proof(
        "webhook_verification_key", verification_key, "not a verification key of SendGrid's: they begin with MFkw"
    ),
    "mailgun": Proof("webhook_signing_key", signing_key, "not a signing key of Mailgun's: it is the HTTP webhook one"),
    "ses": Proof("topic_arn", topic_parts, "not a topic, as in arn:aws:sns:eu-west-1:123456789012:keyturn"),
}


def report_faults(settings: Settings) -> Iterator[Fault]:
    for provider, proof in PROOFS.items():
        newest, previous = proofs_of(settings, provider)
        for name, text in ((proof.setting, newest), (f"previous_{proof.setting}", previous)):
            try:
                _ = proof.read(text) if text else None
            except ValueError:
                yield Fault(f"{provider}.{name}", proof.fault)
        if previous and not newest:
            older = f"is the older of two, and {provider}.{proof.setting} is not set"
            yield Fault(f"{provider}.previous_{proof.setting}", older)


def proofs_of(settings: Settings, provider: str) -> tuple[str, str]:
    """Return what proves a provider's reports, the newer one first; each is empty where it is not set."""
    section, setting = getattr(settings, provider), PROOFS[provider].setting
    return getattr(section, setting), getattr(section, f"previous_{setting}", "")
