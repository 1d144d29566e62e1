"""Unknown attributes, values of a wrong type, and undefined classes.

Types are written as in the reference validator: `color`, `unit(px,%){1,4}`, `enum(a,b)` ...
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, did_you_mean
from keyturn.emails.lint.markup.structure import EVERYWHERE, schema
from keyturn.mail.rendering.html_tree import Attribute, Element

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "mj-class": ("name",),
    "mj-font": ("name", "href"),
    "mj-breakpoint": ("width",),
    "mj-image": ("src",),
    "mj-carousel-image": ("src",),
    "mj-selector": ("path",),
    "mj-html-attribute": ("name",),
}


def attribute_findings(document: Document) -> Iterator[Finding]:
    classes = {
        element.get("name")
        for element in document.elements()
        if element.parent and element.parent.tag == "mj-attributes"
    }
    for element in document.elements():
        known = _attributes_of(element)
        if known is None:
            continue
        for name, attribute in element.attributes.items():
            yield from _attribute(document, element, name, attribute, known)
        if not (element.parent and element.parent.tag == "mj-attributes") or element.tag == "mj-class":
            yield from _missing_attributes(document, element)
        yield from _undefined_classes(document, element, classes)


def _attributes_of(element: Element) -> Mapping[str, str] | None:
    """Return the attributes of an element with their types, or None for unknown elements."""
    if element.tag in ("mj-all", "mj-class"):
        every = {name: kind for rules in schema().elements.values() for name, kind in rules.attributes.items()}
        return dict.fromkeys((*every, *EVERYWHERE, "name"), "string")
    if element.tag not in schema().elements:
        return None
    return {**schema().elements[element.tag].attributes, **dict.fromkeys(EVERYWHERE, "string")}


def _attribute(
    document: Document, element: Element, name: str, attribute: Attribute, known: Mapping[str, str]
) -> Iterator[Finding]:
    if name not in known:
        if element.tag == "mjml" and not get_close_matches(name, known):
            return  # a version or a name space does no harm
        fix = _fix_for_unknown(element.tag, name, known)
        yield document.finding(attribute.offset, "mjml/unknown-attribute", tag=element.tag, name=name, fix=fix)
    elif expected := wrong_value(known[name], attribute.value):
        written = f'<{element.tag}>: {name}="{attribute.value}"'
        at, what, fix = attribute.value_offset, expected.what, expected.fix
        yield document.finding(at, "mjml/wrong-value", written=written, expected=what, fix=fix)


def _fix_for_unknown(tag: str, name: str, known: Mapping[str, str]) -> str:
    if name == "class":
        return "Write css-class for a CSS class, or mj-class for a class of mj-attributes."
    if name == "style":
        return f"Use the attributes of <{tag}>, or css-class and mj-style."
    if meant := did_you_mean(name.lower(), known, 0.7):
        return meant
    holders = [other for other, rules in schema().elements.items() if name in rules.attributes]
    if holders:
        return f"Delete it: {name} belongs to {', '.join(f'<{holder}>' for holder in holders[:4])}."
    return f"Delete it: <{tag}> takes {', '.join(sorted(known)) or 'no attributes'}."


def _missing_attributes(document: Document, element: Element) -> Iterator[Finding]:
    for name in _REQUIRED.get(element.tag, ()):
        if not element.get(name).strip():
            yield document.finding(element.offset, "mjml/missing-attribute", tag=element.tag, name=name)


def _undefined_classes(document: Document, element: Element, classes: set[str]) -> Iterator[Finding]:
    for name in element.get("mj-class").split():
        if name not in classes:
            at = element.attributes["mj-class"].value_offset
            yield document.finding(at, "mjml/undefined-class", name=name, fix=did_you_mean(name, classes))


_TYPE = re.compile(r"(\w+)(?:\(([^)]*)\))?(?:\{([\d,]+)\})?")
_BYTE = r"\d{1,3},\s?"
_COLOUR = re.compile(
    rf"rgba\({_BYTE}{_BYTE}{_BYTE}\d(\.\d{{1,3}})?\)|rgb\({_BYTE}{_BYTE}\d{{1,3}}\)|^#([0-9a-f]{{3}}){{1,2}}$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?[\d.]+\s*([a-z%]*)", re.IGNORECASE)
_NO_HASH = re.compile(r"([0-9a-f]{3}){1,2}", re.IGNORECASE)


class Expected(NamedTuple):
    """The expected value of an attribute. `what` continues "is not"."""

    what: str
    fix: str


def wrong_value(kind: str, value: str) -> Expected | None:
    """Return what was expected instead of the value, or None if it is valid."""
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
            return Expected("a whole number", "Write only digits, without a unit.")
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
        return "Write three or six hexadecimal digits after the hash. For transparency, write rgba(0,0,0,0.5)."
    meant = did_you_mean(value.lower(), schema().colours)
    return meant or "Write #rrggbb, rgb(0,0,0), rgba(0,0,0,0.5) or a colour's name."


def _closest_option(value: str, options: list[str]) -> str:
    named = [option for option in options if option]
    return did_you_mean(value.lower(), named) or f"Write {_join_words(named)}."


def _unit_words(units: list[str], count: str) -> str:
    words = _join_words([unit or "a bare number" for unit in units])
    return f"{count.replace(',', ' to ')} lengths in {words}" if "," in count else f"a length in {words}"


def _fix_of_unit(value: str, units: list[str], count: str) -> str:
    unit, parts, most = next(unit for unit in units if unit != "auto"), value.split(), int(count.rpartition(",")[2])
    if len(parts) > most:
        return f"Write at most {most} lengths." if most > 1 else "Write only one length."
    number = next((found for part in parts if (found := _NUMBER.fullmatch(part))), None)
    if number and not number[1]:
        added = " ".join(f"{part}{unit}" if part.isdigit() and part != "0" else part for part in parts)
        return f"Add the unit: {added}."
    if number and number[1] not in units:
        return f"{number[1]} is not allowed here: write {_join_words(units)}."
    return f"Write a number with its unit, such as 10{unit}."


def _join_words(words: list[str]) -> str:
    named = [word for word in words if word]
    return f"{', '.join(named[:-1])} or {named[-1]}" if len(named) > 1 else named[0]
