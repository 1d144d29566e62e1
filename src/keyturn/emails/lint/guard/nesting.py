"""Unknown elements, and elements in places where they have no effect."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding, RuleGroup
from keyturn.emails.lint.markup.structure import bodies_of, schema
from keyturn.mail.rendering.html_tree import Element

RULES = RuleGroup(
    "mjml",
    "body-element-in-head",
    "head-element-in-body",
    "include",
    "markup-in-text",
    "mjml-in-html",
    "misplaced-html",
    "misplaced-text",
    "missing-body",
    "missing-root",
    "outside-root",
    "removed-element",
    "second-element",
    "unknown-element",
    "unsupported-element",
    "wrong-parent",
)

_WITHOUT_RULES: Mapping[str, frozenset[str]] = {
    "mj-all": frozenset(["mj-attributes"]),
    "mj-class": frozenset(["mj-attributes"]),
    "mj-selector": frozenset(["mj-html-attributes"]),
    "mj-html-attribute": frozenset(["mj-selector"]),
}
"""Elements that are no components, with their parents."""

_REMOVED: Mapping[str, str] = {
    "mj-container": "MJML 4 has no mj-container: give its attributes to mj-body and delete it.",
    "mj-list": "MJML 4 has no mj-list: write <ul> in mj-text.",
    "mj-invoice": "MJML 4 has no mj-invoice: write the rows as HTML in mj-table.",
    "mj-invoice-item": "MJML 4 has no mj-invoice-item: write the rows as HTML in mj-table.",
    "mj-location": "MJML 4 has no mj-location: use mj-image and mj-text.",
    "mj-inline-links": "It is mj-navbar now.",
    "mj-link": "It is mj-navbar-link now.",
    "mj-html": "It is mj-raw now.",
}
_WORD = re.compile(r"\S*\w\w")
"""Text with a word. A lone character between elements is a typing slip, which counts only if the compiler refuses."""

_UNREAD: Mapping[tuple[str, str], str] = {
    ("mj-html-attributes", "mj-head"): "Set the attributes in HTML of your own, in mj-text or mj-raw.",
    ("mj-raw", "mjml"): "Move it into <mj-head> or <mj-body>.",
    ("mj-raw", "mj-accordion"): "Move it before or behind <mj-accordion>.",
    ("mj-raw", "mj-accordion-element"): "Move it before or behind <mj-accordion>.",
    ("mj-raw", "mj-navbar"): "Move it before or behind <mj-navbar>.",
    ("mj-raw", "mj-social"): "Move it before or behind <mj-social>.",
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
            yield document.finding(
                again.offset,
                RULES["second-element"],
                "error" if tag == "mj-body" else "warning",
                f"This is the second <{tag}> of the mail.",
                "Keep one: only one of them counts.",
            )


def _check_top(document: Document) -> Iterator[Finding]:
    """Check that there is one mjml and an mj-body."""
    tops = document.root.children
    mjml = next((element for element in tops if element.tag == "mjml"), None)
    if mjml is None:
        yield document.finding(
            tops[0].offset if tops else 0,
            RULES["missing-root"],
            "error",
            "The mail is not inside <mjml>.",
            "Put <mjml> around all of it: <mjml><mj-body> … </mj-body></mjml>.",
        )
        return
    for other in (element for element in tops if element is not mjml):
        yield document.finding(
            other.offset,
            RULES["outside-root"],
            "error",
            f"<{other.tag}> stands outside <mjml>.",
            "Move it inside: <mjml> is the one element at the top.",
        )
    for text in document.root.texts:
        if not text.text.strip(" \ufeff"):
            continue
        yield document.finding(
            text.offset,
            RULES["outside-root"],
            "error",
            "Text stands outside <mjml>.",
            "Delete it, or move it into mj-text.",
        )
    if not any(child.tag == "mj-body" for child in mjml.children):
        yield document.finding(
            mjml.offset,
            RULES["missing-body"],
            "error",
            "The mail has no <mj-body>, so nothing of it is drawn.",
            "Add <mj-body> inside <mjml>, after <mj-head>.",
        )


def _check_element(document: Document, element: Element) -> Iterator[Finding]:
    tag, parent = element.tag, element.parent.tag if element.parent else ""
    if tag == "mj-include":
        yield _unread_include(document, element)
    elif tag not in schema().elements and tag not in _WITHOUT_RULES:
        yield from _unknown_element(document, element)
    elif (tag, parent) in _UNREAD:
        yield document.finding(
            element.offset,
            RULES["unsupported-element"],
            "error",
            f"The compiler does not read <{tag}> in <{parent}>, and refuses the mail.",
            _UNREAD[tag, parent],
        )
    elif parent in schema().elements and not _may_stand_in(tag, parent):
        yield _misplaced_element(document, element)
    if tag in schema().elements:
        texts = (text.offset for text in element.texts)
        for offset in (start for start in texts if document.refusal or _WORD.match(document.markup, start)):
            yield document.finding(
                offset,
                RULES["misplaced-text"],
                "error",
                f"Text stands directly in <{tag}>, where it is not drawn.",
                "Put it into mj-text.",
            )


def _html_tags(document: Document) -> Iterator[Finding]:
    """Check the tags inside elements that hold HTML or plain text."""
    for tag, offset, within in document.html_tags:
        if within.tag in _TEXT_ALONE:
            yield document.finding(
                offset,
                RULES["markup-in-text"],
                "error",
                f"<{within.tag}> holds plain text, not <{tag}>.",
                f"Take the tag out; write &lt;{tag}&gt; where it is meant to be read.",
            )
        elif tag.startswith("mj-"):
            yield document.finding(
                offset,
                RULES["mjml-in-html"],
                "error",
                f"<{tag}> stands inside <{within.tag}>, which holds HTML: it is sent as it is and no client knows it.",
                f"Close <{within.tag}> before it, or write HTML here.",
            )


def _unknown_element(document: Document, element: Element) -> Iterator[Finding]:
    tag, known = element.tag, [*schema().elements, *_WITHOUT_RULES]
    if not tag.startswith("mj") and any(above.tag not in known for above in element.ancestors()):
        return  # only the outermost is reported
    if tag in _REMOVED:
        yield document.finding(
            element.offset, RULES["removed-element"], "error", f"<{tag}> was removed from MJML.", _REMOVED[tag]
        )
        return
    meant_as_mjml = tag.lower().startswith("mj")
    close = get_close_matches(tag.lower() if meant_as_mjml else f"mj-{tag.lower()}", known, n=1, cutoff=0.7)
    if meant_as_mjml or (close and close[0].removeprefix("mj-") == tag):
        yield document.finding(
            element.offset,
            RULES["unknown-element"],
            "error",
            f"MJML has no element <{tag}>.",
            f"Did you mean <{close[0]}>?" if close else "Delete it, or use an element that MJML has.",
        )
        return
    yield document.finding(
        element.offset,
        RULES["misplaced-html"],
        "error",
        f"<{tag}> is HTML, and stands directly in <{element.parent.tag if element.parent else ''}>.",
        "Put it into mj-text, or into mj-raw where it must be sent as it is.",
    )


def _misplaced_element(document: Document, element: Element) -> Finding:
    tag, parent = element.tag, element.parent
    above = parent.tag if parent else ""
    in_body = any(ancestor.tag == "mj-body" for ancestor in element.ancestors())
    homes = [*_WITHOUT_RULES.get(tag, ()), *schema().parents.get(tag, ())]
    head = tag in _WITHOUT_RULES or schema().elements[tag].head
    if head and in_body:
        return document.finding(
            element.offset,
            RULES["head-element-in-body"],
            "error",
            f"<{tag}> does nothing in the body.",
            f"Move it into {_names(homes)}{'' if 'mj-head' in homes else ' of <mj-head>'}.",
        )
    if not head and above == "mj-head":
        return document.finding(
            element.offset,
            RULES["body-element-in-head"],
            "error",
            f"<{tag}> is drawn, and nothing in <mj-head> is.",
            f"Move it into {_names(homes)}.",
        )
    return document.finding(
        element.offset,
        RULES["wrong-parent"],
        "error",
        f"<{tag}> may not stand in <{above}>.",
        _way_in(tag, above, homes),
    )


def _way_in(tag: str, above: str, homes: list[str]) -> str:
    """Suggest the missing element in between, or another parent."""
    taken = schema().elements[above].children
    between = next((home for home in homes if home in taken), None)
    if between:
        return f"Put <{between}> around it: <{above}> takes {_names(taken)}."
    return f"It may stand in {_names(homes)}." if homes else f"Delete it: no element takes <{tag}>."


def _unread_include(document: Document, element: Element) -> Finding:
    """Report an mj-include without a literal path. Others have become Jinja's include before."""
    return document.finding(
        element.offset,
        RULES["include"],
        "error",
        "This mj-include names no file, or builds its path from values.",
        'Write the path out, as in path="./footer.mjml", or take {% include %}, which may hold an expression.',
    )


def _may_stand_in(tag: str, parent: str) -> bool:
    if parent == "mj-attributes":
        return tag in ("mj-all", "mj-class") or tag in schema().elements
    return tag in schema().elements[parent].children or parent in _WITHOUT_RULES.get(tag, ())


def _names(tags: list[str]) -> str:
    return ", ".join(f"<{tag}>" for tag in tags)
