"""What the tokens are made of, and where else they get to."""

import hashlib
import math
import re
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from urllib.parse import unquote, urljoin, urlsplit

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.probe.attack import NotTried
from keyturn.probe.attacks.stories import bobs_story, link_page, second_story
from keyturn.probe.run import Finding, Run, Story, failed, passed, unsure
from keyturn.probe.web import Page

_GUESSABLE, _ENOUGH = 64, 128
"""Bits: below the first, ASVS 6.6.3 asks for a limit of guesses; the second is ASVS 11.5.1."""

_ALPHABETS = (("0-9", 10), ("0-9a-f", 16), ("0-9A-F", 16), ("0-9a-z", 36), ("0-9A-Z", 36), ("0-9A-Za-z", 62))
_NEXT, _NEAR, _LARGE = 10, 10**10, 10**16
"""Three numbers in a row that are at most this far apart are no chance; the second holds for large numbers."""

_DAY = 86_400
_LONG_AGO = 900
"""Seconds before now in which the oldest token was made."""

_KEEPS_THE_PATH = re.compile(r"(no-referrer|same-origin|(strict-)?origin(-when-cross-origin)?)\Z")
_LOADS = {"script": "src", "img": "src", "iframe": "src", "link": "href", "video": "src", "audio": "src"}


async def _stories(run: Run) -> list[Story]:
    """Return stories of two accounts, or of one, with a reset between any two of an account."""
    await second_story(run)
    if len(run.accounts) > 1:
        await bobs_story(run)
    return [story for story in run.stories if story.done]


async def token_short(run: Run) -> Finding:
    """Compute the most bits that a token can have, from the characters in which tokens differ."""
    if not run.first.link.address:
        return unsure("The mail has a code. Whether guesses are limited is for you to check (ASVS 6.6.3).")
    tokens = [story.link.token for story in await _stories(run)]
    places = [place for place, letters in enumerate(zip(*tokens, strict=False)) if len(set(letters)) > 1]
    varying = [token[min(places, default=0) :] for token in tokens]
    letters = [re.sub(r"\W", "", part) for part in varying]
    size = next((size for named, size in _ALPHABETS if all(re.fullmatch(f"[{named}]*", one) for one in letters)), 64)
    bits = int(min(map(len, letters)) * math.log2(size))
    said = f"A token has at most {bits} bits"
    if bits < _GUESSABLE:
        return failed(f"{said}.")
    return passed(f"{said}.") if bits >= _ENOUGH else unsure(f"{said}; ASVS 11.5.1 asks for {_ENOUGH}.")


async def token_predictable(run: Run) -> Finding:
    """Compare tokens with each other, with the time, and with what can be computed from the address."""
    stories = await _stories(run)
    tokens = [story.link.token for story in stories]
    if any(one == other for one, other in combinations(tokens, 2)):
        return failed("Two mails have the same token, although a reset lies between them, or another account.")
    if _are_in_a_row(tokens):
        return failed(f"The tokens of {len(tokens)} mails are numbers that follow each other.")
    now = int(time.time())
    for story in stories:
        for what, made in _computable(story.account.address, now):
            if made == story.link.token:
                return failed(f"The token is {what}.")
        if _is_time(story.link.token, now):
            return failed("The token is a time.")
    return passed(f"{len(tokens)} tokens are no times, no digests of the address and no numbers in a row.")


def _are_in_a_row(tokens: Sequence[str]) -> bool:
    base = 10 if all(re.fullmatch(r"\d+", token) for token in tokens) else 16
    if len(tokens) < 3 or not all(re.fullmatch(r"[0-9a-fA-F]+", token) for token in tokens):
        return False
    steps = [int(after, base) - int(before, base) for before, after in pairwise(tokens)]
    is_large = base ** min(map(len, tokens)) >= _LARGE
    return all(0 < step <= (_NEAR if is_large else _NEXT) for step in steps)


def _is_time(token: str, now: int) -> bool:
    """Tell whether a token is a number of seconds or of parts of them, or a UUID of version 1 (RFC 9562, 5.1)."""
    if re.fullmatch(r"[0-9a-f]{8}-?[0-9a-f]{4}-?1[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}", token):
        return True
    numbers = [int(token, base) for base, digits in ((10, r"\d{10,19}"), (16, r"[0-9a-f]{8,16}"))
               if re.fullmatch(digits, token)]  # fmt: skip
    return any(abs(number / unit - now) < _DAY for number in numbers for unit in (1, 10**3, 10**6, 10**9))


def _computable(address: str, now: int) -> Iterator[tuple[str, str]]:
    """Yield digests and encodings of the address, of recent seconds, and of both."""
    texts = [(address, "the address")]
    for second in range(now - _LONG_AGO, now + 1):
        texts += [(f"{second}", "the time"), (f"{address}{second}", "the address and the time")]
        texts += [
            (f"{address}:{second}", "the address and the time"),
            (f"{second}{address}", "the address and the time"),
        ]
    for text, what in texts:
        raw = text.encode()
        yield f"{what}, encoded", raw.hex()
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, raw, usedforsecurity=False)
            yield f"the {name.upper()} of {what}", digest.hexdigest()
            yield f"the {name.upper()} of {what}", urlsafe_b64encode(digest.digest()).decode().rstrip("=")
        for encoded in (b64encode(raw), urlsafe_b64encode(raw)):
            yield f"{what}, encoded", encoded.decode()
            yield f"{what}, encoded", encoded.decode().rstrip("=")


async def token_leaks(run: Run) -> Finding:
    """Look at what the page of the link loads, and at its Referrer-Policy, if its own address has the token."""
    page = await link_page(run)
    if not any(token in unquote(page.url) for token in run.tokens):
        return passed("The address of the page with the form does not have the token.", page)
    foreign = [(tag, urlsplit(url).netloc) for tag, url in _loaded(page) if not run.web.is_here(url)]
    meta = [each.get("content") for each in parse_html(page.body).walk() if each.get("name").lower() == "referrer"]
    policy = [*page.header("referrer-policy").split(","), *meta][-1].strip().lower()
    if scripts := [host for tag, host in foreign if tag == "script"]:
        return failed(f"The page runs scripts of {scripts[0]}, which can read its address.", page)
    if policy and not _KEEPS_THE_PATH.match(policy):
        return failed(f"The page's Referrer-Policy is {policy}: it sends the address to other sites.", page)
    if not policy:
        also = f" It loads from {foreign[0][1]}." if foreign else ""
        return unsure(
            f"The page has no Referrer-Policy. Browsers of today keep its path, older ones do not.{also}", page
        )
    return passed(f"The page's Referrer-Policy is {policy}, and it runs no script of another site.", page)


def _loaded(page: Page) -> Iterator[tuple[str, str]]:
    for each in parse_html(page.body).walk():
        url = urljoin(page.url, each.get(_LOADS.get(each.tag, "")))
        is_loaded = each.tag != "link" or "stylesheet" in each.get("rel")
        if each.get(_LOADS.get(each.tag, "")) and is_loaded and url.startswith("http"):
            yield each.tag, url


async def token_in_cookie(run: Run) -> Finding:
    """Search cookies, and the redirects after the reset, for the token."""
    story = run.first
    token, done = story.link.token, story.done
    if done is None or len(token) < 6:
        raise NotTried("The token is too short to search for.")
    for name, value in story.browser.cookies.items():
        if token in value:
            return failed(f"After the reset, the cookie {name} has the token.", done)
    for opened in (await second_story(run)).scanned:
        for name, value in opened.headers:
            if name == "set-cookie" and "httponly" not in value.lower() and any(t in value for t in run.tokens):
                return failed("A cookie that scripts can read has the token.", opened)
    for answer in done.before:
        if token in answer.header("location"):
            return failed("The reset leads to an address that has the token.", answer)
    return passed("After the reset, neither a cookie nor a redirect has the token.")
