"""The types of attributes of MJML, and what is wrong with a value."""

import re
from functools import cache

from msgspec import Struct

from keyturn.studio.lint.finding import did_you_mean, listed
from keyturn.studio.lint.markup.structure import schema

_TYPE = re.compile(r"(\w+)(?:\(([^)]*)\))?(?:\{([\d,]+)\})?")
_BYTE = r"\d{1,3},\s?"
_COLOUR = re.compile(
    rf"rgba\({_BYTE}{_BYTE}{_BYTE}\d(\.\d{{1,3}})?\)|rgb\({_BYTE}{_BYTE}\d{{1,3}}\)"
    r"|^#([0-9a-f]{3}){1,2}$",
    re.IGNORECASE,
)
_BARE = re.compile(r"-?(?=.*[1-9])[\d.]+")
_COLOURS = "Write #rrggbb, rgb(0,0,0), rgba(0,0,0,0.5) or a colour's name."
_NO_HASH = re.compile(r"([0-9a-f]{3}){1,2}", re.IGNORECASE)


class AttributeType(Struct, frozen=True):
    """The type of an attribute, as the reference implementation writes it: `unit(px,%){1,4}`.

    `options`: words or units, "" for a bare number. `count`: how many lengths it takes, as regular
    expressions write it.
    """

    name: str
    options: tuple[str, ...] = ("",)
    count: str = "1"

    @classmethod
    def parse(cls, text: str) -> "AttributeType":
        read = _TYPE.fullmatch(text)
        if read is None:
            return cls("")
        name, options, count = read.groups("")
        return cls(name, tuple(options.split(",")), count or "1")

    @property
    def named_options(self) -> list[str]:
        return [option for option in self.options if option]

    @property
    def most(self) -> int:
        return int(self.count.rpartition(",")[2])


class WrongValue(Struct, frozen=True):
    """The values that are expected, in words such as "a colour", and the fix."""

    expected: str
    fix: str


def wrong_value(kind: str, value: str) -> WrongValue | None:
    """Return what is wrong with a value of a type, None if it fits."""
    expected = AttributeType.parse(kind)
    match expected.name:
        case "color":
            return _wrong_colour(value)
        case "enum":
            return _wrong_word(expected, value)
        case "boolean" if value not in ("true", "false"):
            return WrongValue("true or false", "Write true or false.")
        case "integer" if not re.search(r"\d", value):
            return WrongValue("a whole number", "Write only digits, without a unit.")
        case "unit" | "unitWithNegative" if not _lengths(expected).search(value):
            return WrongValue(_lengths_in_words(expected), _fix_of_lengths(value, expected))
    return None


def _wrong_colour(value: str) -> WrongValue | None:
    if value in schema().colours or _COLOUR.search(value):
        return None
    if _NO_HASH.fullmatch(value):
        return WrongValue("a colour", f"Add the hash: #{value}.")
    return WrongValue("a colour", did_you_mean(value.lower(), schema().colours) or _COLOURS)


def _wrong_word(expected: AttributeType, value: str) -> WrongValue | None:
    if value in expected.options:
        return None
    named = listed(expected.named_options, "or")
    fix = did_you_mean(value.lower(), expected.named_options) or f"Write {named}."
    return WrongValue(f"one of {named}" if len(expected.options) > 1 else named, fix)


@cache
def _lengths(expected: AttributeType) -> re.Pattern[str]:
    """Return the pattern of the lengths that a type takes."""
    minus = "-|" if expected.name == "unitWithNegative" else ""
    written = "|".join(re.escape(unit) for unit in expected.options if unit != "auto")
    auto = "|auto" if "auto" in expected.options else ""
    return re.compile(rf"^((({minus}\d|,|\.)+({written})|0{auto})( )?){{{expected.count}}}$")


def _lengths_in_words(expected: AttributeType) -> str:
    units = listed([unit or "a bare number" for unit in expected.options], "or")
    if "," in expected.count:
        return f"{expected.count.replace(',', ' to ')} lengths in {units}"
    return f"a length in {units}"


def _fix_of_lengths(value: str, expected: AttributeType) -> str:
    unit = next(unit for unit in expected.options if unit != "auto")
    parts = value.split()
    if len(parts) > expected.most:
        if expected.most > 1:
            return f"Write at most {expected.most} lengths."
        return "Write only one length."
    added = [f"{part}{unit}" if _BARE.fullmatch(part) else part for part in parts]
    if added != parts:
        return f"Add the unit: {' '.join(added)}."
    units = listed(expected.named_options, "or")
    return f"Write it in {units}, such as 10{unit}."
