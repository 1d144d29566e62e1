"""What the answer to a request for a link tells, and how often it may be asked."""

import html
import random
import re
from statistics import median
from urllib.parse import quote

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.probe.attack import NotTried
from keyturn.probe.attacks.stories import bobs_story
from keyturn.probe.ranks import compare
from keyturn.probe.run import Finding, Run, failed, passed, unsure
from keyturn.probe.web import Page

_CHANGING = re.compile(r"[\w.%+*•-]{0,99}[@*•][\w.%+*•-]*|[\w./+=-]{0,99}\d[\w./+=-]{7,}|[\w/+=-]{20,}")
"""Words that differ from answer to answer anyway: addresses, also with stars, tokens of forms, times and ids."""

_SUSPICIOUS = 0.01
"""The p of a measurement that is repeated. An application whose times are equal fails once in 20,000 runs."""

_TELLING = 0.001
"""Seconds. Whether a smaller difference can be told over a network is not certain."""


async def answers_differ(run: Run) -> Finding:
    """Compare the answers for addresses with and without an account, each asked in a new browser.

    Something differs if all answers of one kind have it, and none of the other. So what changes each time is no sign.
    """
    strangers = [run.stranger() for _ in range(3)]
    unknown = [await run.ask(address) for address in strangers[:2]]
    other = await bobs_story(run) if len(run.accounts) > 1 else await run.link_for(run.ann)
    unknown.append(await run.ask(strangers[2]))  # so that neither kind comes first
    mine = [_signs(story.asked, story.account.address) for story in (run.first, other)]
    others = list(map(_signs, unknown, strangers))
    telling = set.intersection(*mine) - set().union(*others) | set.intersection(*others) - set().union(*mine)
    if telling:
        return failed(f"This tells them apart: {'; '.join(sorted(telling))}", other.asked, unknown[-1])
    return passed(f"{len(mine)} answers for accounts and {len(others)} for strangers look the same.")


def _signs(page: Page, address: str) -> set[str]:
    """Return what a client sees of an answer, without the address and words that change each time."""
    signs = set[str]()
    for answer in page.all:
        signs |= {f"status {answer.status}", *(f"header {name}" for name, _ in answer.headers)}
        signs |= {f"cookie {name}" for name in answer.cookies}
        signs.add(f"redirect to {_steady(answer.header('location'), address)}")
    text = parse_html(page.body).lines() if page.is_html else page.body
    return signs | {f"text {_steady(line, address)!r}" for line in text.splitlines() if line.strip()}


def _steady(text: str, address: str) -> str:
    for form in (address, quote(address), quote(address, safe=""), html.escape(address)):
        text = text.replace(form, "…")
    return " ".join(_CHANGING.sub("…", text).split())


async def secret_in_answer(run: Run) -> Finding:
    """Search the answers to requests for the token of their mails, and the answers to resets for the password."""
    for story in run.stories:
        if story.link.token in story.asked.text and len(story.link.token) > 3:
            return failed("The answer to the request contains the token of the mail.", story.asked)
        for password in run.passwords:
            if story.done and password in story.done.text:
                return failed("The answer to the reset contains the new password.", story.done)
    return passed(f"{len(run.stories)} answers contain neither the token nor the password.")


async def times_differ(run: Run) -> Finding:
    """Measure requests for accounts and strangers in turn, and compare them by the rank test of Mann and Whitney.

    A suspicion is measured again, so that noise fails nobody.
    """
    if not run.patience.samples:
        raise NotTried("No samples were asked for.")
    before = run.mailbox.now()
    first = await _measure(run)
    if compare(*first)[1] > _SUSPICIOUS:
        return passed(_in_words(*first))
    again = await _measure(run)
    if len(await run.mailbox.all(before, run.usual_wait)) < run.patience.samples:
        raise NotTried("A limit held most mails back, so the times are those of the limit: raise it for the probe.")
    (share, _, _), (share_again, p, _) = compare(*first), compare(*again)
    if p > _SUSPICIOUS or (share - 0.5) * (share_again - 0.5) < 0:
        return unsure(f"Measured twice, the difference is not the same: {_in_words(*first)} {_in_words(*again)}")
    if abs(median(again[0]) - median(again[1])) < _TELLING:
        return unsure(f"The difference is real, but may be too small to tell over a network. {_in_words(*again)}")
    return failed(_in_words(*again))


async def _measure(run: Run) -> tuple[list[float], list[float]]:
    """Return the seconds of answers for accounts and for strangers. The order within a pair is random."""
    times: tuple[list[float], list[float]] = [], []
    for number in range(run.patience.samples):
        pair = [(0, run.accounts[number % len(run.accounts)].address), (1, run.stranger())]
        random.shuffle(pair)
        for kind, address in pair:
            page = await run.ask(address)
            times[kind].append(sum(answer.seconds for answer in page.all))
    return times


def _in_words(known: list[float], unknown: list[float]) -> str:
    _, p, _ = compare(known, unknown)
    middles = f"{1000 * median(known):.1f} ms for accounts, {1000 * median(unknown):.1f} ms for strangers"
    return f"Medians of {len(known)} pairs: {middles} (p = {p:.2g})."


async def no_limit(run: Run) -> Finding:
    """Ask for one mailbox many times, and count its mails, once those of earlier requests are there."""
    await run.mailbox.all(run.mailbox.now(), run.usual_wait)
    before, asked, pages = run.mailbox.now(), run.patience.flood, list[Page]()
    for number in range(asked):
        try:
            page = await run.ask(run.ann.address)
        except NotTried as refused:
            return passed(f"Request {number + 1} of {asked} was refused: {refused}")
        if page.status >= 400:
            return passed(f"Request {number + 1} of {asked} was refused with {page.status}.", page)
        pages.append(page)
    mails = await run.mailbox.all(before, run.usual_wait)
    if len(mails) >= asked:
        return failed(f"{asked} requests in a row sent {len(mails)} mails to {run.ann.address}.", *pages[:1])
    return passed(f"{asked} requests in a row sent {len(mails)} mails.")
