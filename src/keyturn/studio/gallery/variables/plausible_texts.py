"""Plausible values by name: texts by the rules in plausible_texts.toml, and pictures as data
URLs.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

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
    """Return a text for a name, or None if no rule matches.

    `nth`: the position in a list, for different texts.
    """
    texts = _texts(named.path, "_".join(named.words))
    return _MADE[texts](named, nth) if isinstance(texts, str) else texts and texts[nth % len(texts)]


@lru_cache(1024)  # the mails of a folder use the same names
def _texts(path: str, words: str) -> Any:
    """Return the texts of the first rule that matches, or the name of their function."""
    rules = _rules()["texts"]
    # In English, the last word is the kind, so a "link_colour" is a colour.
    by_end = (texts for names, texts in rules if re.search(rf"(?:^|[._])(?:{names})$", path))
    anywhere = (texts for names, texts in rules if re.search(rf"(?:^|_)(?:{names})(?:_|$)", words))
    return next(chain(by_end, anywhere), None)


def is_later(named: Named) -> bool:
    """Tell whether a name is that of a deadline, which is a week after other dates."""
    return bool(
        re.search(
            r"until|due|deadline|expir|(?:^|_)ends?(?:_|$)|valid|renew|next", "_".join(named.words)
        )
    )


@cache
def _rules() -> dict[str, Any]:
    rules = tomllib.loads(Path(__file__).with_name("plausible_texts.toml").read_text("utf-8"))
    words = {f"<{name}>": f"(?:{'|'.join(any_of)})" for name, any_of in rules["words"].items()}
    written = chain.from_iterable(section.items() for section in rules["texts"].values())
    texts = [
        (re.sub("<[a-z]+>", lambda one: words[one[0]], names), texts) for names, texts in written
    ]
    return rules | {"texts": texts}


def _words(name: str) -> list[str]:
    """Split a name: "resetURL", "reset-url" and "reset_url" have the same words."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word for word in re.split(r"[^A-Za-z0-9]+", apart.lower()) if word] or [name] * bool(
        name
    )


def _telling(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in _rules()["links"]["filling"]]


def link_for(named: Named, nth: int = 0) -> str:
    """Return an address for a name, whatever it says."""
    known = _rules()["links"]
    words = _telling(named.words) or _telling(named.of)
    if not words:
        return f"{_SITE}/"
    if not {*words}.isdisjoint(known["token"]) and {*words}.isdisjoint(known["public"]):
        return f"{_SITE}/{'-'.join(words)}/{_TOKEN}"
    if words[-1] in known["things"]:
        return f"{_SITE}/{words[-1]}s/{1042 + nth}"
    return f"{_SITE}/{'-'.join(words)}"


def picture_for(named: Named, _: int = 0) -> str:
    """Return a picture for a name, whatever it says."""
    return placeholder(_telling([*named.of, *named.words]))


_MADE: Mapping[str, Callable[[Named, int], str]] = {
    "picture": picture_for,
    "link": link_for,
    "day": lambda named, nth: f"{(27 if is_later(named) else 20) + nth} November 2026",
    "number": lambda _, nth: str(1042 + nth),
    "token": lambda *_: _TOKEN,
}


_SIZE = (600, 360)
_WIDTH_OF_A_LETTER = 0.6
_MARK = "keyturn-placeholder"


def placeholder(words: Sequence[str]) -> str:
    sizes = _rules()["sizes"]
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
