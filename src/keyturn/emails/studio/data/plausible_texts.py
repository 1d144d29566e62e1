"""Texts that people could have written, by what a field is called. Each random choice is the caller's.

Here is what mails are tried with: names, titles, sentences. All else is as plausible as in a guess.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from string import ascii_letters, digits

from keyturn.emails.gallery.placeholders.plausible_texts import Named, text_for

_PEOPLE = (
    "Ada Lovelace", "Grace Hopper", "Zoë Brontë", "Lior Cohen", "José Ángel Ñíguez", "Bo Li", "山田 花子", "ليلى منصور",
    "Wilhelmina van der Meer", "Amélie Dupont-Lefèvre", "Siobhán O’Connor", "Tunde Adéwálé", "Jürgen Groß",
    "Nguyễn Thị Mai", "Mary Ann St. John-Smythe", "Þórdís Jónsdóttir",
)  # fmt: skip
_COMPANIES = (
    "Northwind School", "Harbour Primary School", "Weiß & Söhne", "The Lighthouse", "Valley Community College",
    "Café Über", "Meridian", "Studio 9¾",
)  # fmt: skip
_TITLES = (
    "Your order is on its way", "Three things before Monday", "Welcome aboard", "Your invoice for November",
    "A new sign-in to your account", "We moved: here is the new address", "Is it still you?", "The heating is back",
    "What changed this week, and what did not",
)  # fmt: skip
_SENTENCES = (
    "The doors open at nine.", "Bring the form that we sent you last week.", "Nothing else changes for you.",
    "If you have a question, answer this mail.", "We are looking forward to it!", "It takes two minutes at most.",
    "Your place is kept until Friday evening; after that somebody else from the waiting list gets it.",
)  # fmt: skip
_WORDS = (
    "Lantern", "Harbour", "Blue notebook", "Ticket, one way", "Oat biscuits", "Lamp", "Window seat", "Tea for two",
)  # fmt: skip
_DEVICES = ("Firefox on Windows", "Mobile Safari on iOS", "Chrome on Android", "Safari on macOS", "Edge on Windows")
_PROVIDERS = ("Google", "Microsoft", "Apple", "GitHub", "Upper Harbour Campus Network")
_HOSTS = ("account.northwind.example", "www.harbour-primary.example", "app.valley-college.example", "shop.test")
_MAILBOXES = (
    "northwind.example", "harbour-primary.example", "upper-harbour-valley-community-college.example", "mail.test",
)  # fmt: skip


_DAY = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
_MINUTES = (15, 30, 60, 90, 12 * 60, 24 * 60, 2 * 24 * 60, 7 * 24 * 60)


def texts(name: str, described: str, random: Random) -> Iterator[str]:
    """Yield texts for a field called `name`, by its name or its description, then any.

    A description that repeats the name says more: "address" may be "the client's IP address".
    """
    for said in (described, name) if name.replace("_", " ") in described else (name, described):
        if text := text_named(said, random):
            yield text
    yield from (short_text(random), link(random), address(random), token(random))


def text_named(said: str, random: Random) -> str:
    """Return a text of the sort that a name or a description speaks of; empty where it says nothing."""
    words = said.replace("_", " ")
    make = next((make for pattern, make in _BY_NAME if pattern.search(words)), None)
    return make(random) if make else text_for(Named(said), random.randrange(3)) or ""


def moment(random: Random) -> datetime:
    """Return a quarter of an hour in the half year around a day that never changes."""
    return _DAY + timedelta(minutes=15 * random.randrange(-9_000, 9_000))


def duration(random: Random) -> timedelta:
    return timedelta(minutes=random.choice(_MINUTES))


def short_text(random: Random) -> str:
    return random.choice(_WORDS)


def link(random: Random) -> str:
    path = random.choice(("reset-password", "orders", "invitation", "confirm"))
    return f"https://{random.choice(_HOSTS)}/{path}/{token(random)}"


def address(random: Random) -> str:
    local = random.choice(("ada", "grace.hopper", "office", "w.featherstonehaugh", "zoe+school", "lior"))
    return f"{local}@{random.choice(_MAILBOXES)}"


def token(random: Random, length: int = 0) -> str:
    """Return letters and digits, as many as are asked for."""
    return "".join(random.choices(ascii_letters + digits, k=length or random.choice((8, 22, 43))))


def _one_of(texts: Sequence[str]) -> Callable[[Random], str]:
    return lambda random: random.choice(texts)


def _ip_address(random: Random) -> str:
    """RFC 5737 and RFC 3849 keep these blocks for examples."""
    if random.choice((True, False, False)):
        return f"2001:db8:{random.randrange(1 << 16):x}::{random.randrange(1 << 16):x}"
    return f"203.0.113.{random.randrange(1, 255)}"


def _sentences(random: Random) -> str:
    return " ".join(random.sample(_SENTENCES, random.randint(1, 4)))


def _price(random: Random) -> str:
    return f"{random.choice(('€', '$', '£'))}{random.choice((0, 9, 42, 1_299, 25_000))}.{random.randrange(100):02}"


def _part(at: int) -> Callable[[Random], str]:
    return lambda random: random.choice(_PEOPLE).split()[at]


# The first that is found counts: "first_name" before "name", "ip_address" and "email_address" before "address".
_BY_NAME: tuple[tuple[re.Pattern[str], Callable[[Random], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), make)
    for pattern, make in (
        (
            r"(?:image|img|logo|avatar|photo|picture|thumb|banner|icon)",
            lambda random: text_for(Named("picture"), random.randrange(3)) or "",
        ),
        (r"url|link|href|web ?site|home ?page", link),
        (r"\bip\b", _ip_address),
        (r"e-?mail|mailbox|recipient|own address", address),
        (r"first ?name|given ?name|nick", _part(0)),
        (r"last ?name|surname|family ?name", _part(-1)),
        (r"compan|organi[sz]ation|school|brand|team|employer|workspace", _one_of(_COMPANIES)),
        (r"product|item|article", short_text),
        (r"device|browser|user ?agent|client", _one_of(_DEVICES)),
        (r"provider", _one_of(_PROVIDERS)),
        (r"price|total|amount|cost|fee", _price),
        (r"token|secret", token),
        (r"code|number|\bid\b|reference|sku", lambda random: f"NW-{random.randrange(10**6):06}"),
        (r"date|\bat\b|until|expir|\bwhen\b|\bday\b", lambda random: f"{random.randint(1, 28)} November 2026"),
        (r"subject|title|headline|heading", _one_of(_TITLES)),
        (r"text|body|message|description|summary|intro|content|paragraph|preheader|comment|note|reason", _sentences),
        (r"label|button|action|cta", _one_of(("Open it", "See your order", "Choose a new password", "Yes, it was me"))),
        (r"name|user|person|customer|author|owner|contact|sender|member|guest|host", _one_of(_PEOPLE)),
    )
)
