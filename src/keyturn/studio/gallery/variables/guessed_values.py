"""Guesses values for templates without samples: from the names of variables and their uses, or from
typed props.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from inspect import isclass
from typing import Any, get_args

import msgspec

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery.variables.made_up import MadeUpObject
from keyturn.studio.gallery.variables.plausible_texts import Named, is_later, text_for
from keyturn.studio.gallery.variables.recording_value import (
    FILTERS,
    OF_MONEY,
    Use,
    Variable,
    Variables,
    singular,
)
from keyturn.studio.gallery.variables.slots import best_of, fit

NOW = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)  # previews do not change from day to day
_ITEMS = 3
_DEEPEST_LIST = 3  # depth of nested lists, to stop at recursive ones such as comments on comments
_PARTS_OF_A_MOMENT = frozenset(
    {"day", "hour", "isoweekday", "minute", "month", "second", "tzname", "weekday", "year"}
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MOST_DIGITS = 18
_QUESTION = re.compile(r"(?:is|has|can|should)_.+")
_STATE = re.compile(r"active|disabled|done|enabled|paid|subscribed|verified|visible")
_FLAG = re.compile(
    r"(?:is|has|can|show|hide|should|include|with|enable|use|allow)_.+"
    r"|.+_(?:enabled|visible|active)"
)
_KEYS = frozenset({"key", "k", "name", "label", "title", "field"})


def guess_values(
    variables: Variables, of: str = "", nth: int = 0, depth: int = 0
) -> dict[str, Any]:
    """Return plain values, without functions, the same each time.

    `of`: the variable that has these as attributes. `nth`: their position in a list.
    `depth`: of the lists around them.
    """
    guessed = {}
    for name, variable in variables.items():
        if "called" not in variable.uses:
            value = _value(variable, of, nth, depth)
            if value != {}:
                guessed[name] = value
    return guessed


def _value(variable: Variable, of: str, nth: int, depth: int) -> Any:
    if _is_moment(variable):
        weeks = 1 if is_later(Named(variable.name, of)) else 0
        return NOW + timedelta(days=nth, weeks=weeks)
    if "mapping" in variable.uses and variable.item:
        attributes = guess_values(variable.attributes, variable.name, nth, depth)
        return _mapping(variable, variable.item, depth) | attributes
    if _is_list(variable):
        return _list(variable, depth)
    if not variable.attributes:
        if "mapping" in variable.uses:
            return {}
        return _leaf(variable, of, nth)
    attributes = guess_values(variable.attributes, variable.name, nth, depth)
    if "printed" in variable.uses:
        text = _plain_value(variable, Named(variable.name, of), nth)
        return MadeUpObject(attributes, str(text))
    return attributes


def _is_moment(variable: Variable) -> bool:
    if "moment" in variable.uses:
        return True
    return bool(variable.attributes) and variable.attributes.keys() <= _PARTS_OF_A_MOMENT


def _is_list(variable: Variable) -> bool:
    item = variable.item
    if "list" in variable.uses or (item and (item.attributes or item.slots)):
        return True
    is_plural = singular(variable.name) != variable.name
    return is_plural and not variable.uses.isdisjoint({"indexed", "length"})


def _list(variable: Variable, depth: int) -> list[Any]:
    item = variable.item_variable()
    entries: list[Any] = []
    for nth in _turns(depth):
        if item.parts:
            of = singular(variable.name)
            entries.append([_value(part, of, nth, depth + 1) for part in item.parts])
        else:
            entries.append(_value(item, "", nth, depth + 1))
    return entries


def _turns(depth: int) -> range:
    return range(_ITEMS if depth < _DEEPEST_LIST else 0)


def _mapping(variable: Variable, item: Variable, depth: int) -> dict[str, Any]:
    name = "label"
    value = item
    if len(item.parts) == len(("key", "value")):
        value = item.parts[1]
        if item.parts[0].name not in _KEYS:
            name = item.parts[0].name
    named = Named(name, singular(variable.name))
    mapping = {}
    for nth in _turns(depth):
        key = text_for(named, nth) or f"{name} {nth + 1}"
        mapping[key] = _value(value, "", nth, depth + 1)
    return mapping


def _leaf(variable: Variable, of: str, nth: int) -> Any:
    """Return the value of a variable without parts. It fits the places that print it."""
    named = Named(variable.name, of)
    value = _plain_value(variable, named, nth)
    slot = best_of(variable.slots)
    is_free = isinstance(value, str | int) and variable.uses.isdisjoint({"number", "called"})
    if slot and is_free:
        value = fit(slot, value, named, nth)
        if slot.kind == "number" and value.isdecimal():
            value = int(value)
    if "joined" in variable.uses:
        return str(value)
    return value


def _plain_value(variable: Variable, named: Named, nth: int) -> Any:
    words = "_".join(named.words)
    text = text_for(named, nth)
    default = variable.default
    if variable.filters & OF_MONEY and not _is_number(text):
        text = text_for(Named("price"), nth)
    if "number" in variable.uses and "joined" not in variable.uses:
        return _number(text, default, nth)
    if variable.compared:
        return _likely(variable.compared)
    if isinstance(default, int | float):
        return default
    if _is_yes_or_no(variable, words):
        return not _is_failure(words)
    if text is None and _is_filtered_as(variable, "moment"):
        text = text_for(Named("date"), nth)
    if text is None and _is_filtered_as(variable, "number"):
        text = text_for(Named("price"), nth)
    if default and (text is None or text.startswith("#")):
        text = str(default)
    if text is None:
        text = f"{named} {nth + 1}" if nth else str(named)
    if "text" not in variable.uses and _is_whole_number(text):
        return int(text)
    return text


def _is_filtered_as(variable: Variable, use: Use) -> bool:
    return any(FILTERS.get(name) == use for name in variable.filters)


def _likely(options: Sequence[Any]) -> Any:
    """Return the first option that is not about what went wrong."""
    return next((one for one in options if not _is_failure(str(one))), options[0])


def _is_yes_or_no(variable: Variable, words: str) -> bool:
    is_tested = "asked" in variable.uses
    is_shown = not variable.uses.isdisjoint({"printed", "text"})
    if _QUESTION.fullmatch(words) or (is_tested and _STATE.fullmatch(words)):
        return True
    if is_tested and not is_shown and "length" not in variable.uses:
        return True
    return not is_shown and bool(_FLAG.fullmatch(words))


def _is_whole_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def _is_number(text: str | None) -> bool:
    return bool(_NUMBER.fullmatch((text or "").replace(" ", "")))


def _number(text: str | None, default: object, nth: int) -> int | float:
    if isinstance(default, int | float):
        return default
    if text is None or not _is_number(text):
        return (3, 5, 2)[nth % 3]
    digits = text.replace(" ", "")
    return float(digits) if "." in digits else int(digits)


_GONE_WRONG = (  # beginnings of words; a mail is rather about an order than about a cancelled one
    "abandon", "block", "bounc", "cancel", "closed", "decline", "delay", "delet", "denied",
    "disput", "error", "expir", "fail", "invalid", "late", "lost", "miss", "overdue", "past_due",
    "refund", "refus", "reject", "remov", "return", "revok", "suspend", "unpaid", "unsubscrib",
    "void", "withdraw",
)  # fmt: skip


def _is_failure(name: str) -> bool:
    if name.lower() in _GONE_WRONG:  # of several words
        return True
    return any(word.startswith(_GONE_WRONG) for word in Named(name).words)


_SEED = 1
_NOW: Mapping[type, Any] = {
    datetime: NOW,
    date: NOW.date(),
    time: NOW.timetz(),
    timedelta: timedelta(minutes=30),
}


def made_up(props: type[EmailProps], plausible: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that the types of the props accept.

    Loads polyfactory, with Faker. Raises what polyfactory raises.
    """
    return msgspec.structs.asdict(_made(props, plausible))


def _made(struct: Any, plausible: Mapping[str, Any]) -> Any:
    from polyfactory.factories.msgspec_factory import MsgspecFactory

    factory: Any = MsgspecFactory.create_factory(struct, bases=(_Steady,))  # type: ignore[arg-type]
    factory.seed_random(_SEED)
    values = {}
    for field in msgspec.structs.fields(struct):
        for fitting in _fitting(field.type, field.name, plausible.get(field.name)):
            values[field.name] = fitting
            break
    return factory.build(**values)


class _Steady:
    """Lets a factory, and those of nested structs, make the same times every day.

    Others stay as they are.
    """

    @classmethod
    def get_provider_map(cls) -> dict[Any, Any]:
        others: dict[Any, Any] = super().get_provider_map()  # type: ignore[misc]
        return others | {kind: partial(deepcopy, moment) for kind, moment in _NOW.items()}


def _fitting(kind: Any, name: str, value: Any) -> Iterator[Any]:
    """Yield the values for a field that its type accepts: the plausible one first, then a text for
    its name.
    """
    struct = next(_structs_in(kind), None)
    if struct and isinstance(value, list):
        value = [_made(struct, each) if isinstance(each, Mapping) else each for each in value]
    elif struct and isinstance(value, Mapping):
        value = _made(struct, value)
    for candidate in (value, value and str(value), text_for(Named(name))):
        if candidate is not None:
            with suppress(msgspec.ValidationError):
                yield msgspec.convert(candidate, kind, strict=False)


def _structs_in(kind: Any) -> Iterator[Any]:
    if isclass(kind) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in get_args(kind):
        yield from _structs_in(part)
