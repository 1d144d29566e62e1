"""SendGrid: whether the key is taken, may send, and whether the sender's domain is authenticated."""

import msgspec

from keyturn.doctor.domain import domain_of
from keyturn.doctor.finding import Finding
from keyturn.doctor.providers.asking import answer_of, fail, odd_answer
from keyturn.mail.transports.provider_api import ACCOUNT_REFUSED, OK, Answer, ProviderApi
from keyturn.mail.transports.sendgrid.sender import open_api
from keyturn.settings import Settings

_KEYS, _SENDERS = "https://app.sendgrid.com/settings/api_keys", "https://app.sendgrid.com/settings/sender_auth"
_SEND, _SEE_DOMAINS = "mail.send", "whitelabel.read"


class _Scopes(msgspec.Struct):
    """Says what a key may do (https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions)."""

    scopes: list[str]


class _Domain(msgspec.Struct):
    """Describes a domain of the account (https://www.twilio.com/docs/sendgrid/api-reference/domain-authentication)."""

    domain: str
    valid: bool


async def check_sendgrid(settings: Settings) -> list[Finding]:
    """Ask with the sender's own client. A key that may only send cannot see the domains."""
    api = open_api(settings.sendgrid)
    try:
        answer = await answer_of("sendgrid", api, "/v3/scopes")
        if isinstance(answer, Finding):
            return [answer]
        found, scopes = _judge_key(answer, api)
        if found.verdict == "fail" or _SEE_DOMAINS not in scopes:
            return [found]
        name = domain_of(settings.mail.from_)
        domains = await answer_of("sendgrid", api, f"/v3/whitelabel/domains?domain={name}")
        return [found, domains if isinstance(domains, Finding) else _judge_domain(domains, api, name)]
    finally:
        await api.close()


def _judge_key(answer: Answer, api: ProviderApi) -> tuple[Finding, list[str]]:
    if answer.status in ACCOUNT_REFUSED:
        mend = f"Set SENDGRID_API_KEY to one from {_KEYS}."
        return fail("sendgrid", f"the key is refused ({answer.status})", mend), []
    found = answer.read(_Scopes) if answer.status == OK else None
    if not found:
        return odd_answer("sendgrid", api, answer), []
    if _SEND not in found.scopes:
        return fail("sendgrid", "the key may not send", f'Give it full access to "Mail Send" at {_KEYS}.'), []
    if _SEE_DOMAINS not in found.scopes:
        message = "the key is taken; it may not see the account's domains, which is not needed"
        return Finding("sendgrid", "ok", message), []
    return Finding("sendgrid", "ok", "the key is taken, and may send"), found.scopes


def _judge_domain(answer: Answer, api: ProviderApi, name: str) -> Finding:
    domains = answer.read(list[_Domain]) if answer.status == OK else None
    if domains is None:
        return odd_answer("sendgrid", api, answer)
    if any(one.domain == name and one.valid for one in domains):
        return Finding("sendgrid", "ok", f"{name} is authenticated")
    # A single sender that is verified may send, too; but its mails fail DMARC.
    message = f"{name} is not authenticated" + (" yet" if any(one.domain == name for one in domains) else "")
    return Finding("sendgrid", "warn", message, f"Authenticate the domain at {_SENDERS}.")
