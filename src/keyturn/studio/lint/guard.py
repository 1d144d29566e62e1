"""Checks the MJML itself: what the compiler accepts silently, or refuses without a place."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache, partial
from itertools import chain

from msgspec import Struct

from keyturn.mail.rendering.html_tree import HOLD_HTML, Element, SyntaxFault, parse_markup
from keyturn.studio.lint.checks.selectors import check_selectors
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import (
    Finding,
    Place,
    Severity,
    did_you_mean,
    line_and_column,
    listed,
)
from keyturn.studio.lint.markup.structure import (
    EVERYWHERE,
    TEXT_ALONE,
    bodies_of,
    schema,
    unread_attributes,
)
from keyturn.studio.lint.rules import RULES

_POSITION = re.compile(r"(.*?) in root template(?: at position (\d+):\d+)?")
_JINJA = re.compile(r"\{#(?:(?!\{#).)*?#\}|\{%(?:(?!\{%).)*?%\}|\{\{(?:(?!\{\{).)*?\}\}", re.DOTALL)


def guard(document: Document) -> Iterator[Finding]:
    """Yield findings on the MJML. If tags are missing, nesting is a guess and is not checked."""
    findings = [*_fault_findings(document.faults, document.place)]
    is_broken = any(RULES[finding.rule].breaks_nesting for finding in findings)
    selected = check_selectors(document, ["mjml"])
    if is_broken:
        selected = (one for one in selected if not RULES[one.rule].is_of_nesting)
    findings += selected
    findings += _attribute_findings(document)
    findings += _unknown_elements(document)
    if not is_broken:
        findings += _nesting_findings(document)
    yield from findings
    if document.refusal and not any(finding.severity == "error" for finding in findings):
        yield _refusal(document)


def _refusal(document: Document) -> Finding:
    """Return a finding with the compiler's own message, at the tag whose place it tells."""
    message = document.refusal.removeprefix("MJML: ")
    position = _POSITION.match(message)
    if position is None:
        return document.finding(Place(document.files.markup), "mjml/refused", reason=message)
    reason = position[1]
    if position[2] is None:
        return document.finding(Place(document.files.markup), "mjml/refused", reason=reason)
    end = int(position[2]) + 1
    start = document.markup.rfind("<", 0, end)
    return document.finding(start, "mjml/refused", rests_on=[range(start, end)], reason=reason)


def first_mistake_in(file: str, source: str) -> Finding | None:
    """Return the first error in the tags of a template that does not compile.

    Jinja counts as words and blanks.
    """

    def blank(jinja: re.Match[str]) -> str:
        letter = "x" if jinja[0].startswith("{{") else " "
        return re.sub(r"[^\n]", letter, jinja[0])

    def place(offset: int) -> Place:
        return Place(file, *line_and_column(source, offset))

    _, faults = parse_markup(_JINJA.sub(blank, source), is_mjml=True)
    findings = _fault_findings(faults, place)
    return next((finding for finding in findings if finding.severity == "error"), None)


def _fault_findings(
    faults: Iterable[SyntaxFault], place: Callable[[int], Place]
) -> Iterator[Finding]:
    """Yield the findings on malformed tags.

    An end tag of a misspelt start tag is no fault by itself.
    """
    for kind, offset, tag, detail in faults:
        is_misspelt_start = detail.startswith("mj") and detail not in schema().elements
        if kind == "misspelt-closing-tag" and is_misspelt_start:
            continue
        group = "mjml" if not tag or tag.lstrip("/").startswith("mj") else "html"
        case = "within" if detail else ""
        find = partial(RULES.finding, place(offset), f"{group}/{kind}", case, tag=tag)
        yield find(attribute=detail, character=detail, opened=detail)


# Elements that are no components, with their parents.
_WITHOUT_RULES: Mapping[str, frozenset[str]] = {
    "mj-all": frozenset(["mj-attributes"]),
    "mj-class": frozenset(["mj-attributes"]),
    "mj-selector": frozenset(["mj-html-attributes"]),
    "mj-html-attribute": frozenset(["mj-selector"]),
}

# A lone character is a typing slip, which counts only if the compiler refuses.
_WORD = re.compile(r"\S*\w\w")

_ONCE = ("mj-head", "mj-title", "mj-preview", "mj-breakpoint")


def _nesting_findings(document: Document) -> Iterator[Finding]:
    yield from _check_top(document)
    for element in document.root.walk():
        tag = element.tag
        within = element.holder.tag if element.holder else ""
        if within in TEXT_ALONE:
            yield document.finding(element.offset, "mjml/markup-in-text", within=within, tag=tag)
        elif within and tag.startswith("mj-"):
            yield document.finding(element.offset, "mjml/mjml-in-html", tag=tag, within=within)
        elif not within:
            yield from _check_home(document, element, _parent_of(element))
            yield from _check_content(document, element, _parent_of(element))
    yield from _repeated(document, "mj-body", bodies_of(document.root), "error")
    for tag in _ONCE:
        yield from _repeated(document, tag, document.elements(tag), "warning")


def _repeated(
    document: Document, tag: str, elements: Iterable[Element], severity: Severity
) -> Iterator[Finding]:
    for again in list(elements)[1:]:
        yield document.finding(again.offset, "mjml/second-element", severity=severity, tag=tag)


def _check_top(document: Document) -> Iterator[Finding]:
    tops = document.root.children
    mjml = next((element for element in tops if element.tag == "mjml"), None)
    if mjml is None:
        first = tops[0].offset if tops else 0
        yield document.finding(first, "mjml/missing-root")
        return
    for element in tops:
        if element is not mjml:
            yield document.finding(element.offset, "mjml/outside-root", tag=element.tag)
    for text in document.root.texts:
        if text.text.strip(" \ufeff"):
            yield document.finding(text.offset, "mjml/outside-root", "text")
    if not any(child.tag == "mj-body" for child in mjml.children):
        yield document.finding(mjml.offset, "mjml/missing-body")


def _check_home(document: Document, element: Element, parent: str) -> Iterator[Finding]:
    """Check whether an element may stand in its parent."""
    tag = element.tag
    known = schema().elements
    if tag not in _known_tags() or parent not in known:
        return
    if parent == "mj-attributes" and tag in known:
        return
    homes = [*_WITHOUT_RULES.get(tag, ()), *schema().parents.get(tag, ())]
    if parent not in homes:
        yield _misplaced_element(document, element, parent, homes)


def _check_content(document: Document, element: Element, parent: str) -> Iterator[Finding]:
    """Check whether an element may hold what it does."""
    tag = element.tag
    has_content = bool(element.children) or any(text.text.strip() for text in element.texts)
    if parent == "mj-attributes" and has_content:
        yield document.finding(element.offset, "mjml/default-with-content", tag=tag)
    elif tag in schema().elements and tag not in HOLD_HTML:
        for text in element.texts:
            if document.refusal or _WORD.match(document.markup, text.offset):
                yield document.finding(text.offset, "mjml/misplaced-text", tag=tag)


def _parent_of(element: Element) -> str:
    return element.parent.tag if element.parent else ""


@cache
def _known_tags() -> frozenset[str]:
    return frozenset((*schema().elements, *_WITHOUT_RULES))


def _unknown_elements(document: Document) -> Iterator[Finding]:
    """Yield the elements that MJML does not have: of HTML only the outermost."""
    known = {*_known_tags(), "mj-include", *RULES["mjml/removed-element"].fixes}
    for element in document.elements():
        tag = element.tag
        if tag in known:
            continue
        is_meant_as_mjml = tag.lower().startswith("mj")
        is_inner = any(above.tag not in _known_tags() for above in element.ancestors())
        if is_inner and not tag.startswith("mj"):
            continue
        name = tag.lower() if is_meant_as_mjml else f"mj-{tag.lower()}"
        meant = did_you_mean(name, _known_tags(), 0.7, question="Did you mean <{}>?")
        if is_meant_as_mjml or f"<mj-{tag}>" in meant:
            yield document.finding(element.offset, "mjml/unknown-element", tag=tag, fix=meant)
        else:
            parent = _parent_of(element)
            yield document.finding(element.offset, "mjml/misplaced-html", tag=tag, parent=parent)


def _misplaced_element(
    document: Document, element: Element, parent: str, homes: Sequence[str]
) -> Finding:
    tag = element.tag
    find = partial(document.finding, element.offset, tag=tag)
    is_of_head = tag in _WITHOUT_RULES or schema().elements[tag].head
    if is_of_head and any(above.tag == "mj-body" for above in element.ancestors()):
        of_head = "" if "mj-head" in homes else " of <mj-head>"
        return find("mjml/head-element-in-body", parents=f"{_names(homes)}{of_head}")
    if not is_of_head and parent == "mj-head":
        return find("mjml/body-element-in-head", parents=_names(homes))
    return find("mjml/wrong-parent", parent=parent, fix=_fix_for_parent(tag, parent, homes))


def _fix_for_parent(tag: str, parent: str, homes: Sequence[str]) -> str:
    taken = schema().elements[parent].children
    for home in homes:
        if home in taken:
            return f"Put <{home}> around it: <{parent}> takes {_names(taken)}."
    if homes:
        return f"Move it into {_names(homes)}."
    return f"Delete it: no element takes <{tag}>."


def _names(tags: Iterable[str]) -> str:
    return ", ".join(f"<{tag}>" for tag in tags)


def _attribute_findings(document: Document) -> Iterator[Finding]:
    """Yield the wrong attributes, and those that our compiler does not read where they are."""
    classes = {}
    for element in document.elements():
        if _parent_of(element) == "mj-attributes":
            classes[element.get("name")] = element
    for element in document.elements():
        known = _attributes_of(element.tag)
        if known is None:
            continue
        for name in element.attributes:
            yield from _check_attribute(document, element, name, known)
        is_default = _parent_of(element) == "mj-attributes"
        yield from _unread(document, element, element, "mj-attributes" if is_default else "inline")
        for name in element.get("mj-class").split():
            if name in classes:
                yield from _unread(document, element, classes[name], "mj-class")
            else:
                at = element.attributes["mj-class"].value_offset
                fix = did_you_mean(name, classes)
                yield document.finding(at, "mjml/undefined-class", name=name, fix=fix)


def _unread(document: Document, element: Element, holder: Element, way: str) -> Iterator[Finding]:
    """Yield the attributes of `holder` that the compiler does not read for an element.

    `way`: how they are given to it.
    """
    ways_of = unread_attributes().get(element.tag, {})
    for name, attribute in holder.attributes.items():
        ways = ways_of.get(name, ())
        if way in ways:
            case = "inline" if "inline" in ways else "default"
            yield document.finding(
                attribute.offset, "mjml/unread-attribute", case, tag=element.tag, name=name
            )


@lru_cache
def _attributes_of(tag: str) -> Mapping[str, str] | None:
    """Return the attributes of an element with their types, or None for unknown elements."""
    rules = schema().elements
    if tag in ("mj-all", "mj-class"):
        names = chain.from_iterable(one.attributes for one in rules.values())
        return dict.fromkeys((*names, *EVERYWHERE, "name"), "string")
    if tag not in rules:
        return None
    return {**rules[tag].attributes, **dict.fromkeys(EVERYWHERE, "string")}


def _check_attribute(
    document: Document, element: Element, name: str, known: Mapping[str, str]
) -> Iterator[Finding]:
    tag = element.tag
    attribute = element.attributes[name]
    if name in known:
        wrong = _wrong_value(known[name], attribute.value)
        if wrong:
            written = f'<{tag}>: {name}="{attribute.value}"'
            yield document.finding(
                attribute.value_offset,
                "mjml/wrong-value",
                written=written,
                expected=wrong.expected,
                fix=wrong.fix,
            )
    elif tag != "mjml" or get_close_matches(name, known):  # a version or a name space is harmless
        rule = "mjml/unknown-attribute"
        fix = "" if name in RULES[rule].fixes else _fix_for_unknown(tag, name, known)
        yield document.finding(attribute.offset, rule, name, tag=tag, name=name, fix=fix)


def _fix_for_unknown(tag: str, name: str, known: Mapping[str, str]) -> str:
    if meant := did_you_mean(name.lower(), known, 0.7):
        return meant
    holders = [other for other, rules in schema().elements.items() if name in rules.attributes]
    if holders:
        return f"Delete it: {name} belongs to {_names(holders[:4])}."
    return f"Delete it: <{tag}> takes {', '.join(sorted(known)) or 'no attributes'}."


_TYPE = re.compile(r"(\w+)(?:\(([^)]*)\))?(?:\{([\d,]+)\})?")
_BYTE = r"\d{1,3},\s?"
_COLOUR = re.compile(
    rf"rgba\({_BYTE}{_BYTE}{_BYTE}\d(\.\d{{1,3}})?\)|rgb\({_BYTE}{_BYTE}\d{{1,3}}\)|^#([0-9a-f]{{3}}){{1,2}}$",
    re.IGNORECASE,
)
_BARE = re.compile(r"-?(?=.*[1-9])[\d.]+")
_COLOURS = "Write #rrggbb, rgb(0,0,0), rgba(0,0,0,0.5) or a colour's name."
_NO_HASH = re.compile(r"([0-9a-f]{3}){1,2}", re.IGNORECASE)


class AttributeType(Struct, frozen=True):
    """The type of an attribute, as the reference implementation writes it: `unit(px,%){1,4}`."""

    name: str
    options: tuple[str, ...]
    count: str

    @classmethod
    def parse(cls, text: str) -> "AttributeType":
        read = _TYPE.fullmatch(text)
        if read is None:
            return cls("", ("",), "1")
        return cls(read[1], tuple((read[2] or "").split(",")), read[3] or "1")

    @property
    def most(self) -> int:
        return int(self.count.rpartition(",")[2])


class WrongValue(Struct, frozen=True):
    """What a value is not, such as "a colour", and the fix."""

    expected: str
    fix: str


def _wrong_value(kind: str, value: str) -> WrongValue | None:
    expected = AttributeType.parse(kind)
    options = expected.options
    match expected.name:
        case "color":
            return _wrong_colour(value)
        case "enum" if value not in options:
            named = listed([*filter(None, options)], "or")
            fix = did_you_mean(value.lower(), filter(None, options)) or f"Write {named}."
            return WrongValue(f"one of {named}" if len(options) > 1 else named, fix)
        case "boolean" if value not in ("true", "false"):
            return WrongValue("true or false", "Write true or false.")
        case "integer" if not re.search(r"\d", value):
            return WrongValue("a whole number", "Write only digits, without a unit.")
        case "unit" | "unitWithNegative" if not _unit(expected).search(value):
            return WrongValue(_lengths(expected), _fix_of_unit(value, expected))
    return None


def _wrong_colour(value: str) -> WrongValue | None:
    if value in schema().colours or _COLOUR.search(value):
        return None
    if _NO_HASH.fullmatch(value):
        return WrongValue("a colour", f"Add the hash: #{value}.")
    return WrongValue("a colour", did_you_mean(value.lower(), schema().colours) or _COLOURS)


def _lengths(expected: AttributeType) -> str:
    units = listed([unit or "a bare number" for unit in expected.options], "or")
    if "," in expected.count:
        return f"{expected.count.replace(',', ' to ')} lengths in {units}"
    return f"a length in {units}"


@cache
def _unit(expected: AttributeType) -> re.Pattern[str]:
    minus = "-|" if expected.name == "unitWithNegative" else ""
    written = "|".join(re.escape(unit) for unit in expected.options if unit != "auto")
    auto = "|auto" if "auto" in expected.options else ""
    return re.compile(rf"^((({minus}\d|,|\.)+({written})|0{auto})( )?){{{expected.count}}}$")


def _fix_of_unit(value: str, expected: AttributeType) -> str:
    unit = next(unit for unit in expected.options if unit != "auto")
    parts = value.split()
    if len(parts) > expected.most:
        if expected.most > 1:
            return f"Write at most {expected.most} lengths."
        return "Write only one length."
    added = [f"{part}{unit}" if _BARE.fullmatch(part) else part for part in parts]
    if added != parts:
        return f"Add the unit: {' '.join(added)}."
    units = listed([*filter(None, expected.options)], "or")
    return f"Write it in {units}, such as 10{unit}."
