"""What the mails contain, and where their links lead."""

import re
from urllib.parse import urlsplit

from keyturn.hosts import is_loopback
from keyturn.probe.attack import NotTried
from keyturn.probe.run import Finding, Run, failed, passed

_PASSWORD = re.compile(
    r"(?:password|passwort|passwd)\b[^\n:<]{0,30}[:=]\s*(?:<[^>]*>\s*)*([^\s<]{6,64})", re.IGNORECASE
)
_MOST_TRIES = 2

EVIL = "keyturn-probe.invalid"
"""A host that no resolver knows (RFC 6761, 6.4)."""

_HEADERS = (
    {"x-forwarded-host": EVIL, "x-forwarded-server": EVIL, "x-host": EVIL, "forwarded": f"host={EVIL}"},
    {"origin": f"https://{EVIL}", "referer": f"https://{EVIL}/"},
    {"host": EVIL},
)


async def password_mailed(run: Run) -> Finding:
    """Search all mails for a password that the probe set, and sign in with what a mail calls a password."""
    for mail in run.mailbox.since(0):
        if any(password in mail.text for password in run.passwords):
            return failed(f"The mail {mail.subject!r} contains the new password.")
        if "sign_in" in run.calls and run.ann.address in mail.to:
            for candidate in _PASSWORD.findall(mail.text)[:_MOST_TRIES]:
                if await run.works(run.ann, candidate):
                    return failed(f"The mail {mail.subject!r} contains a password that signs in.")
    return passed(f"{len(run.mailbox.since(0))} mails contain no password.")


async def link_not_https(run: Run) -> Finding:
    """Look at the scheme of the mail's link."""
    address = run.first.link.address
    if not address or is_loopback(address):
        raise NotTried("The mail has a code." if not address else "The link leads to this machine, without a network.")
    if urlsplit(address).scheme != "https":
        return failed(f"The link leads to http://{urlsplit(address).netloc}.")
    return passed("The link begins with https.")


async def no_notice(run: Run) -> Finding:
    """Wait for a mail after the first reset."""
    if run.notice is None:
        return failed(f"No mail came within {run.patience.mail:.0f} seconds after the reset.")
    return passed(f"The owner got {run.notice.subject!r}.")


async def host_in_link(run: Run) -> Finding:
    """Ask for links with a foreign host in each header that frameworks read, and search the mails for it."""
    mails, refused = 0, list[str]()
    for headers in _HEADERS:
        before, name = run.mailbox.now(), next(iter(headers))
        page = await run.ask(run.other.address, headers=headers)
        for mail in await run.mailbox.wait(before, run.patience.silence if page.status >= 400 else run.usual_wait):
            mails += 1
            if EVIL in mail.text:
                return failed(f"With another host in {name.title()}, the mail leads to that host.", page)
        refused += [f"{name.title()} ({page.status})"] if page.status >= 400 else []
    if not mails and len(refused) < len(_HEADERS):
        raise NotTried("No mail came: a limit may hold it back. Raise it for the probe.")
    return passed("No mail names the foreign host." + (f" Refused: {', '.join(refused)}." if refused else ""))
