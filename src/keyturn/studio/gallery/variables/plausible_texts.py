"""The one generator of plausible values: texts by name, by the rules in plausible_texts.toml, and pictures.

A name always gets the same texts. Pictures are SVG made here, so that a preview fetches nothing.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

_RULES = Path(__file__).with_name("plausible_texts.toml")
_SITE = "https://www.example.com"
_TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA"


class Named:
    """The words of a name, and those of its owner: "unit_price" of "order_item"."""

    def __init__(self, name: str, of: str = "") -> None:
        self.words = _words(name)
        self.of = _words(of)
        self.path = "_".join(self.of) + "." + "_".join(self.words) if of else "_".join(self.words)

    def __str__(self) -> str:
        return " ".join(self.words)


def text_for(named: Named, nth: int = 0) -> str | None:
    """Return a text for a name, or None if no rule matches. `nth`: the position in a list, for different texts.

    A rule that matches the end of the name wins: in English, the last word is the kind, so a "link_colour" is a colour.
    """
    by_end = (rule for rule in _rules() if rule.end.search(named.path))
    anywhere = (rule for rule in _rules() if rule.anywhere.search("_".join(named.words)))
    rule = next(by_end, None) or next(anywhere, None)
    if rule is None:
        return None
    return _MADE[rule.texts](named, nth) if isinstance(rule.texts, str) else rule.texts[nth % len(rule.texts)]


def is_later(named: Named) -> bool:
    """Tell whether a name is that of a deadline, which is a week after other dates."""
    return bool(re.search(r"until|due|deadline|expir|(?:^|_)ends?(?:_|$)|valid|renew|next", "_".join(named.words)))


@dataclass(frozen=True)
class _Rule:
    """The texts for a kind of names."""

    pattern: str
    texts: Sequence[str] | str

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
def _rules() -> tuple[_Rule, ...]:
    written = _written()
    words = {f"<{name}>": f"(?:{'|'.join(any_of)})" for name, any_of in written["words"].items()}
    return tuple(
        _Rule(re.sub("<[a-z]+>", lambda match: words[match[0]], names), texts)
        for section in written["texts"].values()
        for names, texts in section.items()
    )


def _words(name: str) -> list[str]:
    """Split a name: "resetURL", "reset-url" and "reset_url" have the same words."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word for word in re.split(r"[^A-Za-z0-9]+", apart.lower()) if word] or [name] * bool(name)


def _telling(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in _written()["links"]["filling"]]


def _picture(named: Named, _: int) -> str:
    return placeholder(_telling([*named.of, *named.words]))


def _link(named: Named, nth: int) -> str:
    known = _written()["links"]
    words = _telling(named.words) or _telling(named.of)
    if not words:
        return f"{_SITE}/"
    if not {*words}.isdisjoint(known["token"]) and {*words}.isdisjoint(known["public"]):
        return f"{_SITE}/{'-'.join(words)}/{_TOKEN}"
    if words[-1] in known["things"]:
        return f"{_SITE}/{words[-1]}s/{1042 + nth}"
    return f"{_SITE}/{'-'.join(words)}"


def _day(named: Named, nth: int) -> str:
    return f"{(27 if is_later(named) else 20) + nth} November 2026"


_MADE: Mapping[str, Callable[[Named, int], str]] = {
    "picture": _picture,
    "link": _link,
    "day": _day,
    "number": lambda _, nth: str(1042 + nth),
    "token": lambda *_: _TOKEN,
}


_SIZE = (600, 360)
_WIDTH_OF_A_LETTER = 0.6
_MARK = "keyturn-placeholder"


def placeholder(words: Sequence[str]) -> str:
    sizes = _written()["sizes"]
    width, height = next((sizes[word] for word in words if word in sizes), _SIZE)
    label = " ".join(words) or "picture"
    size = max(9, min(height // 3, 40, int(0.8 * width / (_WIDTH_OF_A_LETTER * len(label)))))
    picture = (
        f"<svg id='{_MARK}' xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"style='background:#e3dfd6;fill:#66635c;font:{size}px sans-serif;text-anchor:middle'>"
        f"<text x='50%' y='50%' dy='.35em'>{escape(label)}</text></svg>"
    )
    return f"data:image/svg+xml,{quote(picture, safe='=:;/.,')}"


def is_placeholder(address: str) -> bool:
    """Tell whether an address is a picture of `placeholder`, which the author did not bring in."""
    return address.startswith("data:") and _MARK in address
