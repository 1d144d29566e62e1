"""Guesses values for templates without samples: from the names of variables and their uses, or from
typed props.
"""

import re
from collections.abc import Iterator, Mapping
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
    r"(?:is|has|can|show|hide|should|include|with|enable|use|allow)_.+|.+_(?:enabled|visible|active)"
)
_KEYS = frozenset({"key", "k", "name", "label", "title", "field"})


def guess_values(
    variables: Variables, of: str = "", nth: int = 0, depth: int = 0
) -> dict[str, Any]:
    """Return plain values, without functions, the same each time.

    `of`: the variable that has these as attributes.
    """
    guessed = {
        name: _value(one, of, nth, depth)
        for name, one in variables.items()
        if "called" not in one.uses
    }
    return {name: value for name, value in guessed.items() if value != {}}


def _value(one: Variable, of: str, nth: int, depth: int) -> Any:
    named = Named(one.name, of)
    if "moment" in one.uses or (one.attributes and one.attributes.keys() <= _PARTS_OF_A_MOMENT):
        return NOW + timedelta(days=nth + (7 if is_later(named) else 0))
    if "mapping" in one.uses and one.item:
        return _mapping(one, one.item, depth) | guess_values(one.attributes, one.name, nth, depth)
    if _is_list(one):
        turns, item, of_part = (
            range(_ITEMS if depth < _DEEPEST_LIST else 0),
            one.item_variable(),
            singular(one.name),
        )
        if item.parts:
            return [
                [_value(part, of_part, each, depth + 1) for part in item.parts] for each in turns
            ]
        return [_value(item, "", each, depth + 1) for each in turns]
    if one.attributes:
        attributes = guess_values(one.attributes, one.name, nth, depth)
        if "printed" not in one.uses:
            return attributes
        return MadeUpObject(attributes, str(_plain_value(one, named, nth)))
    if "mapping" in one.uses:
        return {}
    value = _plain_value(one, named, nth)
    if (
        isinstance(value, str | int)
        and not one.uses & {"number", "called"}
        and (slot := best_of(one.slots))
    ):
        text = fit(slot, value, named, nth)
        value = int(text) if slot.kind == "number" and text.isdecimal() else text
    return str(value) if "joined" in one.uses else value


def _is_list(one: Variable) -> bool:
    if "list" in one.uses or (one.item and (one.item.attributes or one.item.slots)):
        return True
    return bool({"indexed", "length"} & one.uses) and singular(one.name) != one.name


def _mapping(one: Variable, item: Variable, depth: int) -> dict[str, Any]:
    key, value = (
        item.parts if len(item.parts) == len(("key", "value")) else (Variable("label"), item)
    )
    name = "label" if key.name in _KEYS else key.name
    keys = (
        text_for(Named(name, singular(one.name)), nth) or f"{name} {nth + 1}"
        for nth in range(_ITEMS)
    )
    if depth >= _DEEPEST_LIST:
        return {}
    return {key: _value(value, "", nth, depth + 1) for nth, key in enumerate(keys)}


def _plain_value(one: Variable, named: Named, nth: int) -> Any:
    text, words = text_for(named, nth), "_".join(named.words)
    if one.filters & OF_MONEY and not _is_number(text):
        text = text_for(Named("price"), nth)
    if "number" in one.uses and "joined" not in one.uses:
        return _number(text, one.default, nth)
    if one.compared:
        return next(
            (option for option in one.compared if not _is_failure(str(option))), one.compared[0]
        )
    if isinstance(one.default, int | float):
        return one.default
    if _is_yes_or_no(one, words):
        return not _is_failure(words)
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


_GONE_WRONG = (  # beginnings of words; a mail is rather about an order than about a cancelled one
    "abandon", "block", "bounc", "cancel", "closed", "decline", "delay", "delet", "denied",
    "disput", "error", "expir", "fail", "invalid", "late", "lost", "miss", "overdue", "past_due",
    "refund", "refus", "reject", "remov", "return", "revok", "suspend", "unpaid", "unsubscrib",
    "void", "withdraw",
)  # fmt: skip


def _is_failure(name: str) -> bool:
    return name.lower() in _GONE_WRONG or any(
        word.startswith(_GONE_WRONG) for word in Named(name).words
    )


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
    fields = {one.name: one.type for one in msgspec.structs.fields(struct)}
    fitting = {name: _fitting(kind, name, plausible.get(name)) for name, kind in fields.items()}
    return factory.build(**{name: values[0] for name, values in fitting.items() if values})


class _Steady:
    """Lets a factory, and those of nested structs, make the same times every day.

    Others stay as they are.
    """

    @classmethod
    def get_provider_map(cls) -> dict[Any, Any]:
        others: dict[Any, Any] = super().get_provider_map()  # type: ignore[misc]
        return others | {kind: partial(deepcopy, moment) for kind, moment in _NOW.items()}


def _fitting(kind: Any, name: str, value: Any) -> list[Any]:
    """Return the values for a field that its type accepts: the plausible one first, then a text for
    its name.
    """
    struct = next(_structs_in(kind), None)
    if struct and isinstance(value, list):
        value = [_made(struct, each) if isinstance(each, Mapping) else each for each in value]
    elif struct and isinstance(value, Mapping):
        value = _made(struct, value)
    fitting = []
    for candidate in (value, value and str(value), text_for(Named(name))):
        with suppress(msgspec.ValidationError):
            fitting += (
                [msgspec.convert(candidate, kind, strict=False)] if candidate is not None else []
            )
    return fitting


def _structs_in(kind: Any) -> Iterator[Any]:
    if isclass(kind) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in get_args(kind):
        yield from _structs_in(part)
