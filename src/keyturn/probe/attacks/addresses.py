"""Addresses that an application reads otherwise than its database or its mail server."""

from collections.abc import Iterator, Sequence

from keyturn.probe.mailbox import Mail
from keyturn.probe.run import Finding, Run, failed, passed
from keyturn.probe.web import Page

_LOOK_ALIKES = (
    ("i", "\u0131"),
    ("s", "\u017f"),
    ("k", "\u212a"),
    ("a", "\u00e1"),
    ("e", "\u00e9"),
    ("o", "\u00f3"),
    ("u", "\u00fa"),
)
"""Letters and what upper-casing, lower-casing or a collation without accents takes for them."""

_FULL_WIDTH = 0xFEE0
"""From a letter of ASCII to the one that NFKC takes for it (Unicode Standard Annex 15)."""


async def _mails_for(run: Run, typed: Sequence[object]) -> tuple[list[Mail], list[Page]]:
    """Ask with each of the inputs, and return the mails with a link that came, and the answers."""
    before = run.mailbox.now()
    pages = [await run.ask(one) for one in typed]
    mails = await run.mailbox.all(before, run.usual_wait)
    return [mail for mail in mails if run.reset_link(mail)], pages


async def address_list(run: Run) -> Finding:
    """Ask for a link for an account and a stranger's address together, as a list and as a text with a comma."""
    owner, stranger = run.other.address, run.stranger()
    mails, pages = await _mails_for(run, [[owner, stranger], [stranger, owner], f"{owner},{stranger}"])
    if any(stranger in mail.to for mail in mails):
        return failed(f"A link for {owner} went to the second address as well.", *pages)
    return passed("No link went to the second address.", *pages)


async def address_header(run: Run) -> Finding:
    """Ask for a link for an address that goes on, behind a line break, with a header Bcc."""
    owner, stranger = run.other.address, run.stranger()
    mails, pages = await _mails_for(run, [f"{owner}\r\nBcc: {stranger}", f"{owner}\nBcc: {stranger}"])
    for mail in mails:
        if stranger in mail.to or stranger in mail.content.header("bcc"):
            return failed("The mail has the header that the address brought along.", *pages)
    return passed("No mail has the header that the address brought along.", *pages)


async def address_look_alike(run: Run) -> Finding:
    """Ask for a link for addresses that only look like the account's, or that Unicode folds into it."""
    owner = run.other.address
    mails, pages = await _mails_for(run, list(_look_alikes(owner)))
    for mail in mails:
        if strangers := [to for to in mail.to if not to.isascii()]:
            return failed(f"A link went to {strangers[0]}, which is not {owner}.", *pages)
    return passed(f"No link went to a look-alike of {owner}.", *pages)


def _look_alikes(address: str) -> Iterator[str]:
    name, _, domain = address.rpartition("@")
    yield f"{chr(ord(name[0]) + _FULL_WIDTH)}{name[1:]}@{domain}"
    for letter, other in [(letter, other) for letter, other in _LOOK_ALIKES if letter in name.lower()][:3]:
        yield f"{name.lower().replace(letter, other, 1)}@{domain}"


async def mail_to_typed(run: Run) -> Finding:
    """Ask for a link in other case and with a +tag, and look where the mail goes."""
    name, _, domain = run.other.address.rpartition("@")
    typed = [f"{name.swapcase()}@{domain}", f"{name}+keyturn@{domain}"]
    mails, pages = await _mails_for(run, typed)
    for mail in mails:
        if strangers := [to for to in mail.to if to in typed]:
            return failed(f"A link went to {strangers[0]} instead of {run.other.address}.", *pages)
    return passed(f"{len(mails)} links went to the stored address.", *pages)
