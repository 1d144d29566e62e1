"""What a chosen way out for mails cannot do without."""

import re
from collections.abc import Iterator, Mapping

from keyturn.errors import Fault
from keyturn.settings.model import Settings
from keyturn.settings.url_rules import is_host, service_faults

NEEDED: Mapping[str, Mapping[str, str]] = {
    "resend": {"resend.api_key": "RESEND_API_KEY"},
    "postmark": {"postmark.server_token": "POSTMARK_SERVER_TOKEN"},
    "sendgrid": {"sendgrid.api_key": "SENDGRID_API_KEY"},
    "mailgun": {"mailgun.api_key": "MAILGUN_API_KEY", "mailgun.domain": "mailgun.domain"},
    "ses": {
        "ses.region": "AWS_REGION",
        "ses.access_key_id": "AWS_ACCESS_KEY_ID",
        "ses.secret_access_key": "AWS_SECRET_ACCESS_KEY",
    },
    "smtp": {"smtp.host": "smtp.host"},
    "capture": {},
}
"""For each transport what must be set, and the name that people know it by."""

TRIAL = "; to try it without, set KEYTURN_MAIL_TRANSPORT=capture: mails are kept in .keyturn/mail, and none is sent"

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_TEMPORARY = "ASIA"
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"""


def transport_faults(settings: Settings) -> Iterator[Fault]:
    """Yield what keeps a process that sends mails from it."""
    chosen = {settings.mail.transport: "mail.transport"} | {settings.mail.fallback: "mail.fallback"}
    for transport, chosen_by in chosen.items():
        for known_as in missing_settings(transport, settings):
            without = TRIAL if chosen_by == "mail.transport" else ""
            yield Fault(known_as, f"missing: {chosen_by} is {transport}{without}")
        if url := getattr(getattr(settings, transport, None), "api_url", ""):
            yield from service_faults(f"{transport}.api_url", url, production=settings.environment == "production")
        yield from _value_faults(transport, settings)
    if settings.mail.fallback == settings.mail.transport:
        yield Fault("mail.fallback", "is the transport itself")
    if not settings.mail.from_ and settings.mail.transport != "capture":
        yield Fault("mail.from", "missing: the address that mails come from")


def _value_faults(transport: str, settings: Settings) -> Iterator[Fault]:
    """Yield what cannot work. Of a transport that is not chosen nobody asks: AWS's variables serve others, too."""
    if transport == "mailgun" and settings.mailgun.domain and not is_host(settings.mailgun.domain):
        yield Fault("mailgun.domain", "not a domain, as in mg.northwind.example")
    if transport == "ses" and settings.ses.region and not _REGION.fullmatch(settings.ses.region):
        yield Fault("ses.region", "not a region, as in eu-west-1")
    if transport == "ses" and settings.ses.access_key_id.startswith(_TEMPORARY):
        yield Fault("ses.access_key_id", "is a temporary key, which ends within hours: take one of an IAM user")


def missing_settings(transport: str, settings: Settings) -> Iterator[str]:
    """Yield what the transport needs and is not set."""
    for name, known_as in NEEDED.get(transport, {}).items():
        section, key = name.split(".")
        if not getattr(getattr(settings, section), key):
            yield known_as
