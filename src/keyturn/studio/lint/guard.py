"""Checks the MJML itself: what the compiler accepts silently, or refuses without a place."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache, partial
from itertools import chain

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
    findings += (
        finding for finding in selected if not (is_broken and RULES[finding.rule].is_of_nesting)
    )
    findings += chain(_attribute_findings(document), _unknown_elements(document))
    findings += () if is_broken else _nesting_findings(document)
    yield from findings
    if document.refusal and not any(finding.severity == "error" for finding in findings):
        message = document.refusal.removeprefix("MJML: ")
        position = _POSITION.match(message)
        offset = position and position[2]
        at = (
            document.markup.rfind("<", 0, int(offset) + 1)
            if offset
            else Place(document.files.markup)
        )
        tag = [range(at, int(offset) + 1)] if isinstance(at, int) and offset else []
        yield document.finding(
            at, "mjml/refused", rests_on=tag, reason=position[1] if position else message
        )


def first_mistake_in(file: str, source: str) -> Finding | None:
    """Return the first error in the tags of a template that does not compile.

    Jinja counts as words and blanks.
    """
    words = _JINJA.sub(
        lambda jinja: re.sub(r"[^\n]", "x" if jinja[0].startswith("{{") else " ", jinja[0]), source
    )
    _, faults = parse_markup(words, is_mjml=True)
    findings = _fault_findings(faults, lambda offset: Place(file, *line_and_column(source, offset)))
    return next((finding for finding in findings if finding.severity == "error"), None)


def _fault_findings(
    faults: Iterable[SyntaxFault], place: Callable[[int], Place]
) -> Iterator[Finding]:
    """Yield the findings on malformed tags.

    An end tag of a misspelt start tag is no fault by itself.
    """
    for kind, offset, tag, detail in faults:
        if (
            kind == "misspelt-closing-tag"
            and detail.startswith("mj")
            and detail not in schema().elements
        ):
            continue
        group, case = (
            "mjml" if not tag or tag.lstrip("/").startswith("mj") else "html",
            "within" if detail else "",
        )
        find = partial(RULES.finding, place(offset), f"{group}/{kind}", case, tag=tag)
        yield find(attribute=detail, character=detail, opened=detail)


_WITHOUT_RULES: Mapping[
    str, frozenset[str]
] = {  # elements that are no components, with their parents
    "mj-all": frozenset(["mj-attributes"]),
    "mj-class": frozenset(["mj-attributes"]),
    "mj-selector": frozenset(["mj-html-attributes"]),
    "mj-html-attribute": frozenset(["mj-selector"]),
}
_WORD = re.compile(
    r"\S*\w\w"
)  # a lone character is a typing slip, which counts only if the compiler refuses
_ONCE = ("mj-head", "mj-body", "mj-title", "mj-preview", "mj-breakpoint")


def _nesting_findings(document: Document) -> Iterator[Finding]:
    yield from _check_top(document)
    for element in document.root.walk():
        tag, within = element.tag, element.holder.tag if element.holder else ""
        if within in TEXT_ALONE:
            yield document.finding(element.offset, "mjml/markup-in-text", within=within, tag=tag)
        elif within and tag.startswith("mj-"):
            yield document.finding(element.offset, "mjml/mjml-in-html", tag=tag, within=within)
        elif not within:
            yield from _check_element(document, element, _parent_of(element))
    for tag in _ONCE:
        for again in list(bodies_of(document.root) if tag == "mj-body" else document.elements(tag))[
            1:
        ]:
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
    for text in (text for text in document.root.texts if text.text.strip(" \ufeff")):
        yield document.finding(text.offset, "mjml/outside-root", "text")
    if not any(child.tag == "mj-body" for child in mjml.children):
        yield document.finding(mjml.offset, "mjml/missing-body")


def _check_element(document: Document, element: Element, parent: str) -> Iterator[Finding]:
    tag, known = element.tag, schema().elements
    if tag in _known_tags() and parent in known:
        homes = [*_WITHOUT_RULES.get(tag, ()), *schema().parents.get(tag, ())]
        in_attributes = parent == "mj-attributes" and tag in known
        if not (in_attributes or parent in homes):
            yield _misplaced_element(document, element, parent, homes)
    has_content = bool(element.children) or any(text.text.strip() for text in element.texts)
    if parent == "mj-attributes" and has_content:
        yield document.finding(element.offset, "mjml/default-with-content", tag=tag)
    elif tag in known and tag not in HOLD_HTML:
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
    for element in (one for one in document.elements() if one.tag not in known):
        tag, is_meant_as_mjml = element.tag, element.tag.lower().startswith("mj")
        if not tag.startswith("mj") and any(
            above.tag not in _known_tags() for above in element.ancestors()
        ):
            continue
        name = tag.lower() if is_meant_as_mjml else f"mj-{tag.lower()}"
        meant = did_you_mean(name, _known_tags(), 0.7, question="Did you mean <{}>?")
        if is_meant_as_mjml or f"<mj-{tag}>" in meant:
            yield document.finding(element.offset, "mjml/unknown-element", tag=tag, fix=meant)
        else:
            yield document.finding(
                element.offset, "mjml/misplaced-html", tag=tag, parent=_parent_of(element)
            )


def _misplaced_element(
    document: Document, element: Element, parent: str, homes: Sequence[str]
) -> Finding:
    tag, find = element.tag, partial(document.finding, element.offset, tag=element.tag)
    head = tag in _WITHOUT_RULES or schema().elements[tag].head
    if head and any(above.tag == "mj-body" for above in element.ancestors()):
        return find(
            "mjml/head-element-in-body",
            parents=_names(homes) + ("" if "mj-head" in homes else " of <mj-head>"),
        )
    if not head and parent == "mj-head":
        return find("mjml/body-element-in-head", parents=_names(homes))
    fix = f"Move it into {_names(homes)}." if homes else f"Delete it: no element takes <{tag}>."
    taken = schema().elements[parent].children
    if between := next((home for home in homes if home in taken), ""):
        fix = f"Put <{between}> around it: <{parent}> takes {_names(taken)}."
    return find("mjml/wrong-parent", parent=parent, fix=fix)


def _names(tags: Iterable[str]) -> str:
    return ", ".join(f"<{tag}>" for tag in tags)


def _attribute_findings(document: Document) -> Iterator[Finding]:
    """Yield the wrong attributes, and those that our compiler does not read
    where they are written.
    """
    classes = {
        one.get("name"): one for one in document.elements() if _parent_of(one) == "mj-attributes"
    }
    for element in document.elements():
        if (known := _attributes_of(element.tag)) is None:
            continue
        yield from chain.from_iterable(
            _check_attribute(document, element, name, known) for name in element.attributes
        )
        written = [
            ("mj-attributes" if _parent_of(element) == "mj-attributes" else "inline", element)
        ]
        for name in element.get("mj-class").split():
            if name in classes:
                written.append(("mj-class", classes[name]))
            else:
                at, fix = element.attributes["mj-class"].value_offset, did_you_mean(name, classes)
                yield document.finding(at, "mjml/undefined-class", name=name, fix=fix)
        unread = unread_attributes().get(element.tag, {})
        for way, name, at in (
            (way, name, one.offset) for way, of in written for name, one in of.attributes.items()
        ):
            if way in (ways := unread.get(name, ())):
                case = "inline" if "inline" in ways else "default"
                yield document.finding(
                    at, "mjml/unread-attribute", case, tag=element.tag, name=name
                )


@lru_cache
def _attributes_of(tag: str) -> Mapping[str, str] | None:
    """Return the attributes of an element with their types, or None for unknown elements."""
    rules = schema().elements
    if tag in ("mj-all", "mj-class"):
        return dict.fromkeys(
            (*(name for one in rules.values() for name in one.attributes), *EVERYWHERE, "name"),
            "string",
        )
    return (
        {**rules[tag].attributes, **dict.fromkeys(EVERYWHERE, "string")} if tag in rules else None
    )


def _check_attribute(
    document: Document, element: Element, name: str, known: Mapping[str, str]
) -> Iterator[Finding]:
    tag, attribute = element.tag, element.attributes[name]
    if name not in known:
        if tag != "mjml" or get_close_matches(
            name, known
        ):  # a version or a name space does no harm
            rule = "mjml/unknown-attribute"
            fix = "" if name in RULES[rule].fixes else _fix_for_unknown(tag, name, known)
            yield document.finding(attribute.offset, rule, name, tag=tag, name=name, fix=fix)
    elif expected := _wrong_value(known[name], attribute.value):
        written, (what, fix) = f'<{tag}>: {name}="{attribute.value}"', expected
        yield document.finding(
            attribute.value_offset, "mjml/wrong-value", written=written, expected=what, fix=fix
        )


def _fix_for_unknown(tag: str, name: str, known: Mapping[str, str]) -> str:
    if meant := did_you_mean(name.lower(), known, 0.7):
        return meant
    if holders := [other for other, rules in schema().elements.items() if name in rules.attributes]:
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


def _wrong_value(kind: str, value: str) -> tuple[str, str] | None:
    """Return what a wrong value is not, such as "a colour", and the fix."""
    read = _TYPE.fullmatch(kind)
    name, options, count = (
        (read[1], (read[2] or "").split(","), read[3] or "1") if read else ("", [""], "1")
    )
    named = listed([*filter(None, options)], "or")
    match name:
        case "color" if value not in schema().colours and not _COLOUR.search(value):
            named = did_you_mean(value.lower(), schema().colours) or _COLOURS
            return "a colour", f"Add the hash: #{value}." if _NO_HASH.fullmatch(value) else named
        case "enum" if value not in options:
            fix = did_you_mean(value.lower(), filter(None, options)) or f"Write {named}."
            return (f"one of {named}" if len(options) > 1 else named), fix
        case "boolean" if value not in ("true", "false"):
            return "true or false", "Write true or false."
        case "integer" if not re.search(r"\d", value):
            return "a whole number", "Write only digits, without a unit."
        case "unit" | "unitWithNegative" if not _unit(name, tuple(options), count).search(value):
            words = listed([unit or "a bare number" for unit in options], "or")
            what = (
                f"{count.replace(',', ' to ')} lengths in {words}"
                if "," in count
                else f"a length in {words}"
            )
            return what, _fix_of_unit(value, options, count)
    return None


@cache
def _unit(name: str, units: tuple[str, ...], count: str) -> re.Pattern[str]:
    minus = "-|" if name == "unitWithNegative" else ""
    written = "|".join(re.escape(unit) for unit in units if unit != "auto")
    auto = "|auto" if "auto" in units else ""
    return re.compile(rf"^((({minus}\d|,|\.)+({written})|0{auto})( )?){{{count}}}$")


def _fix_of_unit(value: str, units: list[str], count: str) -> str:
    unit, parts, most = (
        next(unit for unit in units if unit != "auto"),
        value.split(),
        int(count.rpartition(",")[2]),
    )
    if len(parts) > most:
        return f"Write at most {most} lengths." if most > 1 else "Write only one length."
    added = [f"{part}{unit}" if _BARE.fullmatch(part) else part for part in parts]
    if added != parts:
        return f"Add the unit: {' '.join(added)}."
    return f"Write it in {listed([*filter(None, units)], 'or')}, such as 10{unit}."
