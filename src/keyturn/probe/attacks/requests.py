"""Requests for a link: what their answers tell, how many are answered, and where their mails go."""

import html
import math
import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple
from urllib.parse import quote

from keyturn.probe.attack import (
    AttackFinding,
    Limited,
    NotTried,
    failed,
    passed,
    unsure,
)
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


async def answers_differ(run: Run) -> AttackFinding:
    """Compare answers with and without an account: what all of one kind have, and none of the
    other.
    """
    strangers = [run.stranger() for _ in range(3)]
    unknown: list[Page] = []
    for address in strangers[:2]:
        unknown.append(await run.ask(address))
    if len(run.passwords) > 1:
        other = await bobs_story(run)
    else:
        other = await run.link_for(run.ann)
    unknown.append(await run.ask(strangers[2]))  # so that neither kind comes first
    with_account = [_signs(story.asked, story.account) for story in (run.first, other)]
    without = list(map(_signs, unknown, strangers))
    tell_account = set.intersection(*with_account) - set[str]().union(*without)
    tell_stranger = set.intersection(*without) - set[str]().union(*with_account)
    telling = sorted(tell_account | tell_stranger)
    if telling:
        return failed(f"This tells them apart: {'; '.join(telling)}", other.asked, unknown[-1])
    return passed(
        f"{len(with_account)} answers for accounts and {len(without)} for strangers look the same."
    )


def _signs(page: Page, address: str) -> set[str]:
    """Return what a client sees of an answer, without the address and words that always change."""
    signs = set()
    for line in page.words.splitlines():
        if line.strip():
            signs.add(f"text {_steady(line, address)!r}")
    for answer in page.all:
        signs.add(f"status {answer.status}")
        signs.add(f"redirect to {_steady(answer.header('location'), address)}")
        for name, _ in answer.headers:
            signs.add(f"header {name}")
    for name in page.cookies:
        signs.add(f"cookie {name}")
    return signs


def _steady(text: str, address: str) -> str:
    for form in (address, quote(address), quote(address, safe=""), html.escape(address)):
        text = text.replace(form, "…")
    return " ".join(_CHANGING.sub("…", text).split())


async def secret_in_answer(run: Run) -> AttackFinding:
    """Search the answers to requests for the token of their mails, and the answers to resets for
    the password.
    """
    for story in run.stories:
        token = story.mail.token
        if len(token) > 3 and pattern_of(token).search(story.asked.received):
            return failed("The answer to the request contains the token of the mail.", story.asked)
        if story.done and PASSWORD.search(story.done.received):
            return failed("The answer to the reset contains the new password.", story.done)
    return passed(f"{len(run.stories)} answers contain neither the token nor the password.")


async def times_differ(run: Run) -> AttackFinding:
    """Measure accounts and strangers in turn, by the rank test of Mann and Whitney; a suspicion is
    measured again.
    """
    if not run.patience.samples:
        raise NotTried("No samples were asked for.")
    first = await _measure(run)
    if first.p > _SUSPICIOUS:
        return passed(first.words)
    second = await _measure(run)
    if second.p > _SUSPICIOUS or first.difference * second.difference < 0:
        return unsure(
            f"Measured twice, the difference is not the same: {first.words} {second.words}"
        )
    if abs(second.difference) < _TELLING:
        return unsure(
            f"The difference is real, but may be too small to tell over a network. {second.words}"
        )
    return failed(second.words)


class Measurement(NamedTuple):
    """Times of requests for accounts and for strangers.

    `difference`: of the medians, in seconds; negative if strangers take longer.
    `p`: the probability of such a difference by chance.
    `words`: both as a sentence.
    """

    difference: float
    p: float
    words: str


async def _measure(run: Run) -> Measurement:
    """Measure pairs of requests, in an order by chance. Raises AttackEnded without the mails."""
    accounts: list[float] = []
    strangers: list[float] = []
    before = len(run.inbox.mails)
    for number in range(run.patience.samples):
        account = run.ann if number % 2 == 0 else run.other
        pair = [(accounts, account), (strangers, run.stranger())]
        random.shuffle(pair)
        for times, address in pair:
            page = await run.ask(address)
            times.append(sum(answer.seconds for answer in page.all))
    mails = await run.inbox.all(before, run.usual_wait)
    if sum(map(run.has_link, mails)) < len(accounts):
        raise NotTried(
            "A limit held mails back, so the times are those of the limit: raise it for the probe."
        )
    of_accounts = median(accounts)
    of_strangers = median(strangers)
    p = rank_test(accounts, strangers).p
    middles = (
        f"{1000 * of_accounts:.1f} ms for accounts, {1000 * of_strangers:.1f} ms for strangers"
    )
    words = f"Medians of {len(accounts)} pairs: {middles} (p = {p:.2g})."
    return Measurement(of_accounts - of_strangers, p, words)


class RankTest(NamedTuple):
    """The rank test of Mann and Whitney on two lists of numbers.

    `area`: the share of pairs in which the number of the first list is larger (AUC); 0.5 if the
    lists are alike.
    `p`: the two-sided probability of such a share by chance.
    """

    area: float
    p: float


def rank_test(mine: Sequence[float], other: Sequence[float]) -> RankTest:
    n = len(mine)
    m = len(other)
    in_order = sorted(other)
    wins = 0.0  # pairs in which the number of `mine` is larger; equal ones count half
    for one in mine:
        wins += (bisect_left(in_order, one) + bisect_right(in_order, one)) / 2
    # The normal approximation: wins have the mean nm/2 and the variance nm(n + m + 1)/12.
    z = (wins - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return RankTest(wins / (n * m), math.erfc(abs(z) / math.sqrt(2)))


async def no_limit(run: Run) -> AttackFinding:
    """Ask for one mailbox many times, and count its mails, once those of earlier requests are
    there.
    """
    before = len(await run.inbox.all(0, run.usual_wait))
    count = run.patience.flood
    pages: list[Page] = []
    for number in range(1, count + 1):
        try:
            page = await run.ask(run.ann)
        except Limited:
            return passed(f"Request {number} of {count} was refused with 429.")
        pages.append(page)
        refused = f"Request {number} of {count} was refused with {page.status}."
        if page.status >= 500:  # an application that breaks down has not shown a limit
            return unsure(refused, page)
        if page.status >= 400:
            return passed(refused, page)
    mails = await run.inbox.all(before, run.usual_wait)
    sent = [mail for mail in mails if mail.is_for(run.ann)]
    if len(sent) >= count:
        return failed(f"{count} requests in a row sent {len(sent)} mails to {run.ann}.", *pages[:1])
    return passed(f"{count} requests in a row sent {len(sent)} mails.")


async def _search_other_mailboxes(run: Run, inputs: Sequence[object]) -> AttackFinding:
    """Ask with each of the inputs, and look whether links come to addresses that never got any
    before.
    """
    owner = run.other
    if owner != run.ann:
        await bobs_story(run)  # shows where the mails of this account go
    before = len(run.inbox.mails)
    known = {owner}
    for story in run.stories:
        if story.account == owner:
            known |= story.mail.to
    pages: list[Page] = []
    for one in inputs:
        pages.append(await run.ask(one))
    mails = await run.inbox.all(before, run.usual_wait)
    links = [mail for mail in mails if run.has_link(mail)]
    if not links:
        await run.link_for(owner)  # raises AttackEnded if a limit holds mails back
    others: set[str] = set()
    for mail in links:
        others |= mail.to - known
    if others:
        return failed(f"A link for {owner} went to {', '.join(sorted(others))}.", *pages)
    return passed(f"Links went to no other address ({len(links)} came).", *pages)


async def address_list(run: Run) -> AttackFinding:
    """Ask for a link for an account and a stranger's address together, as a list and as a text with
    a comma.
    """
    owner = run.other
    stranger = run.stranger()
    inputs = [
        [owner, stranger],
        [stranger, owner],
        (owner, stranger),
        (stranger, owner),
        f"{owner},{stranger}",
    ]
    return await _search_other_mailboxes(run, inputs)


async def address_header(run: Run) -> AttackFinding:
    """Ask for a link for an address that goes on, behind a line break, with a header Bcc."""
    owner = run.other
    stranger = run.stranger()
    inputs = [f"{owner}\r\nBcc: {stranger}", f"{owner}\nBcc: {stranger}"]
    return await _search_other_mailboxes(run, inputs)


async def address_look_alike(run: Run) -> AttackFinding:
    """Ask for a link for addresses that only look like the account's, or that Unicode folds into
    it.
    """
    name, _, domain = run.other.lower().rpartition("@")
    look_alikes = [chr(ord(name[0]) + _FULL_WIDTH) + name[1:]]
    for letter, other in _LOOK_ALIKES.items():
        if letter in name:
            look_alikes.append(name.replace(letter, other, 1))
    inputs = [f"{look_alike}@{domain}" for look_alike in look_alikes[:4]]
    return await _search_other_mailboxes(run, inputs)


async def mail_to_typed(run: Run) -> AttackFinding:
    """Ask for a link in other case and with a +tag: its mail has to go to the stored address."""
    name, _, domain = run.other.rpartition("@")
    inputs = [f"{name.swapcase()}@{domain}", f"{name}+keyturn@{domain}"]
    return await _search_other_mailboxes(run, inputs)


async def host_in_link(run: Run) -> AttackFinding:
    """Ask for links with a foreign host in each header that frameworks read, and search the mails
    for it.
    """
    silent: list[str] = []
    refused: list[str] = []
    for headers in _HEADERS:
        name = next(iter(headers)).title()
        before = len(run.inbox.mails)
        page = await run.ask(run.other, headers)
        mails = await run.inbox.wait(before, run.usual_wait, lambda mail: mail.is_for(run.other))
        if any(EVIL in mail.text for mail in mails):
            return failed(f"With another host in {name}, the mail leads to that host.", page)
        if page.status >= 400:
            refused.append(f"{name} ({page.status})")
        elif not mails:
            silent.append(name)
    if silent:
        raise NotTried(
            f"No mail came with another host in {', '.join(silent)}: a limit may hold it back. "
            "Raise it."
        )
    message = "No mail names the foreign host."
    if refused:
        message += f" Refused: {', '.join(refused)}."
    return passed(message)
