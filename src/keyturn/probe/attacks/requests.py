"""Requests for a link: what their answers tell, how many are answered, and where their mails go."""

import html
import math
import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import median
from urllib.parse import quote

from keyturn.probe.attack import AttackEnded, Limited, failed, judged, not_tried, passed, unsure
from keyturn.probe.attacks.stories import bobs_story
from keyturn.probe.page import Page
from keyturn.probe.run import PASSWORD, Run, pattern_of

_CHANGING = re.compile(
    r"[\w.%+*•-]{0,99}[@*•][\w.%+*•-]*|(?a:[\w./+=-]{0,99}\d[\w./+=-]{7,}|[\w/+=-]{20,})"
)
"""Words that differ in each answer anyway: addresses, also with stars, tokens of forms, times and
ids; no sentences.
"""

_SUSPICIOUS = 0.01
"""The p of a measurement that is repeated.

An application whose times are equal fails once in 20,000 runs.
"""

_TELLING = 0.001
"""Seconds. Whether a smaller difference can be told over a network is not certain."""

_LOOK_ALIKES = {
    "i": "\u0131",
    "s": "\u017f",
    "k": "\u212a",
    "a": "\u00e1",
    "e": "\u00e9",
    "o": "\u00f3",
    "u": "\u00fa",
}
"""Letters and what upper-casing, lower-casing or a collation without accents takes for them."""

_FULL_WIDTH = 0xFEE0
"""From a letter of ASCII to the one that NFKC takes for it (Unicode Standard Annex 15)."""

EVIL = "keyturn-probe.invalid"
"""A host that no resolver knows (RFC 6761, 6.4)."""

_HEADERS = (
    {
        "x-forwarded-host": EVIL,
        "x-forwarded-server": EVIL,
        "x-host": EVIL,
        "forwarded": f"host={EVIL}",
    },
    {"origin": f"https://{EVIL}", "referer": f"https://{EVIL}/"},
    {"host": EVIL},
)


async def answers_differ(run: Run) -> AttackEnded:
    """Compare answers with and without an account: what all of one kind have, and none of the
    other.
    """
    strangers = [run.stranger() for _ in range(3)]
    unknown = [await run.ask(address) for address in strangers[:2]]
    other = await bobs_story(run) if len(run.passwords) > 1 else await run.link_for(run.ann)
    unknown.append(await run.ask(strangers[2]))  # so that neither kind comes first
    mine = [_signs(story.asked, story.account) for story in (run.first, other)]
    others = list(map(_signs, unknown, strangers))
    telling = set.intersection(*mine) - set().union(*others) | set.intersection(
        *others
    ) - set().union(*mine)
    if telling:
        return failed(
            f"This tells them apart: {'; '.join(sorted(telling))}", other.asked, unknown[-1]
        )
    return passed(
        f"{len(mine)} answers for accounts and {len(others)} for strangers look the same."
    )


def _signs(page: Page, address: str) -> set[str]:
    """Return what a client sees of an answer, without the address and words that always change."""

    def steady(text: str) -> str:
        for form in (address, quote(address), quote(address, safe=""), html.escape(address)):
            text = text.replace(form, "…")
        return " ".join(_CHANGING.sub("…", text).split())

    signs = {f"text {steady(line)!r}" for line in page.words.splitlines() if line.strip()}
    for answer in page.all:
        signs |= {f"status {answer.status}", f"redirect to {steady(answer.header('location'))}"}
        signs |= {f"header {name}" for name, _ in answer.headers}
    return signs | {f"cookie {name}" for name in page.cookies}


async def secret_in_answer(run: Run) -> AttackEnded:
    """Search the answers to requests for the token of their mails, and the answers to resets for
    the password.
    """
    for story in run.stories:
        if len(story.mail.token) > 3 and pattern_of(story.mail.token).search(story.asked.received):
            return failed("The answer to the request contains the token of the mail.", story.asked)
        if story.done and PASSWORD.search(story.done.received):
            return failed("The answer to the reset contains the new password.", story.done)
    return passed(f"{len(run.stories)} answers contain neither the token nor the password.")


async def times_differ(run: Run) -> AttackEnded:
    """Measure accounts and strangers in turn, by the rank test of Mann and Whitney; a suspicion is
    measured again.
    """
    if not run.patience.samples:
        raise not_tried("No samples were asked for.")
    first, p, measured = await _measure(run)
    if p > _SUSPICIOUS:
        return passed(measured)
    again, p, said_again = await _measure(run)
    if p > _SUSPICIOUS or first * again < 0:
        return unsure(f"Measured twice, the difference is not the same: {measured} {said_again}")
    if abs(again) < _TELLING:
        return unsure(
            f"The difference is real, but may be too small to tell over a network. {said_again}"
        )
    return failed(said_again)


async def _measure(run: Run) -> tuple[float, float, str]:
    """Return the difference of the medians in seconds, its p, and both in words.

    Raises AttackEnded without the mails.
    """
    known, unknown, before = list[float](), list[float](), len(run.inbox.mails)
    for number in range(run.patience.samples):
        pair = [(known, (run.ann, run.other)[number % 2]), (unknown, run.stranger())]
        random.shuffle(pair)
        for times, address in pair:
            times.append(sum(answer.seconds for answer in (await run.ask(address)).all))
    if sum(map(run.has_link, await run.inbox.all(before, run.usual_wait))) < len(known):
        raise not_tried(
            "A limit held mails back, so the times are those of the limit: raise it for the probe."
        )
    ours, theirs, (_, p, _) = median(known), median(unknown), compare(known, unknown)
    middles = f"{1000 * ours:.1f} ms for accounts, {1000 * theirs:.1f} ms for strangers"
    return ours - theirs, p, f"Medians of {len(known)} pairs: {middles} (p = {p:.2g})."


def compare(mine: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Return the AUC, the two-sided p of the rank test (Mann-Whitney), and the best threshold's
    share.
    """
    ordered, ours = sorted(other), sorted(mine)
    wins = sum((bisect_left(ordered, one) + bisect_right(ordered, one)) / 2 for one in mine)
    n, m = len(mine), len(other)
    z = (wins - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    shares = (bisect_left(ours, one) / n - bisect_left(ordered, one) / m for one in (*mine, *other))
    return wins / (n * m), math.erfc(abs(z) / math.sqrt(2)), 0.5 + max(map(abs, shares)) / 2


async def no_limit(run: Run) -> AttackEnded:
    """Ask for one mailbox many times, and count its mails, once those of earlier requests are
    there.
    """
    before = len(await run.inbox.all(0, run.usual_wait))
    count, pages = run.patience.flood, list[Page]()
    for number in range(count):
        try:
            pages.append(await run.ask(run.ann))
        except Limited:
            return passed(f"Request {number + 1} of {count} was refused with 429.")
        if (status := pages[-1].status) >= 400:
            # An application that breaks down has not shown a limit.
            judge = passed if status < 500 else unsure
            return judge(f"Request {number + 1} of {count} was refused with {status}.", pages[-1])
    mails = [mail for mail in await run.inbox.all(before, run.usual_wait) if mail.is_for(run.ann)]
    if len(mails) >= count:
        return failed(
            f"{count} requests in a row sent {len(mails)} mails to {run.ann}.", *pages[:1]
        )
    return passed(f"{count} requests in a row sent {len(mails)} mails.")


async def _judge(run: Run, typed: Sequence[object]) -> AttackEnded:
    """Ask with each of the inputs, and look whether links come to addresses that never got any
    before.
    """
    if (owner := run.other) != run.ann:
        await bobs_story(run)  # shows where the mails of this account go
    before = len(run.inbox.mails)
    known = {owner}.union(*(story.mail.to for story in run.stories if story.account == owner))
    pages = [await run.ask(one) for one in typed]
    mails = [mail for mail in await run.inbox.all(before, run.usual_wait) if run.has_link(mail)]
    if not mails:
        await run.link_for(owner)  # raises AttackEnded if a limit holds mails back
    others = sorted({to for mail in mails for to in mail.to - known})
    wrong = f"A link for {owner} went to {', '.join(others)}."
    return judged(
        bool(others), wrong, f"Links went to no other address ({len(mails)} came).", *pages
    )


async def address_list(run: Run) -> AttackEnded:
    """Ask for a link for an account and a stranger's address together, as a list and as a text with
    a comma.
    """
    owner, stranger = run.other, run.stranger()
    both = [owner, stranger], [stranger, owner]
    return await _judge(run, [*both, *map(tuple, both), f"{owner},{stranger}"])


async def address_header(run: Run) -> AttackEnded:
    """Ask for a link for an address that goes on, behind a line break, with a header Bcc."""
    owner, stranger = run.other, run.stranger()
    return await _judge(run, [f"{owner}\r\nBcc: {stranger}", f"{owner}\nBcc: {stranger}"])


async def address_look_alike(run: Run) -> AttackEnded:
    """Ask for a link for addresses that only look like the account's, or that Unicode folds into
    it.
    """
    name, _, domain = run.other.lower().rpartition("@")
    names = [chr(ord(name[0]) + _FULL_WIDTH) + name[1:]]
    names += [
        name.replace(letter, other, 1) for letter, other in _LOOK_ALIKES.items() if letter in name
    ]
    return await _judge(run, [f"{one}@{domain}" for one in names[:4]])


async def mail_to_typed(run: Run) -> AttackEnded:
    """Ask for a link in other case and with a +tag: its mail has to go to the stored address."""
    name, _, domain = run.other.rpartition("@")
    return await _judge(run, [f"{name.swapcase()}@{domain}", f"{name}+keyturn@{domain}"])


async def host_in_link(run: Run) -> AttackEnded:
    """Ask for links with a foreign host in each header that frameworks read, and search the mails
    for it.
    """
    silent, refused = list[str](), list[str]()
    for headers in _HEADERS:
        before, name = len(run.inbox.mails), next(iter(headers)).title()
        page = await run.ask(run.other, headers)
        mails = await run.inbox.wait(before, run.usual_wait, lambda mail: mail.is_for(run.other))
        if any(EVIL in mail.text for mail in mails):
            return failed(f"With another host in {name}, the mail leads to that host.", page)
        refused += [f"{name} ({page.status})"] if page.status >= 400 else []
        silent += [name] if not mails and page.status < 400 else []
    if silent:
        raise not_tried(
            f"No mail came with another host in {', '.join(silent)}: a limit may hold it back. "
            "Raise it."
        )
    return passed(
        "No mail names the foreign host." + (f" Refused: {', '.join(refused)}." if refused else "")
    )
