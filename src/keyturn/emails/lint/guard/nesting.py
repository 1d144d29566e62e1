"""Unknown elements, and elements in places where they have no effect."""

import re
from collections.abc import Iterator, Mapping

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, Severity, did_you_mean
from keyturn.emails.lint.markup.structure import bodies_of, schema
from keyturn.mail.rendering.html_tree import Element

_WITHOUT_RULES: Mapping[str, frozenset[str]] = {
    "mj-all": frozenset(["mj-attributes"]),
    "mj-class": frozenset(["mj-attributes"]),
    "mj-selector": frozenset(["mj-html-attributes"]),
    "mj-html-attribute": frozenset(["mj-selector"]),
}
"""Elements that are no components, with their parents."""

_REMOVED: Mapping[str, str] = {
    "mj-container": "Move its attributes to mj-body, and delete it.",
    "mj-list": "Write <ul> in mj-text instead.",
    "mj-invoice": "Write the rows as HTML in mj-table instead.",
    "mj-invoice-item": "Write the rows as HTML in mj-table instead.",
    "mj-location": "Use mj-image and mj-text instead.",
    "mj-inline-links": "Use mj-navbar instead.",
    "mj-link": "Use mj-navbar-link instead.",
    "mj-html": "Use mj-raw instead.",
}
_WORD = re.compile(r"\S*\w\w")
"""Text with a word. A lone character between elements is a typing slip, which counts only if the compiler refuses."""

_UNREAD: Mapping[tuple[str, str], str] = {
    ("mj-html-attributes", "mj-head"): "Write the HTML with these attributes in mj-text or mj-raw.",
    ("mj-raw", "mjml"): "Move it into <mj-head> or <mj-body>.",
    ("mj-raw", "mj-accordion"): "Move it before or after <mj-accordion>.",
    ("mj-raw", "mj-accordion-element"): "Move it before or after <mj-accordion>.",
    ("mj-raw", "mj-navbar"): "Move it before or after <mj-navbar>.",
    ("mj-raw", "mj-social"): "Move it before or after <mj-social>.",
}
"""Elements with parents that MJML allows and the compiler, mrml, refuses."""

_ONCE = ("mj-head", "mj-body", "mj-title", "mj-preview", "mj-breakpoint")
_TEXT_ALONE = frozenset(["mj-title", "mj-preview", "mj-style", "mj-breakpoint"])


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
            yield document.finding(
                text.offset,
                "mjml/outside-root",
                message="There is text outside <mjml>.",
                fix="Delete it, or move it into mj-text.",
            )
    if not any(child.tag == "mj-body" for child in mjml.children):
        yield document.finding(mjml.offset, "mjml/missing-body")


def _check_element(document: Document, element: Element) -> Iterator[Finding]:
    tag, parent = element.tag, element.parent.tag if element.parent else ""
    if tag == "mj-include":
        yield document.finding(element.offset, "mjml/include")  # others have become Jinja's include before
    elif tag not in schema().elements and tag not in _WITHOUT_RULES:
        yield from _unknown_element(document, element)
    elif (tag, parent) in _UNREAD:
        fix = _UNREAD[tag, parent]
        yield document.finding(element.offset, "mjml/unsupported-element", tag=tag, parent=parent, fix=fix)
    elif parent in schema().elements and not _may_stand_in(tag, parent):
        yield _misplaced_element(document, element)
    if tag in schema().elements:
        texts = (text.offset for text in element.texts)
        for offset in (start for start in texts if document.refusal or _WORD.match(document.markup, start)):
            yield document.finding(offset, "mjml/misplaced-text", tag=tag)


def _html_tags(document: Document) -> Iterator[Finding]:
    for tag, offset, within in document.html_tags:
        if within.tag in _TEXT_ALONE:
            yield document.finding(offset, "mjml/markup-in-text", within=within.tag, tag=tag)
        elif tag.startswith("mj-"):
            yield document.finding(offset, "mjml/mjml-in-html", tag=tag, within=within.tag)


def _unknown_element(document: Document, element: Element) -> Iterator[Finding]:
    tag, known = element.tag, [*schema().elements, *_WITHOUT_RULES]
    if not tag.startswith("mj") and any(above.tag not in known for above in element.ancestors()):
        return  # only the outermost is reported
    if tag in _REMOVED:
        yield document.finding(element.offset, "mjml/removed-element", tag=tag, fix=_REMOVED[tag])
        return
    meant_as_mjml = tag.lower().startswith("mj")
    meant = did_you_mean(tag.lower() if meant_as_mjml else f"mj-{tag.lower()}", known, 0.7, "<{}>")
    if meant_as_mjml or f"<mj-{tag}>" in meant:
        yield document.finding(element.offset, "mjml/unknown-element", tag=tag, fix=meant)
        return
    above = element.parent.tag if element.parent else ""
    yield document.finding(element.offset, "mjml/misplaced-html", tag=tag, above=above)


def _misplaced_element(document: Document, element: Element) -> Finding:
    tag, parent = element.tag, element.parent
    above = parent.tag if parent else ""
    in_body = any(ancestor.tag == "mj-body" for ancestor in element.ancestors())
    homes = [*_WITHOUT_RULES.get(tag, ()), *schema().parents.get(tag, ())]
    head = tag in _WITHOUT_RULES or schema().elements[tag].head
    if head and in_body:
        home = _names(homes) + ("" if "mj-head" in homes else " of <mj-head>")
        return document.finding(element.offset, "mjml/head-element-in-body", tag=tag, home=home)
    if not head and above == "mj-head":
        return document.finding(element.offset, "mjml/body-element-in-head", tag=tag, homes=_names(homes))
    return document.finding(element.offset, "mjml/wrong-parent", tag=tag, above=above, fix=_way_in(tag, above, homes))


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
