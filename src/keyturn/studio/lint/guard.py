"""Checks the MJML itself: what the compiler accepts silently, or refuses without a place."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache, partial

from keyturn.mail.rendering.html_tree import HOLD_HTML, Element, SyntaxFault, parse_markup
from keyturn.studio.lint.checks.selectors import check_selectors
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Place, Severity, did_you_mean, line_and_column
from keyturn.studio.lint.markup.attribute_values import wrong_value
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
    findings = list(_fault_findings(document.faults, document.place))
    is_broken = any(RULES[finding.rule].breaks_nesting for finding in findings)
    for finding in check_selectors(document, ["mjml"]):
        if not (is_broken and RULES[finding.rule].is_of_nesting):
            findings.append(finding)
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
    told = _POSITION.match(message)
    if told is None:
        return document.finding(Place(document.files.markup), "mjml/refused", reason=message)
    reason, position = told.groups()
    if position is None:
        return document.finding(Place(document.files.markup), "mjml/refused", reason=reason)
    end = int(position) + 1
    start = document.markup.rfind("<", 0, end)
    return document.finding(start, "mjml/refused", rests_on=[range(start, end)], reason=reason)


def first_mistake_in(file: str, source: str) -> Finding | None:
    """Return the first error in the tags of a template that does not compile.

    Jinja counts as words and blanks.
    """

    def place(offset: int) -> Place:
        return Place(file, *line_and_column(source, offset))

    _, faults = parse_markup(_JINJA.sub(_as_words, source), is_mjml=True)
    for finding in _fault_findings(faults, place):
        if finding.severity == "error":
            return finding
    return None


def _as_words(jinja: re.Match[str]) -> str:
    """Return as many letters as a value has, or blanks for a tag, on the same lines."""
    letter = "x" if jinja[0].startswith("{{") else " "
    return re.sub(r"[^\n]", letter, jinja[0])


def _fault_findings(
    faults: Iterable[SyntaxFault], place: Callable[[int], Place]
) -> Iterator[Finding]:
    """Yield the findings on malformed tags.

    An end tag of a misspelt start tag is no fault by itself.
    """
    for fault in faults:
        detail = fault.detail
        is_misspelt_start = detail.startswith("mj") and detail not in schema().elements
        if fault.kind == "misspelt-closing-tag" and is_misspelt_start:
            continue
        is_html = fault.tag and not fault.tag.lstrip("/").startswith("mj")
        group = "html" if is_html else "mjml"
        yield RULES.finding(
            place(fault.offset),
            f"{group}/{fault.kind}",
            "within" if detail else "",
            tag=fault.tag,
            attribute=detail,
            character=detail,
            opened=detail,
        )


# Elements that are no components, with their parents.
_WITHOUT_RULES: Mapping[str, Sequence[str]] = {
    "mj-all": ["mj-attributes"],
    "mj-class": ["mj-attributes"],
    "mj-selector": ["mj-html-attributes"],
    "mj-html-attribute": ["mj-selector"],
}

# A lone character is a typing slip, which counts only if the compiler refuses.
_WORD = re.compile(r"\S*\w\w")

_ONCE = ("mj-head", "mj-title", "mj-preview", "mj-breakpoint")


def _nesting_findings(document: Document) -> Iterator[Finding]:
    yield from _check_top(document)
    for element in document.root.walk():
        if element.holder:
            yield from _check_in_holder(document, element, element.holder.tag)
        else:
            yield from _check_home(document, element, _parent_of(element))
            yield from _check_content(document, element, _parent_of(element))
    yield from _repeated(document, "mj-body", bodies_of(document.root), "error")
    for tag in _ONCE:
        yield from _repeated(document, tag, document.elements(tag), "warning")


def _check_top(document: Document) -> Iterator[Finding]:
    tops = document.root.children
    mjml = next((element for element in tops if element.tag == "mjml"), None)
    if mjml is None:
        first = tops[0].offset if tops else 0
        yield document.finding(first, "mjml/missing-root")
        return
    yield from _outside_of(document, mjml)
    if not any(child.tag == "mj-body" for child in mjml.children):
        yield document.finding(mjml.offset, "mjml/missing-body")


def _outside_of(document: Document, mjml: Element) -> Iterator[Finding]:
    for element in document.root.children:
        if element is not mjml:
            yield document.finding(element.offset, "mjml/outside-root", tag=element.tag)
    for text in document.root.texts:
        if text.text.strip(" \ufeff"):
            yield document.finding(text.offset, "mjml/outside-root", "text")


def _check_in_holder(document: Document, element: Element, holder: str) -> Iterator[Finding]:
    """Check an element in the content of an MJML element, which is HTML or a text alone."""
    tag = element.tag
    if holder in TEXT_ALONE:
        yield document.finding(element.offset, "mjml/markup-in-text", within=holder, tag=tag)
    elif tag.startswith("mj-"):
        yield document.finding(element.offset, "mjml/mjml-in-html", tag=tag, within=holder)


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


def _repeated(
    document: Document, tag: str, elements: Iterable[Element], severity: Severity
) -> Iterator[Finding]:
    for again in list(elements)[1:]:
        yield document.finding(again.offset, "mjml/second-element", severity=severity, tag=tag)


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
        is_inner = any(above.tag not in _known_tags() for above in element.ancestors())
        if is_inner and not tag.startswith("mj"):
            continue
        is_meant_as_mjml = tag.lower().startswith("mj")
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
        parents = _names(homes)
        if "mj-head" not in homes:
            parents += " of <mj-head>"
        return find("mjml/head-element-in-body", parents=parents)
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
        way = "mj-attributes" if _parent_of(element) == "mj-attributes" else "inline"
        yield from _unread(document, element, element, way)
        yield from _check_classes(document, element, classes)


def _check_classes(
    document: Document, element: Element, classes: Mapping[str, Element]
) -> Iterator[Finding]:
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
    unread = unread_attributes().get(element.tag, {})
    for name, attribute in holder.attributes.items():
        ways = unread.get(name, ())
        if way in ways:
            case = "inline" if "inline" in ways else "default"
            yield document.finding(
                attribute.offset, "mjml/unread-attribute", case, tag=element.tag, name=name
            )


@lru_cache
def _attributes_of(tag: str) -> Mapping[str, str] | None:
    """Return the attributes of an element with their types, or None for unknown elements."""
    elements = schema().elements
    everywhere = dict.fromkeys(EVERYWHERE, "string")
    if tag in ("mj-all", "mj-class"):
        attributes: dict[str, str] = {}
        for rules in elements.values():
            attributes |= dict.fromkeys(rules.attributes, "string")
        return {**attributes, **everywhere, "name": "string"}
    if tag not in elements:
        return None
    return {**elements[tag].attributes, **everywhere}


def _check_attribute(
    document: Document, element: Element, name: str, known: Mapping[str, str]
) -> Iterator[Finding]:
    tag = element.tag
    attribute = element.attributes[name]
    if name in known:
        wrong = wrong_value(known[name], attribute.value)
        if wrong:
            yield document.finding(
                attribute.value_offset,
                "mjml/wrong-value",
                written=f'<{tag}>: {name}="{attribute.value}"',
                expected=wrong.expected,
                fix=wrong.fix,
            )
    elif tag != "mjml" or get_close_matches(name, known):  # a version or a name space is harmless
        rule = "mjml/unknown-attribute"
        fix = "" if name in RULES[rule].fixes else _fix_for_unknown(tag, name, known)
        yield document.finding(attribute.offset, rule, name, tag=tag, name=name, fix=fix)


def _fix_for_unknown(tag: str, name: str, known: Mapping[str, str]) -> str:
    meant = did_you_mean(name.lower(), known, 0.7)
    if meant:
        return meant
    holders = [other for other, rules in schema().elements.items() if name in rules.attributes]
    if holders:
        return f"Delete it: {name} belongs to {_names(holders[:4])}."
    return f"Delete it: <{tag}> takes {', '.join(sorted(known)) or 'no attributes'}."
