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
from keyturn.probe.attack import AttackFinding, NotTried, failed, passed, unsure
from keyturn.probe.attacks.stories import bobs_story, link_page, second_story
from keyturn.probe.browser import joined
from keyturn.probe.page import Page
from keyturn.probe.run import PASSWORD, Run, Story, pattern_of

_PASSWORD = re.compile(
    r"(?:password|passwort|passwd)\b[^\n:<]{0,30}[:=]\s*(?:<[^<>]*>\s*)*([^\s<]{6,64})",
    re.IGNORECASE,
)
_URL = re.compile(r"""https?://[^\s<>"']+""")
_MOST_TRIES = 2

_GUESSABLE = 64
"""Bits, below which ASVS 6.6.3 asks for a limit of guesses."""

_ENOUGH = 128
"""Bits (ASVS 11.5.1)."""

_ALPHABETS = (
    ("0-9", 10),
    ("0-9a-f", 16),
    ("0-9A-F", 16),
    ("0-9a-z", 36),
    ("0-9A-Z", 36),
    ("0-9A-Za-z", 62),
)
"""The characters of encodings, and how many they are. Base 64 has two more, of its own."""

_NEXT = 10
"""Three numbers in a row that are at most so far apart are no chance."""

_LARGE = 10**16
_NEAR = 10**10
"""If numbers of that length could reach `_LARGE`, three in a row at most so far apart are no
chance.
"""

_DAY = 86_400
_LONG_AGO = 900
"""Seconds before now in which the oldest token was made."""

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


async def password_mailed(run: Run) -> AttackFinding:
    """Search all mails for a password that the probe set, and sign in with what a mail calls a
    password.
    """
    for mail in run.inbox.mails:
        if PASSWORD.search(mail.text):
            return failed(f"The mail {mail.subject!r} contains the new password.")
        if "sign_in" not in run.calls or not mail.is_for(run.ann):
            continue
        candidates = _PASSWORD.findall(_URL.sub(" ", mail.text))
        for candidate in candidates[:_MOST_TRIES]:
            if await run.works(run.ann, candidate):
                return failed(f"The mail {mail.subject!r} contains a password that signs in.")
    return passed(f"{len(run.inbox.mails)} mails contain no password.")


async def link_not_https(run: Run) -> AttackFinding:
    """Look at the scheme of the mail's link."""
    address = run.first.mail.link
    if not address:
        raise NotTried("The mail has a code.")
    if is_loopback(address):
        raise NotTried("The link leads to this machine, without a network.")
    parts = urlsplit(address)
    if parts.scheme != "https":
        return failed(f"The link leads to http://{parts.netloc}.")
    return passed("The link begins with https.")


async def no_notice(run: Run) -> AttackFinding:
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


async def token_short(run: Run) -> AttackFinding:
    """Compute the most bits that a token can have, from the characters in which tokens differ."""
    if not run.first.mail.link:
        return unsure(
            "The mail has a code. Whether guesses are limited is for you to check (ASVS 6.6.3)."
        )
    tokens = [story.mail.token for story in await _used(run)]
    same = _length_of_same_start(tokens)
    letters = [re.sub(r"\W", "", token[same:]) for token in tokens]
    shortest = min(map(len, letters))
    bits = int(shortest * math.log2(_alphabet_size(letters)))
    message = f"The letters in which tokens differ have room for {bits} bits"
    if bits < _GUESSABLE:
        return failed(f"{message}.")
    if bits < _ENOUGH:
        return unsure(f"{message}; ASVS 11.5.1 asks for {_ENOUGH}.")
    return passed(f"{message}.")


def _length_of_same_start(tokens: Sequence[str]) -> int:
    """Return how many characters all tokens begin with; 0 if they do not differ."""
    for place, characters in enumerate(zip(*tokens, strict=False)):
        if len(set(characters)) > 1:
            return place
    return 0


def _alphabet_size(words: Sequence[str]) -> int:
    """Return the size of the smallest alphabet in which all words can be written."""
    for characters, size in _ALPHABETS:
        pattern = re.compile(f"[{characters}]*")
        if all(map(pattern.fullmatch, words)):
            return size
    return 64


async def token_predictable(run: Run) -> AttackFinding:
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
            if token.rstrip("=") in _encodings(raw):
                return failed(f"The token is {what}.")
    return passed(
        f"{len(tokens)} tokens are no times, no digests of the address and no numbers in a row."
    )


def _encodings(raw: bytes) -> set[str]:
    """Return the bytes in base 16 and 64, without padding."""
    texts = [raw.hex(), b64encode(raw).decode(), urlsafe_b64encode(raw).decode()]
    return {text.rstrip("=") for text in texts}


def _are_in_a_row(tokens: Sequence[str]) -> bool:
    if len(tokens) < 3:
        return False
    if all(re.fullmatch(r"[0-9]+", token) for token in tokens):
        base = 10
    elif all(re.fullmatch(r"[0-9a-fA-F]+", token) for token in tokens):
        base = 16
    else:
        return False
    are_large = base ** min(map(len, tokens)) >= _LARGE
    most = _NEAR if are_large else _NEXT
    numbers = [int(token, base) for token in tokens]
    return all(0 < after - before <= most for before, after in pairwise(numbers))


def _is_time(token: str) -> bool:
    """Tell whether a token is a number of seconds, of parts (uniqid: 2**20), or a UUID of version 1
    (RFC 9562, 5.1).
    """
    if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", token):
        return True  # without dashes, one of 64 random tokens would be one
    if re.fullmatch(r"\d{10,19}", token) and _is_recent(int(token)):
        return True
    return bool(re.fullmatch(r"[0-9a-f]{8,16}", token)) and _is_recent(int(token, 16))


def _is_recent(number: int) -> bool:
    """Tell whether a number of seconds since 1970, or of a usual part of them, is near today."""
    now = time.time()
    return any(abs(number / unit - now) < _DAY for unit in (1, 1e3, 2**20, 1e6, 1e9))


def _computable(address: str) -> Iterator[tuple[str, bytes]]:
    """Yield the address, recent seconds, both together, and digests of all these."""
    seconds = [str(int(time.time()) - ago) for ago in range(_LONG_AGO)]
    both: list[str] = []
    for second in seconds:
        both += [address + second, second + address, f"{address}:{second}"]
    texts_by_name = {
        "the address": [address],
        "the time": seconds,
        "the address with the time": both,
    }
    for what, texts in texts_by_name.items():
        for text in texts:
            yield from _with_digests(what, text.encode())


def _with_digests(what: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    yield f"{what}, encoded", raw
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, raw, usedforsecurity=False).digest()
        yield f"the {name.upper()} of {what}", digest


async def token_leaks(run: Run) -> AttackFinding:
    """Look at what the page of the link loads, and at its Referrer-Policy, if its own address has
    the token.
    """
    page = await link_page(run)
    if not run.has_token(page.url):
        return passed("The address of the page with the form does not have the token.", page)
    foreign = _foreign_hosts(page, run)
    policy = _referrer_policy(page)
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
    return unsure(
        "The page has no Referrer-Policy. Current browsers send other sites only the origin, older "
        f"ones the whole address.{also}",
        page,
    )


def _foreign_hosts(page: Page, run: Run) -> dict[str, str]:
    """Return the other sites from which a page loads something, by the tag that does."""
    hosts = {}
    for element in page.tree.walk():
        if not element.get("src"):
            continue
        url = joined(page.url, element.get("src"))
        host = host_of(url)
        if host and not run.web.is_here(url) and not is_loopback(url):
            hosts[element.tag] = host
    return hosts


def _referrer_policy(page: Page) -> str:
    """Return the word that counts, the last that browsers know; "" for none."""
    policies = [page.header("referrer-policy")]
    for element in page.tree.walk():
        if element.tag == "meta" and element.get("name").lower() == "referrer":
            policies.append(element.get("content"))
    words = [word.strip() for word in ",".join(policies).lower().split(",")]
    for word in reversed(words):
        if word in _SHOWS_THE_PATH or _HIDES_THE_PATH.match(word):
            return word
    return ""


async def token_in_cookie(run: Run) -> AttackFinding:
    """Search cookies, and the redirects after the reset, for the token."""
    story = run.first
    done = story.done
    if done is None or len(story.mail.token) < 6:
        raise NotTried("The token is too short to search for.")
    token = pattern_of(story.mail.token)
    if any(map(token.search, story.browser.cookies.values())):
        return failed("After the reset, a cookie has the token.", done)
    if any(token.search(answer.header("location")) for answer in done.all):
        return failed("The reset leads to an address that has the token.", done)
    scanned = (await second_story(run)).scanned
    for page in scanned:
        for cookie in page.set_cookies:
            if run.has_token(cookie) and "httponly" not in cookie.lower():
                return failed(
                    "The page of the link puts the token into a cookie that scripts can read.",
                    scanned[-1],
                )
    return passed("After the reset, neither a cookie nor a redirect has the token.")


async def page_cached(run: Run) -> AttackFinding:
    """Read the Cache-Control of the page, if the token is in it or in its address."""
    page = await link_page(run)
    value = page.header("cache-control")
    if "no-store" in value.lower():
        return passed(f"Its Cache-Control is {value!r}.", page)
    if value:
        message = f"Its Cache-Control is {value!r}, without no-store."
    else:
        message = "It has no Cache-Control."
    if run.has_token(page.body):
        return failed(message, page)
    if run.has_token(page.url):
        return unsure(
            f"{message} Only its address has the token, which the browser's history keeps anyway.",
            page,
        )
    return passed("Neither the page nor its address has the token.", page)


async def page_framed(run: Run) -> AttackFinding:
    """Read the Content-Security-Policy and the X-Frame-Options of the page."""
    page = await link_page(run)
    ancestors = []
    for policy in page.header("content-security-policy").lower().split(","):
        found = re.search(r"frame-ancestors\b[^;]*", policy)
        if found:
            ancestors.append(found[0].strip())
    if ancestors:
        message = f"Its Content-Security-Policy has {', '.join(ancestors)}."
        # A frame needs the permission of each policy.
        is_open = all(_ANYBODY.intersection(words.split()) for words in ancestors)
        return failed(message, page) if is_open else passed(message, page)
    options = page.header("x-frame-options")
    values = [option.strip() for option in options.lower().split(",")]
    if "deny" in values or "sameorigin" in values:
        return passed(
            f"It has X-Frame-Options: {options}. ASVS 3.4.6 prefers frame-ancestors.", page
        )
    return failed("It has neither frame-ancestors nor X-Frame-Options.", page)


async def get_uses_link(run: Run) -> AttackFinding:
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
        raise NotTried("The application serves no page at the link's address.")
    run.call("sign_in")
    return passed("After a HEAD and two GETs without cookies, the link still worked.")
