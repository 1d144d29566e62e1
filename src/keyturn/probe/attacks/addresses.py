"""Addresses that an application reads otherwise than its database or its mail server."""

from collections.abc import Iterator, Sequence

from keyturn.probe.run import Finding, Run, judged

_LOOK_ALIKES = {"i": "\u0131", "s": "\u017f", "k": "\u212a", "a": "\u00e1", "e": "\u00e9", "o": "\u00f3", "u": "\u00fa"}
"""Letters and what upper-casing, lower-casing or a collation without accents takes for them."""

_FULL_WIDTH = 0xFEE0
"""From a letter of ASCII to the one that NFKC takes for it (Unicode Standard Annex 15)."""


async def _judge(run: Run, typed: Sequence[object]) -> Finding:
    """Ask with each of the inputs, and look whether links come to addresses that never got any before."""
    owner, before = run.other, run.mailbox.now()
    known = {owner.address}.union(*(story.mail.to for story in run.stories if story.account is owner))
    pages = [await run.ask(one) for one in typed]
    mails = [mail for mail in await run.mailbox.all(before, run.usual_wait) if run.reset_link(mail)]
    if not mails:
        await run.link_for(owner)  # raises NotTried if a limit holds mails back
    others = sorted({to for mail in mails for to in mail.to - known})
    wrong = f"A link for {owner.address} went to {', '.join(others)}."
    return judged(bool(others), wrong, f"Links went to no other address ({len(mails)} came).", *pages)


async def address_list(run: Run) -> Finding:
    """Ask for a link for an account and a stranger's address together, as a list and as a text with a comma."""
    owner, stranger = run.other.address, run.stranger()
    return await _judge(run, [[owner, stranger], [stranger, owner], f"{owner},{stranger}"])


async def address_header(run: Run) -> Finding:
    """Ask for a link for an address that goes on, behind a line break, with a header Bcc."""
    owner, stranger = run.other.address, run.stranger()
    return await _judge(run, [f"{owner}\r\nBcc: {stranger}", f"{owner}\nBcc: {stranger}"])


async def address_look_alike(run: Run) -> Finding:
    """Ask for a link for addresses that only look like the account's, or that Unicode folds into it."""
    return await _judge(run, list(_look_alikes(run.other.address)))


def _look_alikes(address: str) -> Iterator[str]:
    name, _, domain = address.lower().rpartition("@")
    yield f"{chr(ord(name[0]) + _FULL_WIDTH)}{name[1:]}@{domain}"
    for letter in [letter for letter in _LOOK_ALIKES if letter in name][:3]:
        yield f"{name.replace(letter, _LOOK_ALIKES[letter], 1)}@{domain}"


async def mail_to_typed(run: Run) -> Finding:
    """Ask for a link in other case and with a +tag: its mail has to go to the stored address."""
    name, _, domain = run.other.address.rpartition("@")
    return await _judge(run, [f"{name.swapcase()}@{domain}", f"{name}+keyturn@{domain}"])
