"""The types of MJML's attributes, as the reference validator reads them: `color`, `unit(px,%){1,4}`, `enum(a,b)` ..."""

import re
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from keyturn.emails.lint.markup.schema import schema

_TYPE = re.compile(r"(\w+)(?:\(([^)]*)\))?(?:\{([\d,]+)\})?")
_BYTE = r"\d{1,3},\s?"
_COLOUR = re.compile(
    rf"rgba\({_BYTE}{_BYTE}{_BYTE}\d(\.\d{{1,3}})?\)|rgb\({_BYTE}{_BYTE}\d{{1,3}}\)|^#([0-9a-f]{{3}}){{1,2}}$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?[\d.]+\s*([a-z%]*)", re.IGNORECASE)
_NO_HASH = re.compile(r"([0-9a-f]{3}){1,2}", re.IGNORECASE)


class Expected(NamedTuple):
    """Says what the value of an attribute should be. `what` goes on from "is not"."""

    what: str
    fix: str


def wrong_value(kind: str, value: str) -> Expected | None:
    """Return what was expected instead of the value, or None where it is right."""
    described = _TYPE.fullmatch(kind)
    if described is None:
        return None
    name, options, count = described[1], (described[2] or "").split(","), described[3] or "1"
    match name:
        case "color" if value not in schema().colours and not _COLOUR.search(value):
            return Expected("a colour", _fix_of_colour(value))
        case "enum" if value not in options:
            return Expected(
                f"one of {_join_words(options)}" if len(options) > 1 else options[0], _closest_option(value, options)
            )
        case "boolean" if value not in ("true", "false"):
            return Expected("true or false", "Write true or false.")
        case "integer" if not re.search(r"\d", value):
            return Expected("a whole number", "Write digits alone, without a unit.")
        case "unit" | "unitWithNegative" if not _unit(name, tuple(options), count).search(value):
            return Expected(_unit_words(options, count), _fix_of_unit(value, options, count))
        case _:
            return None


@cache
def _unit(name: str, units: tuple[str, ...], count: str) -> re.Pattern[str]:
    minus = "-|" if name == "unitWithNegative" else ""
    written = "|".join(re.escape(unit) for unit in units if unit != "auto")
    auto = "|auto" if "auto" in units else ""
    return re.compile(rf"^((({minus}\d|,|\.)+({written})|0{auto})( )?){{{count}}}$")


def _fix_of_colour(value: str) -> str:
    if _NO_HASH.fullmatch(value):
        return f"Add the hash: #{value}."
    if value.startswith("#"):
        return "Write three or six hexadecimal digits after the hash; for transparency, rgba(0,0,0,0.5)."
    close = get_close_matches(value.lower(), schema().colours, n=1)
    return f"Did you mean {close[0]}?" if close else "Write #rrggbb, rgb(0,0,0), rgba(0,0,0,0.5) or a colour's name."


def _closest_option(value: str, options: list[str]) -> str:
    named = [option for option in options if option]
    close = get_close_matches(value.lower(), named, n=1)
    return f"Did you mean {close[0]}?" if close else f"Write {_join_words(named)}."


def _unit_words(units: list[str], count: str) -> str:
    words = _join_words([unit or "a bare number" for unit in units])
    return f"{count.replace(',', ' to ')} lengths in {words}" if "," in count else f"a length in {words}"


def _fix_of_unit(value: str, units: list[str], count: str) -> str:
    unit, parts, most = next(unit for unit in units if unit != "auto"), value.split(), int(count.rpartition(",")[2])
    if len(parts) > most:
        return f"Write at most {most} of them." if most > 1 else "Write one length alone."
    number = next((found for part in parts if (found := _NUMBER.fullmatch(part))), None)
    if number and not number[1]:
        added = " ".join(f"{part}{unit}" if part.isdigit() and part != "0" else part for part in parts)
        return f"Add the unit: {added}."
    if number and number[1] not in units:
        return f"{number[1]} is not taken here: write {_join_words(units)}."
    return f"Write a number with its unit, as 10{unit}."


def _join_words(words: list[str]) -> str:
    named = [word for word in words if word]
    return f"{', '.join(named[:-1])} or {named[-1]}" if len(named) > 1 else named[0]
