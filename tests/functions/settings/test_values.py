"""What a value may look like in a variable, and what proves a provider's reports or signs the app's
webhooks.
"""

import base64
from datetime import timedelta
from operator import attrgetter

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.functions.settings.conftest import Faults, Read

from keyturn.mail.providers.ses.sns import SnsTopic
from keyturn.service.settings.durations import parse_duration
from keyturn.service.settings.reading import environment_name


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("90s", timedelta(seconds=90)),
        (" 1 h ", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "30", "m", "30 minutes", "-1h", "1.5h", "1h30m", "soon", 30, None, True]
)
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="as in 90s, 30m, 1h or 7d"):
        parse_duration(text)


def test_a_variable_cannot_change_a_section_that_is_a_value(faults: Faults) -> None:
    found = faults("mail = 3", bare=True, sending=False, KEYTURN_MAIL_FROM="a@b.example")

    assert found == {"mail": "is a section: write [mail]"}


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        *(("token.code", text, text in {"true", "1"}) for text in ("true", "1", "false", "0")),
        ("smtp.port", "2525", 2525),
        ("server.trusted_proxies", "10.0.0.0/8, ::1,", ("10.0.0.0/8", "::1")),
        ("server.trusted_proxies", "", ()),
        (
            "previous_secret_keys",
            "one-old-key, another-old-key",
            ("one-old-key", "another-old-key"),
        ),
    ],
)
def test_a_variable_can_be_a_switch_a_number_and_a_list(
    read: Read, name: str, written: str, value: object
) -> None:
    assert attrgetter(name)(read(**{environment_name(name): written})) == value


@pytest.mark.parametrize(
    ("name", "written", "sentence"),
    [
        ("KEYTURN_TOKEN_TTL", "soon", "must be a duration, as in 90s, 30m, 1h or 7d, not 'soon'"),
        ("KEYTURN_HASHING_COST", "99", "must be a whole number from 10 to 16, not '99'"),
        ("KEYTURN_BRAND_LOGO_WIDTH", "0", "must be a whole number of at least 1, not '0'"),
        *(
            ("KEYTURN_SMTP_PORT", port, f"must be a whole number from 1 to 65535, not '{port}'")
            for port in ("", "smtp", "0", "65536", "587.5")
        ),
        ("KEYTURN_RESEND_RATE", "0", "must be a number above 0, not '0'"),
        ("KEYTURN_TOKEN_CODE", "maybe", "must be true or false, not 'maybe'"),
        ("KEYTURN_BRAND_ACCENT", "blue", "must be a colour as #rrggbb, not 'blue'"),
        (
            "KEYTURN_BRAND_FONT",
            "url(x)",
            (
                'must be a list of font families, as in "Source Sans 3", system-ui, sans-serif, '
                "not 'url(x)'"
            ),
        ),
        (
            "KEYTURN_LIMITS_LOGIN",
            "100001/minute",
            (
                "must be a rate, as in 3/minute or 10/15 minutes, of 1 to 100000 requests, "
                "not '100001/minute'"
            ),
        ),
        ("KEYTURN_ENVIRONMENT", "prod", "must be one of development, production, not 'prod'"),
        ("KEYTURN_RETENTION_AUDIT", "99999999999999d", "too long"),
        ("KEYTURN_TOKEN_TLL", "5m", "unknown setting; did you mean KEYTURN_TOKEN_TTL?"),
    ],
)
def test_a_value_is_shown_with_what_it_has_to_be(
    faults: Faults, name: str, written: str, sentence: str
) -> None:
    assert faults(**{name: written}) == {name: sentence}


def test_a_variable_of_kubernetes_is_told_from_a_misspelt_one(faults: Faults) -> None:
    sentence = (
        "Kubernetes sets it for the Service keyturn: write enableServiceLinks: false into the pod"
    )
    variables = {"KEYTURN_SERVICE_HOST": "10.0.0.7", "KEYTURN_PORT": "tcp://10.0.0.7:8000"}

    assert faults(**variables) == dict.fromkeys(variables, sentence)


def shown(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """Return the public key as SendGrid shows one."""
    return base64.b64encode(
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()


SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
VERIFICATION_KEY = shown(ec.generate_private_key(ec.SECP256R1()))
ARN = "arn:aws:sns:eu-west-1:123456789012:keyturn"
READ = {
    "KEYTURN_RESEND_WEBHOOK_SECRET": SECRET,
    "RESEND_WEBHOOK_SECRET": SECRET,
    "KEYTURN_POSTMARK_WEBHOOK_SECRET": "a-Password_" * 4,
    "KEYTURN_SENDGRID_WEBHOOK_VERIFICATION_KEY": VERIFICATION_KEY,
}
REFUSED = {
    "resend.webhook_secret": (
        "whsec_ and base64",
        [
            SECRET.removeprefix("whsec_"),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!",
            SECRET[:-1],
            "whsec_ünïcöde",
        ],
    ),
    "postmark.webhook_secret": (
        "32 or more letters",
        ["short", "x" * 31, "x" * 40 + "@", "ü" * 40, f"{'x' * 20} {'x' * 20}"],
    ),
    "sendgrid.webhook_verification_key": (
        "begins with MFkw",
        [
            *(VERIFICATION_KEY[:-4], "MAowBQYDKgMEAwEA"),  # of a kind that nobody knows
            f"-----BEGIN PUBLIC KEY-----{VERIFICATION_KEY}-----END PUBLIC KEY-----",
            shown(ec.generate_private_key(ec.SECP384R1())),
            shown(rsa.generate_private_key(65537, 2048)),
        ],
    ),
    "mailgun.webhook_signing_key": ("", ["short", "k" * 15, "k" * 16 + " k", "ü" * 20]),
    "ses.topic_arn": (
        "not a topic, such as arn:aws:sns:eu-west-1:123456789012:keyturn",
        [
            ARN.replace("sns", "sqs"),
            ARN.replace(":1234", ".evil.example/:1234"),
            ARN.replace("aws", "evil"),
            f"{ARN} x",
            f"{ARN}:0a1b-subscription",
        ],
    ),
    "webhooks.secret": (
        "must be a signing secret: whsec_ and base64 of 24 to 64 bytes",
        [
            *(
                SECRET.removeprefix("whsec_"),
                "whsec_c2hvcnQ=",
                f"{SECRET}?",
                f"{SECRET}, whsec_c2hvcnQ=",
            ),
            *("whsec_" + base64.b64encode(bytes(length)).decode() for length in (23, 65)),
        ],
    ),
}


@pytest.mark.parametrize("variable", READ)
def test_what_can_prove_reports_is_read_and_not_shown(read: Read, variable: str) -> None:
    settings = read(**{variable: READ[variable]})
    section = getattr(settings, variable.removeprefix("KEYTURN_").partition("_")[0].lower())

    assert READ[variable] in {getattr(section, name) for name in section.__struct_fields__}
    assert READ[variable] not in repr(settings) or "VERIFICATION" in variable, (
        "only a public key may be shown"
    )


@pytest.mark.parametrize(
    ("setting", "why", "value"),
    [
        pytest.param(setting, why, value, id=f"{setting} {number}")
        for setting, (why, values) in REFUSED.items()
        for number, value in enumerate(values)
    ],
)
@pytest.mark.parametrize("sending", [True, False])
def test_what_cannot_is_only_named(
    faults: Faults, setting: str, why: str, value: str, sending: bool
) -> None:
    toml = 'webhooks.url = "https://app.example.org/hook"' if setting == "webhooks.secret" else ""
    found = faults(toml, **{environment_name(setting): value}, sending=sending)

    assert set(found) == {setting}
    assert why in found[setting]
    assert value not in found[setting] or value in why
    assert setting != "webhooks.secret" or found[setting] == why


def test_a_webhook_s_address_is_a_secret(read: Read) -> None:
    settings = read(
        KEYTURN_WEBHOOKS_URL="https://app.example.org/?key=hunter2", KEYTURN_WEBHOOKS_SECRET=SECRET
    )

    assert settings.webhooks.secret == SECRET
    assert "hunter2" not in repr(settings)


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
