"""What proves a provider's reports: either not set, or something that can."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.settings.reading import Faults, Read

from keyturn.mail.providers.ses.sns import SnsTopic

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("name", ["KEYTURN_RESEND_WEBHOOK_SECRET", "RESEND_WEBHOOK_SECRET"])
def test_it_has_the_name_that_resend_uses_too(read: Read, name: str) -> None:
    settings = read(**{name: SECRET})

    assert settings.resend.webhook_secret == SECRET
    assert SECRET not in repr(settings)


def test_it_need_not_be_set(read: Read) -> None:
    assert read().resend.webhook_secret == ""


@pytest.mark.parametrize(
    "secret",
    [
        SECRET.removeprefix("whsec_"),
        "whsec_",
        "whsec_short",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!",
        SECRET[:-1],
        f"{SECRET[:10]} {SECRET[10:]}",
        "re_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_ünïcöde",
    ],
)
@pytest.mark.parametrize("sending", [True, False])
def test_what_is_no_secret_is_named_and_not_repeated(faults: Faults, secret: str, sending: bool) -> None:
    found = faults(RESEND_WEBHOOK_SECRET=secret, sending=sending)

    assert set(found) == {"resend.webhook_secret"}
    assert "whsec_ and base64" in found["resend.webhook_secret"]
    assert secret == "whsec_" or secret not in found["resend.webhook_secret"]


@pytest.mark.parametrize("secret", ["short", "x" * 31, "x" * 40 + "@", "ü" * 40, f"{'x' * 20} {'x' * 20}"])
def test_postmarks_is_a_password_that_can_stand_in_an_address(faults: Faults, secret: str) -> None:
    found = faults(KEYTURN_POSTMARK_WEBHOOK_SECRET=secret)

    assert set(found) == {"postmark.webhook_secret"}
    assert "32 or more letters" in found["postmark.webhook_secret"]
    assert secret not in found["postmark.webhook_secret"]


def test_postmarks_is_read_and_not_shown(read: Read) -> None:
    settings = read(KEYTURN_POSTMARK_WEBHOOK_SECRET="a-Password_" * 4)

    assert settings.postmark.webhook_secret == "a-Password_" * 4
    assert "a-Password_" not in repr(settings)


def shown(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """Return the public key as SendGrid shows one."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


VERIFICATION_KEY = shown(ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    "key",
    [
        "short",
        VERIFICATION_KEY[:-4],
        f"{VERIFICATION_KEY[:20]} {VERIFICATION_KEY[20:]}",
        "MFkw",
        "ü",
        f"-----BEGIN PUBLIC KEY-----{VERIFICATION_KEY}-----END PUBLIC KEY-----",
        shown(ec.generate_private_key(ec.SECP384R1())),
        shown(rsa.generate_private_key(65537, 2048)),
    ],
)
def test_sendgrids_is_a_public_key_of_p_256(faults: Faults, key: str) -> None:
    found = faults(KEYTURN_SENDGRID_WEBHOOK_VERIFICATION_KEY=key)

    assert set(found) == {"sendgrid.webhook_verification_key"}
    assert "begins with MFkw" in found["sendgrid.webhook_verification_key"]


def test_sendgrids_is_read(read: Read) -> None:
    assert read(KEYTURN_SENDGRID_WEBHOOK_VERIFICATION_KEY=VERIFICATION_KEY).sendgrid.webhook_verification_key


@pytest.mark.parametrize("key", ["short", "k" * 15, "k" * 16 + " k", "ü" * 20])
def test_mailguns_is_a_signing_key(faults: Faults, key: str) -> None:
    found = faults(KEYTURN_MAILGUN_WEBHOOK_SIGNING_KEY=key)

    assert set(found) == {"mailgun.webhook_signing_key"}
    assert key not in found["mailgun.webhook_signing_key"]


@pytest.mark.parametrize(
    "arn",
    [
        "keyturn",
        "arn:aws:sqs:eu-west-1:123456789012:keyturn",
        "arn:aws:sns:eu-west-1:1234:keyturn",
        "arn:aws:sns:eu-west-1.evil.example/:123456789012:keyturn",
        "arn:evil:sns:eu-west-1:123456789012:keyturn",
        "arn:aws:sns:eu-west-1:123456789012:keyturn x",
        "arn:aws:sns:eu-west-1:123456789012:keyturn:0a1b-subscription",
    ],
)
def test_sess_is_the_arn_of_a_topic(faults: Faults, arn: str) -> None:
    found = faults(KEYTURN_SES_TOPIC_ARN=arn)
    assert found == {"ses.topic_arn": "not a topic, such as arn:aws:sns:eu-west-1:123456789012:keyturn"}


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "https://sns.eu-west-1.amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "https://sns.us-gov-west-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "https://sns.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_topic_says_where_sns_is(read: Read, partition: str, region: str, host: str) -> None:
    arn = f"arn:{partition}:sns:{region}:123456789012:keyturn"
    assert SnsTopic(read(KEYTURN_SES_TOPIC_ARN=arn).ses.topic_arn).host == host
