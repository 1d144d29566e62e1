"""Barriers for people who read with a screen reader, enlarged text, or tired eyes (WCAG 2.2), also
in dark modes.
"""

import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from keyturn.mail.rendering.contrast import ENOUGH, contrast
from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.css.colours import DARK, FULL, LIGHT, PARTIAL, Colour, Mode
from keyturn.studio.lint.css.computed_style import Paint, Painter
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Severity

ENOUGH_FOR_LARGE = 3.0
_INVISIBLE = 1.5  # below this ratio a reader does not notice the text
_FAINT = 2.0  # from this ratio on, small print in grey is a choice, which many designers make
_GREY = 0.16  # the widest spread between the channels of a grey, of 1
_COLOURED_BY = frozenset({"background", "bgcolor", "class", "css-class", "id", "mj-class"})
_DECLARED_COLOUR = re.compile(r"(?:color|background)\b[^;{}]*", re.IGNORECASE)
_FOOTER = re.compile(r"foot|legal|imprint|unsub", re.IGNORECASE)
# the placeholder colour of templates without samples, which says nothing of the real one
_STAND_IN = "#336699"
_SMALLEST = 13  # px
_TINY = 9  # px
_TIGHTEST = 1.2  # times the size of the text
_SEVERAL_LINES = 120  # characters


def check_contrast(document: Document) -> Iterator[Finding]:
    """Yield texts that are hard to read, equal ones in a line once.

    A text that fails in light is not reported again for the modes that invert it.
    """
    values, texts = document.sample.values, document.texts_in_light
    guessed = {
        node
        for node, paint in texts
        if not values and _STAND_IN in (str(paint.colour), str(paint.background))
    }
    failed, reported = set[Element](), dict[tuple[str, str, int], Finding]()
    for mode in (LIGHT, DARK, PARTIAL, FULL):
        painter = Painter(document.compiled, mode, document.stylesheets)
        if mode is DARK and not painter.knows_dark:
            continue
        for node, paint in texts if mode is LIGHT else painter.texts():
            if node in guessed or (
                mode.inverts and (node in failed or paint.over_image)
            ):  # images stay as they are
                continue
            if finding := _finding_on(document, node, paint, mode):
                failed |= {node} if mode is LIGHT else set()
                reported.setdefault(
                    (finding.message, finding.place.file, finding.place.line), finding
                )
    yield from reported.values()


def _finding_on(document: Document, node: Element, paint: Paint, mode: Mode) -> Finding | None:
    if paint.colour is None or paint.background is None:
        return None
    colour, background = str(paint.colour), str(paint.background)
    ratio = contrast(colour, background)
    enough = ENOUGH_FOR_LARGE if paint.is_large else ENOUGH
    if ratio >= enough:
        return None
    is_small = ratio >= _FAINT and _is_small_print(document, node, paint.colour, paint.size)
    severity: Severity = (
        "note" if is_small or (mode.inverts and ratio >= ENOUGH_FOR_LARGE) else "warning"
    )
    return document.finding(
        document.offset_of(node),
        f"contrast/{mode.name}",
        "image" if paint.over_image else "",
        severity="error"
        if ratio < _INVISIBLE and not (mode.inverts or paint.over_image)
        else severity,
        rests_on=_colours_of(document, node),
        colours=f"{colour} on {background}",
        ratio=int(ratio * 10) / 10,  # rounded down, so that it never reaches the minimum
        says=f"{mode.says} if the image behind it is not shown" if paint.over_image else mode.says,
        what="large text" if paint.is_large else "text",
        enough=enough,
    )


def _colours_of(document: Document, node: Element) -> Iterator[range]:
    """Yield the ranges of the markup that may decide the colours of an element."""
    of_all = (
        one
        for one in document.elements()
        if any(above.tag == "mj-attributes" for above in one.ancestors())
    )
    for element in (*document.sources_of(node), *of_all):
        for name, one in element.attributes.items():
            if name == "style":
                written = document.markup[one.value_offset : one.end]
                yield from _declared_colours(written, one.value_offset)
            elif name in _COLOURED_BY or name.endswith("color"):
                yield range(one.value_offset, one.end)
    for css, start, _ in document.authored_styles():
        yield from _declared_colours(css, start)


def _declared_colours(css: str, start: int) -> Iterator[range]:
    return (range(start + one.start(), start + one.end()) for one in _DECLARED_COLOUR.finditer(css))


def _is_small_print(document: Document, node: Element, colour: Colour, size: float) -> bool:
    """Tell whether a text is grey, and smaller than most of the mail or 13 px, or in its footer."""
    names = (f"{one.tag} {one.get('class')} {one.get('id')}" for one in (node, *node.ancestors()))
    is_small = size < max(document.text_size, _SMALLEST) or any(map(_FOOTER.search, names))
    return is_small and max(colour[:3]) - min(colour[:3]) <= _GREY


def check_language_and_title(document: Document) -> Iterator[Finding]:
    top = document.root.find("mjml") or document.root.find("html")
    offset = top.offset if top else 0
    if top is None or not top.get("lang").strip():
        yield document.finding(offset, "accessibility/lang", tag=top.tag if top else "outermost")
    if not document.mail.subject.strip():
        title = document.root.find("mj-title") or document.root.find("title")
        tag = "mj-title" if document.files.is_mjml else "title"
        yield document.finding(title.offset if title else offset, "accessibility/title", tag=tag)


def check_headings(document: Document) -> Iterator[Finding]:
    headings = [
        (one.offset, int(one.tag[1]))
        for one in document.html_elements("h1", "h2", "h3", "h4", "h5", "h6")
    ]
    for (_, before), (offset, level) in pairwise(headings):
        if level > before + 1:
            yield document.finding(
                offset, "accessibility/heading-order", before=before, level=level, next=before + 1
            )
    if not headings and document.body.tag:
        yield document.finding(document.body.offset, "accessibility/no-heading")


def check_texts(document: Document) -> Iterator[Finding]:
    for node, paint in document.texts_in_light:
        find = partial(document.finding, document.offset_of(node))
        if paint.size < _SMALLEST:
            severity: Severity = "note" if _TINY <= paint.size < document.text_size else "warning"
            yield find("accessibility/small-text", severity=severity, size=paint.size)
        if len(node.text()) > _SEVERAL_LINES and 0 < paint.line_height < paint.size * _TIGHTEST:
            yield find("accessibility/tight-lines", height=paint.line_height, size=paint.size)
        if paint.align == "justify":
            yield find("accessibility/justified")


CHECKS = (check_language_and_title, check_headings, check_texts, check_contrast)
