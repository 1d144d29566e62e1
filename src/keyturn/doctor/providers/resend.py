"""Resend: whether the key is taken, whether the domain is verified, and whether Resend rewrites the links."""

import resend
from resend.exceptions import ResendError

from keyturn.doctor.domain import domain_of
from keyturn.doctor.finding import Finding
from keyturn.mail.transports.resend.sender import ResendSender
from keyturn.settings import Settings

SANDBOX = "resend.dev"
"""The domain of Resend's own test sender."""

_DOMAINS = "https://resend.com/domains"
_KEY_REFUSED = {400, 401, 403, 422}
"""Resend says 400 or 401 of a key that is malformed, 403 of one that it does not know."""

_UNREACHABLE = {"HttpClientError", "unreachable"}
_TOO_MANY = 429


async def check_resend(settings: Settings) -> list[Finding]:
    """Ask with the sender's own client, so that what holds here holds for a mail."""
    sender = ResendSender(settings.resend.api_key, settings.resend.api_url, settings.resend.timeout)
    domain = domain_of(settings.mail.from_)
    try:
        return [*_check_sandbox(domain), *await _check_domain(domain)]
    except ResendError as error:
        return [*_check_sandbox(domain), _explain_refusal(error, settings.resend.api_url)]
    finally:
        await sender.close()


def _check_sandbox(domain: str) -> list[Finding]:
    if domain != SANDBOX:
        return []
    message = f"a mail from {SANDBOX} reaches nobody but the owner of the account"
    return [
        Finding("resend", "warn", message, f"Verify a domain at {_DOMAINS}, and set mail.from to an address in it.")
    ]


async def _check_domain(name: str) -> list[Finding]:
    domains = {one["name"].lower(): one["id"] for one in (await resend.Domains.list_async())["data"]}
    if name == SANDBOX:
        return [Finding("resend", "ok", "the key is taken")]
    if name not in domains:
        others = f", or set mail.from to an address in {', '.join(sorted(domains))}" if domains else ""
        return [_fail(f"{name} is none of the account's domains", f"Add it at {_DOMAINS}{others}.")]
    domain = await resend.Domains.get_async(domains[name])
    return [_check_verification(domain), *_check_tracking(domain)]


def _check_verification(domain: resend.Domain) -> Finding:
    name, status = domain["name"], domain["status"]
    if status == "verified":
        return Finding("resend", "ok", f"the key is taken, and {name} is verified")
    missing = "; ".join(
        f'{record["type"]} {record["name"]} "{record["value"]}"'
        for record in domain["records"] or ()
        if record["status"] != "verified"
    )
    mend = f"Add to the DNS: {missing}; then press" if missing else "Press"
    return _fail(f"{name} is not verified yet ({status})", f"{mend} Verify at {_DOMAINS}.")


def _check_tracking(domain: resend.Domain) -> list[Finding]:
    """Click tracking replaces the links by Resend's own (https://resend.com/docs/dashboard/domains/tracking)."""
    if not domain.get("click_tracking"):
        return []
    name = domain["name"]
    message = f"click tracking is on for {name}: Resend sees and keeps every reset link"
    return [Finding("resend", "warn", message, f"Turn click tracking off for {name} at {_DOMAINS}.")]


def _explain_refusal(error: ResendError, api_url: str) -> Finding:
    code, name = int(error.code), error.error_type
    if name == "restricted_api_key":
        return Finding("resend", "ok", "the key is taken; it may send and nothing else, which is all that is needed")
    if code in _KEY_REFUSED:
        return _fail(
            f"the key is refused ({code} {name})", "Set RESEND_API_KEY to one from https://resend.com/api-keys."
        )
    if name in _UNREACHABLE:
        return _fail(
            f"{api_url} cannot be reached", f"Let this machine connect to {api_url}, or correct resend.api_url."
        )
    if code < _TOO_MANY:
        return _fail(f"{api_url} does not answer as Resend does ({code})", "Correct resend.api_url, or take it out.")
    again = "Run `keyturn doctor` again in a while; https://resend-status.com tells of troubles."
    return Finding("resend", "warn", f"could not be checked ({code} {name})", again)


def _fail(message: str, mend: str) -> Finding:
    return Finding("resend", "fail", message, mend)
