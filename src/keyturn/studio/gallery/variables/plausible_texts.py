"""The one generator of plausible values: texts by name, by the rules in plausible_texts.toml, and pictures.

A guess always gets the same texts. Random data gets any of them, or texts that stress a mail: names in other scripts,
long titles. The caller owns the random generator. Pictures are SVG made here, so that a preview fetches nothing.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from random import Random
from string import ascii_letters, digits
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

_RULES = Path(__file__).with_name("plausible_texts.toml")
_SITE = "https://www.example.com"
_TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA"
_HOSTS = ("account.northwind.example", "www.harbour-primary.example", "app.valley-college.example", "shop.test")
_DAY = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
_MINUTES = (15, 30, 60, 90, 12 * 60, 24 * 60, 2 * 24 * 60, 7 * 24 * 60)


class Named:
    """The words of a name, and those of its owner: "unit_price" of "order_item"."""

    def __init__(self, name: str, of: str = "") -> None:
        self.words = _words(name)
        self.of = _words(of)
        self.path = "_".join(self.of) + "." + "_".join(self.words) if of else "_".join(self.words)

    def __str__(self) -> str:
        return " ".join(self.words)


def text_for(named: Named, nth: int = 0, random: Random | None = None) -> str | None:
    """Return a text for a name, or None if no rule matches. `nth`: the position in a list, for different texts.

    The first rule that matches the end of the name wins, then the first that matches anywhere: in English, the last
    word is the kind, so a "link_colour" is a colour.
    """
    rules = _rules(by_chance=random is not None)
    by_end = (rule for rule in rules if rule.end.search(named.path))
    anywhere = (rule for rule in rules if rule.anywhere.search("_".join(named.words)))
    rule = next(by_end, None) or next(anywhere, None)
    if rule is None:
        return None
    if isinstance(rule.texts, str):
        return _MADE[rule.texts](named, nth, random)
    return random.choice([*rule.texts, *rule.more]) if random else rule.texts[nth % len(rule.texts)]


def texts_for(name: str, described: str, random: Random) -> Iterator[str]:
    """Yield texts for a field called `name`, by its name or its description, then any.

    A description that repeats the name says more: "address" may be "the client's IP address".
    """
    for said in (described, name) if name.replace("_", " ") in described else (name, described):
        if text := text_for(Named(said), random.randrange(3), random):
            yield text
    for kind in ("product", "link", "email", "token"):
        yield text_for(Named(kind), 0, random) or ""


def moment(random: Random) -> datetime:
    """Return a quarter of an hour in the half year around a day that never changes."""
    return _DAY + timedelta(minutes=15 * random.randrange(-9_000, 9_000))


def duration(random: Random) -> timedelta:
    return timedelta(minutes=random.choice(_MINUTES))


def token(random: Random, length: int = 0) -> str:
    return "".join(random.choices(ascii_letters + digits, k=length or random.choice((8, 22, 43))))


def is_later(named: Named) -> bool:
    """Tell whether a name is that of a deadline, which is a week after other dates."""
    return bool(re.search(r"until|due|deadline|expir|(?:^|_)ends?(?:_|$)|valid|renew|next", "_".join(named.words)))


@dataclass(frozen=True)
class _Rule:
    """The texts for a kind of names. `more`: texts for random data alone."""

    pattern: str
    texts: Sequence[str] | str
    more: Sequence[str] = ()

    @cached_property
    def end(self) -> re.Pattern[str]:
        return re.compile(rf"(?:^|[._])(?:{self.pattern})$")

    @cached_property
    def anywhere(self) -> re.Pattern[str]:
        return re.compile(rf"(?:^|_)(?:{self.pattern})(?:_|$)")


@cache
def _written() -> Mapping[str, Any]:
    return tomllib.loads(_RULES.read_text("utf-8"))


@cache
def _rules(*, by_chance: bool = True) -> tuple[_Rule, ...]:
    """Return the rules. Without `by_chance`, only those with texts for guesses."""
    written = _written()
    words = {f"<{name}>": f"(?:{'|'.join(any_of)})" for name, any_of in written["words"].items()}
    return tuple(
        _Rule(
            pattern=re.sub("<[a-z]+>", lambda found: words[found[0]], names),
            texts=rule["texts"] if isinstance(rule, dict) else rule,
            more=written["more"][rule["more"]] if isinstance(rule, dict) else (),
        )
        for section in written["texts"].values()
        for names, rule in section.items()
        if by_chance or not isinstance(rule, dict) or rule["texts"]
    )


def _words(name: str) -> list[str]:
    """Split a name: "resetURL", "reset-url" and "reset_url" have the same words."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word for word in re.split(r"[^A-Za-z0-9]+", apart.lower()) if word] or [name] * bool(name)


def _telling(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in _written()["links"]["filling"]]


def _picture(named: Named, _: int, __: Random | None) -> str:
    return placeholder(_telling([*named.of, *named.words]))


def _link(named: Named, nth: int, random: Random | None) -> str:
    if random:
        path = random.choice(("reset-password", "orders", "invitation", "confirm"))
        return f"https://{random.choice(_HOSTS)}/{path}/{token(random)}"
    known = _written()["links"]
    words = _telling(named.words) or _telling(named.of)
    if not words:
        return f"{_SITE}/"
    if not {*words}.isdisjoint(known["token"]) and {*words}.isdisjoint(known["public"]):
        return f"{_SITE}/{'-'.join(words)}/{_TOKEN}"
    if words[-1] in known["things"]:
        return f"{_SITE}/{words[-1]}s/{1042 + nth}"
    return f"{_SITE}/{'-'.join(words)}"


def _day(named: Named, nth: int, random: Random | None) -> str:
    return f"{random.randint(1, 28) if random else (27 if is_later(named) else 20) + nth} November 2026"


def _number(_: Named, nth: int, random: Random | None) -> str:
    return f"NW-{random.randrange(10**6):06}" if random else str(1042 + nth)


def _token(_: Named, __: int, random: Random | None) -> str:
    return token(random) if random else _TOKEN


_MADE: Mapping[str, Callable[[Named, int, Random | None], str]] = {
    "picture": _picture,
    "link": _link,
    "day": _day,
    "number": _number,
    "token": _token,
}


_SIZE = (600, 360)
_WIDTH_OF_A_LETTER = 0.6
_MARK = "keyturn-placeholder"


def placeholder(words: Sequence[str]) -> str:
    sizes = _written()["sizes"]
    width, height = next((sizes[word] for word in words if word in sizes), _SIZE)
    label = " ".join(words) or "picture"
    size = max(9, min(height // 3, 40, int(0.8 * width / (_WIDTH_OF_A_LETTER * len(label)))))
    drawn = (
        f"<svg id='{_MARK}' xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"style='background:#e3dfd6;fill:#66635c;font:{size}px sans-serif;text-anchor:middle'>"
        f"<text x='50%' y='50%' dy='.35em'>{escape(label)}</text></svg>"
    )
    return f"data:image/svg+xml,{quote(drawn, safe='=:;/.,')}"


def is_placeholder(address: str) -> bool:
    """Tell whether an address is a picture of `placeholder`, which the author did not bring in."""
    return address.startswith("data:") and _MARK in address
