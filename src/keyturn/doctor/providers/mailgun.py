"""Mailgun: whether the key is taken for the domain, and whether the domain may send."""

import msgspec

from keyturn.doctor.finding import Finding
from keyturn.doctor.providers.asking import answer_of, fail, odd_answer
from keyturn.mail.transports.mailgun.sender import messages_path, open_api
from keyturn.mail.transports.provider_api import ACCOUNT_REFUSED, BAD_REQUEST, NOT_FOUND, OK, Answer, ProviderApi
from keyturn.settings import Settings

_DOMAINS, _KEYS = "https://app.mailgun.com/mg/sending/domains", "https://app.mailgun.com/settings/api_security"


class _Domain(msgspec.Struct):
    """Describes a domain (https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/domains)."""

    state: str


class _Found(msgspec.Struct):
    domain: _Domain


async def check_mailgun(settings: Settings) -> list[Finding]:
    """Ask with the sender's own client, for a mail without a recipient, which is refused, and for the domain.

    A key that may only send cannot see the domain.
    """
    name, api = settings.mailgun.domain, open_api(settings.mailgun)
    try:
        refused = await answer_of("mailgun", api, messages_path(settings.mailgun), "POST")
        found = refused if isinstance(refused, Finding) else _judge_key(refused, api, name)
        if found.verdict != "ok":
            return [found]
        domain = await answer_of("mailgun", api, f"/v4/domains/{name}")
        return [found, *([domain] if isinstance(domain, Finding) else _judge_domain(domain, name))]
    finally:
        await api.close()


def _judge_key(answer: Answer, api: ProviderApi, name: str) -> Finding:
    if answer.status in ACCOUNT_REFUSED:
        return fail("mailgun", f"the key is refused ({answer.status})", f"Set MAILGUN_API_KEY to one from {_KEYS}.")
    if answer.status == NOT_FOUND:
        mend = 'Correct mailgun.domain, or set mailgun.api_url to the other region\'s: "https://api.eu.mailgun.net".'
        return fail("mailgun", f"the domain {name} is unknown at {api.url}", mend)
    if answer.status != BAD_REQUEST:
        return odd_answer("mailgun", api, answer)
    return Finding("mailgun", "ok", f"the key is taken, for the domain {name}")


def _judge_domain(answer: Answer, name: str) -> list[Finding]:
    found = answer.read(_Found) if answer.status == OK else None
    if found and found.domain.state != "active":
        mend = f"Add the records that {_DOMAINS} shows to the DNS, and verify them there."
        return [fail("mailgun", f"the domain {name} is {found.domain.state}", mend)]
    return []
