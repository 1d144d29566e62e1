"""Plausible texts by their names: the rules are in plausible.toml."""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from keyturn.emails.gallery.placeholders.pictures import placeholder

_RULES = Path(__file__).with_name("plausible_texts.toml")
_SITE = "https://www.example.com"
_TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA"  # noqa: S105 - opens nothing
_TOKEN_IN_LINK = frozenset({
    "activate", "activation", "confirm", "confirmation", "magic", "reset", "token", "verification", "verify",
})  # fmt: skip
_NO_SECRET = frozenset({"booking", "order", "payment", "reservation"})
_THINGS = frozenset({
    "account", "article", "booking", "campaign", "comment", "course", "document", "event", "file", "invoice", "item",
    "job", "lesson", "message", "order", "payment", "post", "product", "project", "receipt", "report", "reservation",
    "review", "story", "subscription", "task", "team", "thread", "ticket", "user", "workspace",
})  # fmt: skip
_SAY_NOTHING = frozenset({
    "absolute", "action", "button", "canonical", "cta", "full", "get", "href", "link", "page", "src", "the", "to",
    "uri", "url", "web",
})  # fmt: skip


class Named:
    """A name in its words, with the words of what it belongs to: "order_item" and "unit_price"."""

    def __init__(self, name: str, of: str = "") -> None:
        self.words = _words(name)
        self.of = _words(of)
        self.path = "_".join(self.of) + "." + "_".join(self.words) if of else "_".join(self.words)

    def __str__(self) -> str:
        return " ".join(self.words)


def text_for(named: Named, nth: int = 0) -> str | None:
    """Return a text for a name, another one for the second and third of a list. None where the name says nothing.

    The last word of an English name says what it is: a "link_colour" is a colour, so the first rule that matches the
    end wins, then the first that matches anywhere.
    """
    by_end = (rule for rule in _rules() if rule.end.search(named.path))
    anywhere = (rule for rule in _rules() if rule.anywhere.search("_".join(named.words)))
    rule = next(by_end, None) or next(anywhere, None)
    if rule is None:
        return None
    return _MADE[rule.texts](named, nth) if isinstance(rule.texts, str) else rule.texts[nth % len(rule.texts)]


def is_later(named: Named) -> bool:
    """Tell whether it is the name of an end, which comes a week after the rest."""
    return bool(re.search(r"until|due|deadline|expir|(?:^|_)ends?(?:_|$)|valid|renew|next", "_".join(named.words)))


@dataclass(frozen=True)
class _Rule:
    """Says which text fits names of one kind."""

    pattern: str
    texts: Sequence[str] | str

    @cached_property
    def end(self) -> re.Pattern[str]:
        return re.compile(rf"(?:^|[._])(?:{self.pattern})$")

    @cached_property
    def anywhere(self) -> re.Pattern[str]:
        return re.compile(rf"(?:^|_)(?:{self.pattern})(?:_|$)")


@cache
def _rules() -> tuple[_Rule, ...]:
    written = tomllib.loads(_RULES.read_text("utf-8"))
    words = {f"<{name}>": f"(?:{'|'.join(any_of)})" for name, any_of in written["words"].items()}
    rules = (rule for section in written["texts"].values() for rule in section.items())
    return tuple(_Rule(re.sub("<[a-z]+>", lambda found: words[found[0]], names), texts) for names, texts in rules)


def _words(name: str) -> list[str]:
    """Return "resetURL", "reset-url" and "reset_url" as the same words."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word for word in re.split(r"[^A-Za-z0-9]+", apart.lower()) if word] or [name] * bool(name)


def _picture(named: Named, _: int) -> str:
    return placeholder([word for word in (*named.of, *named.words) if word not in _SAY_NOTHING])


def _link(named: Named, nth: int) -> str:
    words = [word for word in named.words if word not in _SAY_NOTHING] or [
        word for word in named.of if word not in _SAY_NOTHING
    ]
    if not words:
        return f"{_SITE}/"
    if _TOKEN_IN_LINK & {*words} and not _NO_SECRET & {*words}:
        return f"{_SITE}/{'-'.join(words)}/{_TOKEN}"
    if words[-1] in _THINGS:
        return f"{_SITE}/{words[-1]}s/{1042 + nth}"
    return f"{_SITE}/{'-'.join(words)}"


def _day(named: Named, nth: int) -> str:
    return f"{(27 if is_later(named) else 20) + nth} November 2026"


def _number(_: Named, nth: int) -> str:
    return str(1042 + nth)


_MADE: Mapping[str, Callable[[Named, int], str]] = {"picture": _picture, "link": _link, "day": _day, "number": _number}
