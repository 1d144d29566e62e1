"""Attacks on the mail, its token and its page, and on other places that the token reaches."""

import hashlib
import math
import re
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from itertools import pairwise
from urllib.parse import urlsplit

from keyturn.hosts import host_of, is_loopback
from keyturn.probe.attack import AttackEnded, failed, judged, not_tried, passed, unsure
from keyturn.probe.attacks.stories import bobs_story, link_page, second_story
from keyturn.probe.browser import joined
from keyturn.probe.run import PASSWORD, Run, Story, pattern_of

_PASSWORD = re.compile(
    r"(?:password|passwort|passwd)\b[^\n:<]{0,30}[:=]\s*(?:<[^<>]*>\s*)*([^\s<]{6,64})",
    re.IGNORECASE,
)
_URL = re.compile(r"""https?://[^\s<>"']+""")
_MOST_TRIES = 2

_GUESSABLE, _ENOUGH = 64, 128
"""Bits: below the first, ASVS 6.6.3 asks for a limit of guesses; the second is ASVS 11.5.1."""

_ALPHABETS = (
    ("0-9", 10),
    ("0-9a-f", 16),
    ("0-9A-F", 16),
    ("0-9a-z", 36),
    ("0-9A-Z", 36),
    ("0-9A-Za-z", 62),
)
_NEXT, _NEAR, _LARGE = 10, 10**10, 10**16
"""Three numbers in a row that are at most `_NEXT` apart are no chance; from `_LARGE` on, at most
`_NEAR`.
"""

_DAY = 86_400
_LONG_AGO = 900
"""Seconds before now in which the oldest token was made."""

_BASE64 = (b64encode, urlsafe_b64encode)
_HIDES_THE_PATH = re.compile(
    r"(never|no-referrer|same-origin|(strict-)?origin(-when-cross-?origin)?)\Z"
)
# Browsers skip all other words.
_SHOWS_THE_PATH = {
    "always",
    "unsafe-url",
    "no-referrer-when-downgrade",
}
_ANYBODY = {"*", "http:", "https:", "http://*", "https://*"}


async def password_mailed(run: Run) -> AttackEnded:
    """Search all mails for a password that the probe set, and sign in with what a mail calls a
    password.
    """
    for mail in run.inbox.mails:
        if PASSWORD.search(mail.text):
            return failed(f"The mail {mail.subject!r} contains the new password.")
        if "sign_in" in run.calls and mail.is_for(run.ann):
            for candidate in _PASSWORD.findall(_URL.sub(" ", mail.text))[:_MOST_TRIES]:
                if await run.works(run.ann, candidate):
                    return failed(f"The mail {mail.subject!r} contains a password that signs in.")
    return passed(f"{len(run.inbox.mails)} mails contain no password.")


async def link_not_https(run: Run) -> AttackEnded:
    """Look at the scheme of the mail's link."""
    address = run.first.mail.link
    if not address or is_loopback(address):
        raise not_tried(
            "The mail has a code."
            if not address
            else "The link leads to this machine, without a network."
        )
    parts = urlsplit(address)
    return judged(
        parts.scheme != "https",
        f"The link leads to http://{parts.netloc}.",
        "The link begins with https.",
    )


async def no_notice(run: Run) -> AttackEnded:
    """Wait for a mail after the first reset."""
    if not run.notices:
        run.call("sign_in")  # a reset that was refused needs no notice
        return failed(f"No mail came within {run.patience.mail:.0f} seconds after the reset.")
    return passed(f"The owner got {run.notices[0].subject!r}.")


async def _used(run: Run) -> list[Story]:
    """Return stories whose links were used, of both accounts: no two of them may have the same
    token.
    """
    await second_story(run)
    if len(run.passwords) > 1:
        await bobs_story(run)
    return [story for story in run.stories if story.done]


async def token_short(run: Run) -> AttackEnded:
    """Compute the most bits that a token can have, from the characters in which tokens differ."""
    if not run.first.mail.link:
        return unsure(
            "The mail has a code. Whether guesses are limited is for you to check (ASVS 6.6.3)."
        )
    tokens = [story.mail.token for story in await _used(run)]
    places = [
        place for place, letters in enumerate(zip(*tokens, strict=False)) if len(set(letters)) > 1
    ]
    varying = [token[min(places, default=0) :] for token in tokens]
    letters = [re.sub(r"\W", "", part) for part in varying]
    size = next(
        (
            size
            for named, size in _ALPHABETS
            if all(re.fullmatch(f"[{named}]*", one) for one in letters)
        ),
        64,
    )
    bits = int(min(map(len, letters)) * math.log2(size))
    message = f"The letters in which tokens differ have room for {bits} bits"
    if bits < _GUESSABLE:
        return failed(f"{message}.")
    return (
        passed(f"{message}.")
        if bits >= _ENOUGH
        else unsure(f"{message}; ASVS 11.5.1 asks for {_ENOUGH}.")
    )


async def token_predictable(run: Run) -> AttackEnded:
    """Compare tokens with each other, with the time, and with what can be computed from the
    address.
    """
    stories = await _used(run)
    tokens = [story.mail.token for story in stories]
    if len(set(tokens)) < len(tokens):
        run.call("sign_in")  # a link that was not used may be mailed again
        return failed(
            "Two mails have the same token, although a reset lies between them, or another account."
        )
    if _are_in_a_row(tokens):
        return failed(f"The tokens of {len(tokens)} mails are numbers that follow each other.")
    for story in stories:
        token = story.mail.token
        if _is_time(token):
            return failed("The token is a time.")
        for what, raw in _computable(story.account):
            if token.rstrip("=") in {
                raw.hex(),
                *(encode(raw).decode().rstrip("=") for encode in _BASE64),
            }:
                return failed(f"The token is {what}.")
    return passed(
        f"{len(tokens)} tokens are no times, no digests of the address and no numbers in a row."
    )


def _are_in_a_row(tokens: Sequence[str]) -> bool:
    base = 10 if all(re.fullmatch(r"\d+", token) for token in tokens) else 16
    if len(tokens) < 3 or not all(re.fullmatch(r"[0-9a-fA-F]+", token) for token in tokens):
        return False
    steps = [int(after, base) - int(before, base) for before, after in pairwise(tokens)]
    is_large = base ** min(map(len, tokens)) >= _LARGE
    return all(0 < step <= (_NEAR if is_large else _NEXT) for step in steps)


def _is_time(token: str) -> bool:
    """Tell whether a token is a number of seconds, of parts (uniqid: 2**20), or a UUID of version 1
    (RFC 9562, 5.1).
    """
    if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", token):
        return True  # without dashes, one of 64 random tokens would be one
    numbers = [int(token)] if re.fullmatch(r"\d{10,19}", token) else []
    numbers += [int(token, 16)] if re.fullmatch(r"[0-9a-f]{8,16}", token) else []
    return any(
        abs(number / unit - time.time()) < _DAY
        for number in numbers
        for unit in (1, 1e3, 2**20, 1e6, 1e9)
    )


def _computable(address: str) -> Iterator[tuple[str, bytes]]:
    """Yield the address, recent seconds, both together, and digests of all these."""
    seconds = [str(int(time.time()) - ago) for ago in range(_LONG_AGO)]
    both = [
        text
        for second in seconds
        for text in (address + second, second + address, f"{address}:{second}")
    ]
    for what, texts in (
        ("the address", [address]),
        ("the time", seconds),
        ("the address with the time", both),
    ):
        for raw in map(str.encode, texts):
            yield f"{what}, encoded", raw
            for name in ("md5", "sha1", "sha256"):
                yield (
                    f"the {name.upper()} of {what}",
                    hashlib.new(name, raw, usedforsecurity=False).digest(),
                )


async def token_leaks(run: Run) -> AttackEnded:
    """Look at what the page of the link loads, and at its Referrer-Policy, if its own address has
    the token.
    """
    page = await link_page(run)
    if not run.has_token(page.url):
        return passed("The address of the page with the form does not have the token.", page)
    tags, own = list(page.tree.walk()), run.web.is_here
    loaded = [(each.tag, joined(page.url, each.get("src"))) for each in tags if each.get("src")]
    foreign = {
        tag: host_of(url)
        for tag, url in loaded
        if host_of(url) and not (own(url) or is_loopback(url))
    }
    meta = [
        each.get("content")
        for each in tags
        if each.tag == "meta" and each.get("name").lower() == "referrer"
    ]
    words = [
        word.strip()
        for word in ",".join([page.header("referrer-policy"), *meta]).lower().split(",")
    ]
    policy = next(
        (
            word
            for word in reversed(words)
            if word in _SHOWS_THE_PATH or _HIDES_THE_PATH.match(word)
        ),
        "",
    )
    if "script" in foreign:
        return failed(
            f"The page runs a script of {foreign['script']}, which can read its address.", page
        )
    if policy in _SHOWS_THE_PATH:
        return failed(
            f"The page's Referrer-Policy is {policy}: it sends the address to other sites.", page
        )
    if policy:
        return passed(
            f"The page's Referrer-Policy is {policy}, and it runs no script of another site.", page
        )
    also = "".join(f" It loads from {host}." for host in foreign.values())
    says = "Current browsers send other sites only the origin, older ones the whole address."
    return unsure(f"The page has no Referrer-Policy. {says}{also}", page)


async def token_in_cookie(run: Run) -> AttackEnded:
    """Search cookies, and the redirects after the reset, for the token."""
    story = run.first
    token, done = pattern_of(story.mail.token), story.done
    if done is None or len(story.mail.token) < 6:
        raise not_tried("The token is too short to search for.")
    if any(map(token.search, story.browser.cookies.values())):
        return failed("After the reset, a cookie has the token.", done)
    if any(token.search(answer.header("location")) for answer in done.all):
        return failed("The reset leads to an address that has the token.", done)
    scanned = (await second_story(run)).scanned
    cookies = [
        value
        for page in scanned
        for one in page.all
        for name, value in one.headers
        if name == "set-cookie"
    ]
    if any(run.has_token(value) and "httponly" not in value.lower() for value in cookies):
        return failed(
            "The page of the link puts the token into a cookie that scripts can read.",
            *scanned[-1:],
        )
    return passed("After the reset, neither a cookie nor a redirect has the token.")


async def page_cached(run: Run) -> AttackEnded:
    """Read the Cache-Control of the page, if the token is in it or in its address."""
    page = await link_page(run)
    value = page.header("cache-control")
    if "no-store" in value.lower():
        return passed(f"Its Cache-Control is {value!r}.", page)
    value = (
        f"Its Cache-Control is {value!r}, without no-store."
        if value
        else "It has no Cache-Control."
    )
    if run.has_token(page.body):
        return failed(value, page)
    if run.has_token(page.url):
        return unsure(
            f"{value} Only its address has the token, which the browser's history keeps anyway.",
            page,
        )
    return passed("Neither the page nor its address has the token.", page)


async def page_framed(run: Run) -> AttackEnded:
    """Read the Content-Security-Policy and the X-Frame-Options of the page."""
    page = await link_page(run)
    options, policies = (
        page.header("x-frame-options"),
        page.header("content-security-policy").lower().split(","),
    )
    ancestors = [
        found[0].strip()
        for policy in policies
        if (found := re.search(r"frame-ancestors\b[^;]*", policy))
    ]
    if ancestors:  # all policies have to allow a frame
        is_open = all(_ANYBODY.intersection(one.split()) for one in ancestors)
        return (failed if is_open else passed)(
            f"Its Content-Security-Policy has {', '.join(ancestors)}.", page
        )
    if {"deny", "sameorigin"}.intersection(option.strip().lower() for option in options.split(",")):
        return passed(
            f"It has X-Frame-Options: {options}. ASVS 3.4.6 prefers frame-ancestors.", page
        )
    return failed("It has neither frame-ancestors nor X-Frame-Options.", page)


async def get_uses_link(run: Run) -> AttackEnded:
    """Open a link as a scanner does, by HEAD and twice by GET without cookies, before its reader
    uses it.
    """
    second = await second_story(run)
    if second.scanned and second.used_up:
        proof = (*second.scanned[:2], second.used_up)
        return failed(
            "After a HEAD and two GETs without cookies, the link set no password.", *proof
        )
    if not second.scanned or second.scanned[1].status == 404:
        raise not_tried("The application serves no page at the link's address.")
    run.call("sign_in")
    return passed("After a HEAD and two GETs without cookies, the link still worked.")
