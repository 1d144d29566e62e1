"""What each mail provider requires, and that no key travels unencrypted."""

import pytest
from tests.functions.settings.reading import Faults, Read

from keyturn.mail.providers import PROVIDERS

COMPLETE = {
    "postmark": {"POSTMARK_SERVER_TOKEN": "a-token"},
    "sendgrid": {"SENDGRID_API_KEY": "a-key"},
    "mailgun": {"MAILGUN_API_KEY": "a-key", "KEYTURN_MAILGUN_DOMAIN": "mg.northwind.example"},
    "ses": {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIAKEYTURN", "AWS_SECRET_ACCESS_KEY": "a-key"},
    "smtp": {"KEYTURN_SMTP_HOST": "mx.northwind.example"},
}


@pytest.mark.parametrize("chosen_by", ["transport", "fallback"])
@pytest.mark.parametrize("transport", COMPLETE)
def test_what_is_missing_is_named_as_people_know_it(faults: Faults, transport: str, chosen_by: str) -> None:
    found = faults(**{f"KEYTURN_MAIL_{chosen_by.upper()}": transport})

    assert set(found) == {*map(PROVIDERS[transport].known_as, PROVIDERS[transport].needs)}
    without = "; to save mails in .keyturn/mail instead of sending them, set KEYTURN_MAIL_TRANSPORT=capture"
    told = f"missing: mail.{chosen_by} is {transport}"
    assert set(found.values()) == {told + without if chosen_by == "transport" else told}


@pytest.mark.parametrize("transport", ["resend", *(name for name in COMPLETE if name != "smtp")])
def test_a_key_is_sent_over_https_alone(faults: Faults, read: Read, transport: str) -> None:
    chosen = {"KEYTURN_MAIL_TRANSPORT": transport, **COMPLETE.get(transport, {})}
    setting = f"KEYTURN_{transport.upper()}_API_URL"

    assert "must be https" in faults(**chosen, **{setting: "http://api.example"})[f"{transport}.api_url"]
    assert "must be an address" in faults(**chosen, **{setting: "api.example"})[f"{transport}.api_url"]
    assert read(**chosen, **{setting: "http://127.0.0.1:8025"})


@pytest.mark.parametrize(
    "domain", ["https://mg.northwind.example", "mg northwind", "mg.northwind.example/v3", "a@b.example"]
)
def test_mailguns_domain_is_a_name_alone(faults: Faults, domain: str) -> None:
    chosen = {"KEYTURN_MAIL_TRANSPORT": "mailgun", **COMPLETE["mailgun"], "KEYTURN_MAILGUN_DOMAIN": domain}
    assert faults(**chosen) == {"mailgun.domain": "not a domain, such as mg.northwind.example"}


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("region", "Ireland", "not a region, such as eu-west-1"),
        ("region", "eu-west-1.evil.example/", "not a region, such as eu-west-1"),
        ("access_key_id", "ASIAKEYTURN", "is a temporary key, which expires within hours: use a key of an IAM user"),
    ],
)
def test_what_cannot_be_a_region_or_a_lasting_key_is_named_where_ses_is_chosen(
    faults: Faults, read: Read, name: str, text: str, fault: str
) -> None:
    written = {**COMPLETE["ses"], f"KEYTURN_SES_{name.upper()}": text}

    assert faults(KEYTURN_MAIL_FALLBACK="ses", **written) == {f"ses.{name}": fault}
    assert read(**written)
