"""Attributes that do not exist, values of a wrong type, classes that nobody defines."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, RuleGroup
from keyturn.emails.lint.guard.attribute_values import wrong_value
from keyturn.emails.lint.markup.schema import EVERYWHERE, schema
from keyturn.mail.rendering.html_tree import Attribute, Element

RULES = RuleGroup("mjml", "missing-attribute", "undefined-class", "unknown-attribute", "wrong-value")

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
    """Return the attributes that an element takes, with their types; None where nobody can say."""
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
            return  # a version, a name space: nobody minds
        yield document.finding(
            attribute.offset,
            RULES["unknown-attribute"],
            "error",
            f"<{element.tag}> has no attribute {name}: it is ignored.",
            _fix_for_unknown(element.tag, name, known),
        )
    elif expected := wrong_value(known[name], attribute.value):
        yield document.finding(
            attribute.value_offset,
            RULES["wrong-value"],
            "error",
            f'<{element.tag}>: {name}="{attribute.value}" is not {expected.what}.',
            expected.fix,
        )


def _fix_for_unknown(tag: str, name: str, known: Mapping[str, str]) -> str:
    if name == "class":
        return "Write css-class for a class in the mail's styles, mj-class for one of mj-attributes."
    if name == "style":
        return f"Use the attributes of <{tag}>, or css-class and mj-style."
    if close := get_close_matches(name.lower(), known, n=1, cutoff=0.7):
        return f"Did you mean {close[0]}?"
    holders = [other for other, rules in schema().elements.items() if name in rules.attributes]
    if holders:
        return f"Delete it; {name} belongs to {', '.join(f'<{holder}>' for holder in holders[:4])}."
    return f"Delete it; <{tag}> takes {', '.join(sorted(known)) or 'no attributes'}."


def _missing_attributes(document: Document, element: Element) -> Iterator[Finding]:
    for name in _REQUIRED.get(element.tag, ()):
        if not element.get(name).strip():
            yield document.finding(
                element.offset,
                RULES["missing-attribute"],
                "error",
                f"<{element.tag}> has no {name}.",
                f'Add {name}="…": without it the element does nothing.',
            )


def _undefined_classes(document: Document, element: Element, classes: set[str]) -> Iterator[Finding]:
    for name in element.get("mj-class").split():
        if name not in classes:
            close = get_close_matches(name, classes, n=1)
            define = f'Define it in mj-head: <mj-attributes><mj-class name="{name}" … /></mj-attributes>.'
            yield document.finding(
                element.attributes["mj-class"].value_offset,
                RULES["undefined-class"],
                "error",
                f"No mj-class is called {name}.",
                f"Did you mean {close[0]}?" if close else define,
            )
