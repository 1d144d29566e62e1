"""What proves a provider's reports: either not set, or something that can."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.functions.settings.reading import Faults, Read

from keyturn.mail.providers.ses.sns import SnsTopic
from keyturn.service.settings.reading import environment_name

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def shown(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """Return the public key as SendGrid shows one."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


VERIFICATION_KEY = shown(ec.generate_private_key(ec.SECP256R1()))
READ = {
    "KEYTURN_RESEND_WEBHOOK_SECRET": SECRET,
    "RESEND_WEBHOOK_SECRET": SECRET,
    "KEYTURN_POSTMARK_WEBHOOK_SECRET": "a-Password_" * 4,
    "KEYTURN_SENDGRID_WEBHOOK_VERIFICATION_KEY": VERIFICATION_KEY,
}
REFUSED = {
    "resend.webhook_secret": (
        "whsec_ and base64",
        [SECRET.removeprefix("whsec_"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!", SECRET[:-1], "whsec_ünïcöde"],
    ),
    "postmark.webhook_secret": (
        "32 or more letters",
        ["short", "x" * 31, "x" * 40 + "@", "ü" * 40, f"{'x' * 20} {'x' * 20}"],
    ),
    "sendgrid.webhook_verification_key": (
        "begins with MFkw",
        [
            VERIFICATION_KEY[:-4],
            f"-----BEGIN PUBLIC KEY-----{VERIFICATION_KEY}-----END PUBLIC KEY-----",
            shown(ec.generate_private_key(ec.SECP384R1())),
            shown(rsa.generate_private_key(65537, 2048)),
        ],
    ),
    "mailgun.webhook_signing_key": ("", ["short", "k" * 15, "k" * 16 + " k", "ü" * 20]),
    "ses.topic_arn": (
        "not a topic, such as arn:aws:sns:eu-west-1:123456789012:keyturn",
        [
            "arn:aws:sqs:eu-west-1:123456789012:keyturn",
            "arn:aws:sns:eu-west-1.evil.example/:123456789012:keyturn",
            "arn:evil:sns:eu-west-1:123456789012:keyturn",
            "arn:aws:sns:eu-west-1:123456789012:keyturn x",
            "arn:aws:sns:eu-west-1:123456789012:keyturn:0a1b-subscription",
        ],
    ),
}


@pytest.mark.parametrize("variable", READ)
def test_one_that_can_prove_reports_is_read_and_not_shown(read: Read, variable: str) -> None:
    settings = read(**{variable: READ[variable]})
    section = getattr(settings, variable.removeprefix("KEYTURN_").partition("_")[0].lower())

    assert READ[variable] in {getattr(section, name) for name in section.__struct_fields__}
    assert READ[variable] not in repr(settings) or "VERIFICATION" in variable, "only a public key may be shown"


@pytest.mark.parametrize(
    ("setting", "why", "value"),
    [
        pytest.param(setting, why, value, id=f"{setting} {number}")
        for setting, (why, values) in REFUSED.items()
        for number, value in enumerate(values)
    ],
)
@pytest.mark.parametrize("sending", [True, False])
def test_one_that_cannot_is_only_named(faults: Faults, setting: str, why: str, value: str, sending: bool) -> None:
    found = faults(**{environment_name(setting): value}, sending=sending)

    assert set(found) == {setting}
    assert why in found[setting]
    assert value not in found[setting] or value in why


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
