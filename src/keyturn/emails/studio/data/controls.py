"""What a value is edited with: a control of HTML, with the constraints of its type as native attributes."""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from msgspec import inspect

from keyturn.emails.gallery.samples.durations import in_words, read_duration
from keyturn.emails.gallery.samples.shapes import Shape, alternatives

Kind = Literal["line", "lines", "number", "flag", "moment", "day", "clock", "span", "choice", "group", "many", "json"]

_TO_THE_MILLISECOND = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?!\d)")
_LONG = 40
_ROOMY = 80

# What `pattern` of HTML, a regular expression of JavaScript with the flag v, reads as Python does (HTML 4.10.5.3.6).
_A_CLASS = re.compile(r"\[\^?(?:\w-\w|\w|[.+%@_ ]|\\[wdsWDS.-])+\]")
_PYTHON_ALONE = re.compile(r"\(\?(?![:=!])|\\[AZpPk]|[\[\]]")


class Control(NamedTuple):
    """Describes how a value is edited."""

    kind: Kind
    attributes: Mapping[str, str]


_JSON = Control("json", {})
_NUMBERS = (inspect.IntType, inspect.FloatType)
_MANY = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)
_GROUPS = (inspect.StructType, inspect.TypedDictType, inspect.DataclassType)


def control_for(shape: Shape, value: Any, start: Any) -> Control:
    """Return the control for a value; one that takes any text where the value does not fit its type.

    `start` is what the value was before it was edited: the control must not turn into another while somebody types.
    """
    kinds = [one for one in alternatives(shape) if not isinstance(one, inspect.NoneType)]
    if not kinds or (len(kinds) > 1 and not all(isinstance(one, _NUMBERS) for one in kinds)):
        return _JSON
    match kinds[-1]:
        case inspect.StrType() as text:
            return _text(text, value, start)
        case inspect.IntType() | inspect.FloatType() as number:
            return Control("number", _limits(number, value))
        case inspect.BoolType() if value is None or isinstance(value, bool):
            return Control("flag", {})
        case inspect.EnumType() | inspect.LiteralType():
            return Control("choice", {})
        case one if isinstance(one, _MANY) and isinstance(value, list | None):
            return _JSON if isinstance(getattr(one, "item_type", None), inspect.AnyType) else Control("many", {})
        case one if isinstance(one, _GROUPS) and isinstance(value, dict | None):
            return _JSON if getattr(one, "array_like", False) else Control("group", {})
        case one:
            return _time(one, value)


def _time(shape: Shape, value: Any) -> Control:
    match shape:
        case inspect.DateTimeType():
            return Control("moment", {"step": "any"}) if not value or _moment(value) else Control("line", {})
        case inspect.DateType():
            return Control("day", {"required": ""})
        case inspect.TimeType():
            fits = not value or _TO_THE_MILLISECOND.match(str(value))
            return Control("clock", {"step": "any"}) if fits else Control("line", {})
        case inspect.TimeDeltaType():
            return Control("span", {"required": ""})
        case inspect.UUIDType() | inspect.DecimalType():
            return Control("line", {"required": ""})
    return _JSON


def choices(shape: Shape) -> list[Any]:
    """Return the values of an enumeration or of literals, as JSON has them."""
    for one in alternatives(shape):
        if isinstance(one, inspect.LiteralType):
            return [value for value in one.values if value is not None]
        if isinstance(one, inspect.EnumType):
            return [member.value for member in one.cls]
    return []


def to_control_text(kind: Kind, value: Any) -> str:
    match kind, value:
        case _, None:
            return ""
        case "moment", str():
            return _moment(value)
        case "clock", str():
            return value.removesuffix(zone_of(value))
        case "span", str():
            try:
                return in_words(read_duration(value))
            except ValueError:
                return value
        case "choice" | "json", _ if not isinstance(value, str) or kind == "choice":
            return json.dumps(value, ensure_ascii=False, indent=2 if kind == "json" else None)
        case _, str():
            return value
    return json.dumps(value, ensure_ascii=False)


def zone_of(value: Any) -> str:
    """Return the end of a moment, which its control has no place for: "Z", "+01:00" or nothing."""
    found = re.search(r"(?:Z|[+-]\d\d:\d\d)$", str(value))
    return found[0] if found else ""


def _text(text: inspect.StrType, value: Any, start: Any) -> Control:
    attributes = {}
    if text.max_length is not None:
        attributes["maxlength"] = str(text.max_length)
    if text.min_length:
        attributes |= {"minlength": str(text.min_length), "required": ""}
    roomy = text.max_length is None or text.max_length > _ROOMY
    if "\n" in str(value or "") or (roomy and len(str(start or "")) > _LONG and not str(start).startswith("data:")):
        return Control("lines", attributes)
    if text.pattern and (pattern := _in_html(text.pattern)):
        attributes["pattern"] = pattern
    return Control("line", attributes)


def _in_html(pattern: str) -> str:
    """Return the pattern for the whole of a value; nothing where a browser would read it in another way."""
    if _PYTHON_ALONE.search(_A_CLASS.sub("", pattern)):
        return ""
    return rf"(?:.*(?:{pattern}).*)"


def _limits(number: inspect.IntType | inspect.FloatType, value: Any) -> dict[str, str]:
    """Return the limits. A value that is no number needs a control that shows it all the same."""
    if isinstance(value, str) and value.strip():
        return {"type": "text", "inputmode": "decimal"}
    whole = isinstance(number, inspect.IntType)
    least = number.ge if number.ge is not None else number.gt + 1 if whole and number.gt is not None else number.gt
    if number.multiple_of and least is not None:  # the steps of HTML start at `min`
        least = math.ceil(least / number.multiple_of) * number.multiple_of
    most = number.le if number.le is not None else number.lt - 1 if whole and number.lt is not None else number.lt
    limits = {"min": least, "max": most, "step": number.multiple_of or (1 if whole else "any"), "required": ""}
    return {name: str(limit) for name, limit in limits.items() if limit is not None}


def _moment(value: Any) -> str:
    """Return a moment as datetime-local has it, to the millisecond; nothing where it is none."""
    try:
        local = datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        return ""
    exact = "milliseconds" if local.microsecond else "seconds" if local.second else "minutes"
    return local.isoformat(timespec=exact)
