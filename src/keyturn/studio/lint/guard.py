"""Checks the MJML itself: what the compiler accepts silently, or refuses without a place.

Attributes have types, written as in the reference validator: `color`, `unit(px,%){1,4}`, `enum(a,b)` ...
"""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from keyturn.mail.rendering.html_tree import HOLD_HTML, Attribute, Element, SyntaxFault, parse_markup
from keyturn.studio.lint.checks.selectors import check_mjml_selectors
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Place, Severity, did_you_mean, line_and_column, listed
from keyturn.studio.lint.markup.structure import EVERYWHERE, TEXT_ALONE, bodies_of, schema, unread_attributes
from keyturn.studio.lint.rules import RULES

_POSITION = re.compile(r"(.*?) in root template(?: at position (\d+):\d+)?")


def guard(document: Document) -> Iterator[Finding]:
    """Yield findings on the MJML. If tags are missing, nesting is a guess and is not checked."""
    faults = filter(_is_no_other_fault, document.faults)
    findings = [_finding_at(document.place(fault.offset), fault) for fault in faults]
    is_broken = any(RULES[finding.rule].breaks_nesting for finding in findings)
    selected = check_mjml_selectors(document)
    findings += (finding for finding in selected if not (is_broken and RULES[finding.rule].is_of_nesting))
    findings += attribute_findings(document)
    findings += (finding for element in document.elements() for finding in _unknown_element(document, element))
    findings += () if is_broken else nesting_findings(document)
    yield from findings
    if document.refusal and not any(finding.severity == "error" for finding in findings):
        yield _compiler_refusal(document)


def _compiler_refusal(document: Document) -> Finding:
    """Report the compiler's message if no other finding explains it."""
    message = document.refusal.removeprefix("MJML: ")
    position = _POSITION.match(message)
    reason, offset = (position[1], position[2]) if position else (message, None)
    at = document.markup.rfind("<", 0, int(offset) + 1) if offset else Place(document.files.markup)
    return document.finding(at, "mjml/refused", reason=reason)


_JINJA = re.compile(r"\{#(?:(?!\{#).)*?#\}|\{%(?:(?!\{%).)*?%\}|\{\{(?:(?!\{\{).)*?\}\}", re.DOTALL)


def first_mistake_in(file: str, source: str) -> Finding | None:
    """Return the first error in the tags of a template's source, for a template that does not compile.

    Expressions of Jinja count as words, its statements as blanks.
    """
    for fault in filter(_is_no_other_fault, parse_markup(_JINJA.sub(_without_jinja, source), is_mjml=True).faults):
        finding = _finding_at(Place(file, *line_and_column(source, fault.offset)), fault)
        if finding.severity == "error":
            return finding
    return None


def _without_jinja(jinja: re.Match[str]) -> str:
    """Replace Jinja by a word or blanks of the same length: offsets stay, and attributes keep a value."""
    return re.sub(r"[^\n]", "x" if jinja[0].startswith("{{") else " ", jinja[0])


def _is_no_other_fault(fault: SyntaxFault) -> bool:
    """Tell whether a fault is one by itself: an end tag of a misspelt start tag is none."""
    return (
        fault.kind != "misspelt-closing-tag" or fault.detail in schema().elements or not fault.detail.startswith("mj")
    )


def _finding_at(place: Place, fault: SyntaxFault) -> Finding:
    group = "mjml" if not fault.tag or fault.tag.lstrip("/").startswith("mj") else "html"
    rule, detail, case = f"{group}/{fault.kind}", fault.detail, "within" if fault.detail else ""
    return RULES.finding(place, rule, case, tag=fault.tag, attribute=detail, character=detail, opened=detail)


_WITHOUT_RULES: Mapping[str, frozenset[str]] = {
    "mj-all": frozenset(["mj-attributes"]),
    "mj-class": frozenset(["mj-attributes"]),
    "mj-selector": frozenset(["mj-html-attributes"]),
    "mj-html-attribute": frozenset(["mj-selector"]),
}
"""Elements that are no components, with their parents."""

_WORD = re.compile(r"\S*\w\w")
"""Text with a word. A lone character between elements is a typing slip, which counts only if the compiler refuses."""

_ONCE = ("mj-head", "mj-body", "mj-title", "mj-preview", "mj-breakpoint")


def nesting_findings(document: Document) -> Iterator[Finding]:
    yield from _check_top(document)
    for element in document.elements():
        yield from _check_element(document, element)
    yield from _html_tags(document)
    for tag in _ONCE:
        for again in list(bodies_of(document.root) if tag == "mj-body" else document.elements(tag))[1:]:
            severity: Severity = "error" if tag == "mj-body" else "warning"
            yield document.finding(again.offset, "mjml/second-element", severity=severity, tag=tag)


def _check_top(document: Document) -> Iterator[Finding]:
    tops = document.root.children
    mjml = next((element for element in tops if element.tag == "mjml"), None)
    if mjml is None:
        yield document.finding(tops[0].offset if tops else 0, "mjml/missing-root")
        return
    for other in (element for element in tops if element is not mjml):
        yield document.finding(other.offset, "mjml/outside-root", tag=other.tag)
    for text in document.root.texts:
        if text.text.strip(" \ufeff"):
            yield document.finding(text.offset, "mjml/outside-root", "text")
    if not any(child.tag == "mj-body" for child in mjml.children):
        yield document.finding(mjml.offset, "mjml/missing-body")


def _check_element(document: Document, element: Element) -> Iterator[Finding]:
    tag, parent = element.tag, element.parent.tag if element.parent else ""
    if tag in _known_tags() and parent in schema().elements and not _may_stand_in(tag, parent):
        yield _misplaced_element(document, element)
    if tag in schema().elements and tag not in HOLD_HTML:
        texts = (text.offset for text in element.texts)
        for offset in (start for start in texts if document.refusal or _WORD.match(document.markup, start)):
            yield document.finding(offset, "mjml/misplaced-text", tag=tag)


def _html_tags(document: Document) -> Iterator[Finding]:
    for element in document.root.walk():
        tag, within = element.tag, element.holder
        if within and within.tag in TEXT_ALONE:
            yield document.finding(element.offset, "mjml/markup-in-text", within=within.tag, tag=tag)
        elif within and tag.startswith("mj-"):
            yield document.finding(element.offset, "mjml/mjml-in-html", tag=tag, within=within.tag)


@cache
def _known_tags() -> frozenset[str]:
    return frozenset((*schema().elements, *_WITHOUT_RULES))


def _unknown_element(document: Document, element: Element) -> Iterator[Finding]:
    tag, known = element.tag, [*schema().elements, *_WITHOUT_RULES]
    if tag in known or tag == "mj-include" or tag in RULES["mjml/removed-element"].fixes:
        return
    if not tag.startswith("mj") and any(above.tag not in _known_tags() for above in element.ancestors()):
        return  # only the outermost is reported
    meant_as_mjml = tag.lower().startswith("mj")
    name = tag.lower() if meant_as_mjml else f"mj-{tag.lower()}"
    meant = did_you_mean(name, known, 0.7, "Did you mean <{}>?")
    if meant_as_mjml or f"<mj-{tag}>" in meant:
        yield document.finding(element.offset, "mjml/unknown-element", tag=tag, fix=meant)
        return
    above = element.parent.tag if element.parent else ""
    yield document.finding(element.offset, "mjml/misplaced-html", tag=tag, parent=above)


def _misplaced_element(document: Document, element: Element) -> Finding:
    tag, parent = element.tag, element.parent
    above = parent.tag if parent else ""
    in_body = any(ancestor.tag == "mj-body" for ancestor in element.ancestors())
    homes = [*_WITHOUT_RULES.get(tag, ()), *schema().parents.get(tag, ())]
    head = tag in _WITHOUT_RULES or schema().elements[tag].head
    if head and in_body:
        home = _names(homes) + ("" if "mj-head" in homes else " of <mj-head>")
        return document.finding(element.offset, "mjml/head-element-in-body", tag=tag, parents=home)
    if not head and above == "mj-head":
        return document.finding(element.offset, "mjml/body-element-in-head", tag=tag, parents=_names(homes))
    return document.finding(element.offset, "mjml/wrong-parent", tag=tag, parent=above, fix=_way_in(tag, above, homes))


def _way_in(tag: str, above: str, homes: list[str]) -> str:
    taken = schema().elements[above].children
    between = next((home for home in homes if home in taken), None)
    if between:
        return f"Put <{between}> around it: <{above}> takes {_names(taken)}."
    return f"Move it into {_names(homes)}." if homes else f"Delete it: no element takes <{tag}>."


def _may_stand_in(tag: str, parent: str) -> bool:
    if parent == "mj-attributes":
        return tag in ("mj-all", "mj-class") or tag in schema().elements
    return tag in schema().elements[parent].children or parent in _WITHOUT_RULES.get(tag, ())


def _names(tags: list[str]) -> str:
    return ", ".join(f"<{tag}>" for tag in tags)


def attribute_findings(document: Document) -> Iterator[Finding]:
    classes = {
        element.get("name"): element
        for element in document.elements()
        if element.parent and element.parent.tag == "mj-attributes"
    }
    for element in document.elements():
        known = _attributes_of(element)
        if known is None:
            continue
        for name, attribute in element.attributes.items():
            yield from _attribute(document, element, name, attribute, known)
        yield from _unread_attributes(document, element, classes)
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
        rule, tag = "mjml/unknown-attribute", element.tag
        fix = "" if name in RULES[rule].fixes else _fix_for_unknown(tag, name, known)
        yield document.finding(attribute.offset, rule, name, tag=tag, name=name, fix=fix)
    elif expected := wrong_value(known[name], attribute.value):
        written = f'<{element.tag}>: {name}="{attribute.value}"'
        at, what, fix = attribute.value_offset, expected.what, expected.fix
        yield document.finding(at, "mjml/wrong-value", written=written, expected=what, fix=fix)


def _unread_attributes(document: Document, element: Element, classes: Mapping[str, Element]) -> Iterator[Finding]:
    """Yield the attributes that MJML defines and our compiler does not read where they are written."""
    if not (unread := unread_attributes().get(element.tag)):
        return
    is_default = element.parent is not None and element.parent.tag == "mj-attributes"
    written = [("mj-attributes" if is_default else "inline", element)]
    written += [("mj-class", classes[name]) for name in element.get("mj-class").split() if name in classes]
    for way, holder in written:
        for name, attribute in holder.attributes.items():
            if way in (ways := unread.get(name, ())):
                case = "inline" if "inline" in ways else "default"
                yield document.finding(attribute.offset, "mjml/unread-attribute", case, tag=element.tag, name=name)


def _fix_for_unknown(tag: str, name: str, known: Mapping[str, str]) -> str:
    if meant := did_you_mean(name.lower(), known, 0.7):
        return meant
    holders = [other for other, rules in schema().elements.items() if name in rules.attributes]
    if holders:
        return f"Delete it: {name} belongs to {', '.join(f'<{holder}>' for holder in holders[:4])}."
    return f"Delete it: <{tag}> takes {', '.join(sorted(known)) or 'no attributes'}."


def _undefined_classes(document: Document, element: Element, classes: Collection[str]) -> Iterator[Finding]:
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
    match _read_type(kind):
        case "color", _, _ if value not in schema().colours and not _COLOUR.search(value):
            return Expected("a colour", _fix_of_colour(value))
        case "enum", options, _ if value not in options:
            named = listed([*filter(None, options)], "or")
            return Expected(f"one of {named}" if len(options) > 1 else named, _closest_option(value, options))
        case "boolean", _, _ if value not in ("true", "false"):
            return Expected("true or false", "Write true or false.")
        case "integer", _, _ if not re.search(r"\d", value):
            return Expected("a whole number", "Write only digits, without a unit.")
        case ("unit" | "unitWithNegative") as name, units, count if not _unit(name, tuple(units), count).search(value):
            return Expected(_unit_words(units, count), _fix_of_unit(value, units, count))
    return None


def _read_type(kind: str) -> tuple[str, list[str], str]:
    """Return the name of a type, its words in parentheses, and its count in braces."""
    read = _TYPE.fullmatch(kind)
    return (read[1], (read[2] or "").split(","), read[3] or "1") if read else ("", [""], "1")


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
    return did_you_mean(value.lower(), named) or f"Write {listed(named, 'or')}."


def _unit_words(units: list[str], count: str) -> str:
    words = listed([unit or "a bare number" for unit in units], "or")
    return f"{count.replace(',', ' to ')} lengths in {words}" if "," in count else f"a length in {words}"


def _fix_of_unit(value: str, units: list[str], count: str) -> str:
    unit, parts, most = next(unit for unit in units if unit != "auto"), value.split(), int(count.rpartition(",")[2])
    if len(parts) > most:
        return f"Write at most {most} lengths." if most > 1 else "Write only one length."
    number = next((match for part in parts if (match := _NUMBER.fullmatch(part))), None)
    if number and not number[1]:
        added = " ".join(f"{part}{unit}" if part.isdigit() and part != "0" else part for part in parts)
        return f"Add the unit: {added}."
    if number and number[1] not in units:
        return f"{number[1]} is not allowed here: write {listed([*filter(None, units)], 'or')}."
    return f"Write a number with its unit, such as 10{unit}."
