"""Guesses values for templates without samples, from the names of variables and their uses.

The name of the mail decides switches: a confirmation is not about a cancelled order.
"""

import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from keyturn.studio.gallery.context_values import within
from keyturn.studio.gallery.variables.plausible_texts import Named, is_later, text_for
from keyturn.studio.gallery.variables.variables import FILTERS, OF_MONEY, Variable, singular

NOW = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
"""The day of all guesses, so that previews do not change from day to day."""

_MAIL: ContextVar[str] = ContextVar("mail", default="")
"""The name of the mail that a guess is for."""

_ITEMS = 3
_DEEPEST_LIST = 3
"""Depth of nested lists, to stop at recursive ones such as comments on comments."""

_PARTS_OF_A_MOMENT = frozenset(
    {"day", "hour", "isoweekday", "microsecond", "minute", "month", "second", "tzinfo", "tzname", "weekday", "year"}
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MOST_DIGITS = 18
_QUESTION = re.compile(r"(?:is|has|can|should)_.+")
_STATE = re.compile(r"active|disabled|done|enabled|paid|subscribed|verified|visible")
_FLAG = re.compile(r"(?:is|has|can|show|hide|should|include|with|enable|use|allow)_.+|.+_(?:enabled|visible|active)")
_KEYS = frozenset({"key", "k", "name", "label", "title", "field"})


def guess(variables: Mapping[str, Variable], mail: str = "") -> dict[str, Any]:
    """Return the same plain values for the same templates, without functions. The name of `mail` decides switches."""
    with within(_MAIL, mail):
        return _values(variables, "", 0, 0)


def _values(variables: Mapping[str, Variable], of: str, nth: int, depth: int) -> dict[str, Any]:
    guessed = {name: _value(one, of, nth, depth) for name, one in variables.items() if "called" not in one.uses}
    return {name: value for name, value in guessed.items() if value != {}}


def _value(one: Variable, of: str, nth: int, depth: int) -> Any:
    named = Named(one.name, of)
    if "moment" in one.uses or (one.attributes and one.attributes.keys() <= _PARTS_OF_A_MOMENT):
        return NOW + timedelta(days=nth + (7 if is_later(named) else 0))
    if "mapping" in one.uses and one.item:
        return _mapping(one, one.item, depth) | _values(one.attributes, one.name, nth, depth)
    if _is_list(one):
        turns = range(_ITEMS if depth < _DEEPEST_LIST else 0)
        return [_item(one.item_variable(), one.name, each, depth + 1) for each in turns]
    if one.attributes:
        return _values(one.attributes, one.name, nth, depth)
    if "mapping" in one.uses:
        return {}
    return _plain_value(one, named, nth)


def _is_list(one: Variable) -> bool:
    if "list" in one.uses or (one.item and one.item.attributes):
        return True
    return bool({"indexed", "length"} & one.uses) and singular(one.name) != one.name


def _item(item: Variable, of: str, nth: int, depth: int) -> Any:
    if item.parts:
        return [_value(part, singular(of), nth, depth) for part in item.parts]
    return _value(item, "", nth, depth)


def _mapping(one: Variable, item: Variable, depth: int) -> dict[str, Any]:
    key, value = item.parts if len(item.parts) == len(("key", "value")) else (Variable("label"), item)
    name = "label" if key.name in _KEYS else key.name
    keys = (text_for(Named(name, singular(one.name)), nth) or f"{name} {nth + 1}" for nth in range(_ITEMS))
    if depth >= _DEEPEST_LIST:
        return {}
    return {key: _value(value, "", nth, depth + 1) for nth, key in enumerate(keys)}


def _plain_value(one: Variable, named: Named, nth: int) -> Any:
    text, words = text_for(named, nth), "_".join(named.words)
    if one.filters & OF_MONEY and not _is_number(text):
        text = text_for(Named("price"), nth)
    if "number" in one.uses:
        return _number(text, one.default, nth)
    if one.compared:
        return likeliest(one.compared, _MAIL.get())
    if isinstance(one.default, int | float):
        return one.default
    if _is_yes_or_no(one, words):
        return _score(words, _MAIL.get()) >= 0
    if text is None and one.filters & FILTERS["moment"]:
        text = text_for(Named("date"), nth)
    if text is None and one.filters & FILTERS["number"]:
        text = text_for(Named("price"), nth)
    if text is None or (isinstance(one.default, str) and text.startswith("#")):
        text = one.default or f"{named}{f' {nth + 1}' if nth else ''}"
    is_whole = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if is_whole and "text" not in one.uses else text


def _is_yes_or_no(one: Variable, words: str) -> bool:
    is_tested = "asked" in one.uses
    if _QUESTION.fullmatch(words) or (is_tested and _STATE.fullmatch(words)):
        return True
    if is_tested and not one.uses & {"printed", "text", "length"}:
        return True
    return not one.uses & {"printed", "text"} and bool(_FLAG.fullmatch(words))


def _is_number(text: str | None) -> bool:
    return bool(_NUMBER.fullmatch((text or "").replace(" ", "")))


def _number(text: str | None, default: Any, nth: int) -> int | float:
    if isinstance(default, int | float):
        return default
    if not _is_number(text):
        return (3, 5, 2)[nth % 3]
    digits = (text or "").replace(" ", "")
    return float(digits) if "." in digits else int(digits)


_GONE_WRONG = (
    "abandon", "block", "bounc", "cancel", "closed", "decline", "delay", "delet", "denied", "disput", "error", "expir",
    "fail", "invalid", "late", "lost", "miss", "overdue", "past_due", "refund", "refus", "reject", "remov", "return",
    "revok", "suspend", "unpaid", "unsubscrib", "void", "withdraw",
)  # fmt: skip
"""Beginnings of words for failures. A mail on a failure says so in its name."""

_STEM = 5
"""Words with this many letters in common count as the same: "confirmed", "confirmation"."""


def likeliest(options: Iterable[Any], mail: str) -> Any:
    return max(options, key=lambda option: _score(str(option), mail))


def _score(option: str, mail: str) -> int:
    words, of_mail = Named(option).words, Named(mail).words
    if any(_same(word, other) for word in words for other in of_mail):
        return 1
    return -1 if any(word.startswith(_GONE_WRONG) for word in words) or option.lower() in _GONE_WRONG else 0


def _same(word: str, other: str) -> bool:
    return word == other or (len(word) >= _STEM and len(other) >= _STEM and word[:_STEM] == other[:_STEM])
