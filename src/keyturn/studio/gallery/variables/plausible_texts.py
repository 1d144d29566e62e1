"""Plausible values by name: texts by the rules in plausible_texts.toml, and pictures as data
URLs.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape

_SITE = "https://www.example.com"
_TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA"


class Named:
    """The words of a name, and those of its owner: "unit_price" of "order_item"."""

    def __init__(self, name: str, of: str = "") -> None:
        self.words = _words(name)
        self.of = _words(of)
        self.path = "_".join(self.words)
        if of:
            self.path = f"{'_'.join(self.of)}.{self.path}"

    def __str__(self) -> str:
        return " ".join(self.words)


def text_for(named: Named, nth: int = 0) -> str | None:
    """Return a text for a name, or None if no rule matches.

    `nth`: the position in a list, for different texts.
    """
    texts = _texts(named.path, "_".join(named.words))
    if isinstance(texts, str):
        return _MADE[texts](named, nth)
    return texts[nth % len(texts)] if texts else None


@lru_cache(1024)  # the mails of a folder use the same names
def _texts(path: str, words: str) -> list[str] | str | None:
    """Return the texts of the first rule that matches, or the name of their function."""
    rules = _rules().texts
    # In English, the last word is the kind, so a "link_colour" is a colour.
    for names, texts in rules:
        if re.search(rf"(?:^|[._])(?:{names})$", path):
            return texts
    for names, texts in rules:
        if re.search(rf"(?:^|_)(?:{names})(?:_|$)", words):
            return texts
    return None


_LATER = re.compile(r"until|due|deadline|expir|(?:^|_)ends?(?:_|$)|valid|renew|next")


def is_later(named: Named) -> bool:
    """Tell whether a name is that of a deadline, which is a week after other dates."""
    return _LATER.search("_".join(named.words)) is not None


class _Rules(NamedTuple):
    """The rules of plausible_texts.toml.

    `texts`: patterns of names, with texts for them or the name of a function of `_MADE`.
    `links`: sets of words in addresses. `sizes`: of pictures, in pixels, by a word.
    """

    texts: Sequence[tuple[str, list[str] | str]]
    links: Mapping[str, list[str]]
    sizes: Mapping[str, tuple[int, int]]


@cache
def _rules() -> _Rules:
    rules = tomllib.loads(Path(__file__).with_name("plausible_texts.toml").read_text("utf-8"))
    words = {f"<{name}>": f"(?:{'|'.join(any_of)})" for name, any_of in rules["words"].items()}
    texts = []
    for section in rules["texts"].values():
        for names, of_rule in section.items():
            texts.append((re.sub("<[a-z]+>", lambda word: words[word[0]], names), of_rule))
    return _Rules(texts, rules["links"], rules["sizes"])


_BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def _words(name: str) -> list[str]:
    """Split a name: "resetURL", "reset-url" and "reset_url" have the same words."""
    apart = _BETWEEN_WORDS.sub("_", name).lower()
    words = [word for word in re.split(r"[^A-Za-z0-9]+", apart) if word]
    if not words and name:  # letters of another script
        return [name]
    return words


def _telling(words: Iterable[str]) -> list[str]:
    return [word for word in words if word not in _rules().links["filling"]]


def link_for(named: Named, nth: int = 0) -> str:
    """Return an address for a name, whatever it says."""
    known = _rules().links
    words = _telling(named.words) or _telling(named.of)
    if not words:
        return f"{_SITE}/"
    lets_in = not set(words).isdisjoint(known["token"])
    if lets_in and set(words).isdisjoint(known["public"]):
        return f"{_SITE}/{'-'.join(words)}/{_TOKEN}"
    if words[-1] in known["things"]:
        return f"{_SITE}/{words[-1]}s/{1042 + nth}"
    return f"{_SITE}/{'-'.join(words)}"


def picture_for(named: Named, _: int = 0) -> str:
    """Return a picture for a name, whatever it says."""
    return placeholder(_telling([*named.of, *named.words]))


def _day(named: Named, nth: int) -> str:
    first = 27 if is_later(named) else 20
    return f"{first + nth} November 2026"


def _number(_: Named, nth: int) -> str:
    return str(1042 + nth)


def _token(_: Named, __: int) -> str:
    return _TOKEN


_MADE: Mapping[str, Callable[[Named, int], str]] = {
    "picture": picture_for,
    "link": link_for,
    "day": _day,
    "number": _number,
    "token": _token,
}


_SIZE = (600, 360)
_WIDTH_OF_A_LETTER = 0.6
_MARK = "keyturn-placeholder"


def placeholder(words: Sequence[str]) -> str:
    """Return a picture that shows the words, as a data URL."""
    sizes = _rules().sizes
    width, height = next((sizes[word] for word in words if word in sizes), _SIZE)
    label = " ".join(words) or "picture"
    widest = int(0.8 * width / (_WIDTH_OF_A_LETTER * len(label)))
    size = max(9, min(height // 3, 40, widest))
    picture = (
        f"<svg id='{_MARK}' xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"style='background:#e3dfd6;fill:#66635c;font:{size}px sans-serif;text-anchor:middle'>"
        f"<text x='50%' y='50%' dy='.35em'>{escape(label)}</text></svg>"
    )
    return f"data:image/svg+xml,{quote(picture, safe='=:;/.,')}"


def is_placeholder(address: str) -> bool:
    """Tell whether an address is a picture of `placeholder`, which the author did not bring in."""
    return address.startswith("data:") and _MARK in address
