"""Barriers for people who read with a screen reader, enlarged text, or tired eyes (WCAG 2.2), also
in dark modes.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import pairwise

from keyturn.mail.rendering.contrast import ENOUGH, contrast
from keyturn.mail.rendering.html_tree import Element
from keyturn.studio.lint.css.colours import DARK, FULL, LIGHT, PARTIAL, Mode
from keyturn.studio.lint.css.computed_style import Paint, Painter
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding, Severity
from keyturn.studio.lint.markup.structure import is_default

ENOUGH_FOR_LARGE = 3.0
_INVISIBLE = 1.5  # below this ratio a reader does not notice the text
_FAINT = 2.0  # from this ratio on, small print in grey is a choice, which many designers make
_GREY = 0.16  # the widest spread between the channels of a grey, of 1
_COLOURED_BY = ("background", "bgcolor", "class", "css-class", "id", "mj-class")
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
    guessed = _texts_in_guessed_colours(document)
    failed_in_light: set[Element] = set()
    reported: dict[tuple[str, str, int], Finding] = {}
    for mode in (LIGHT, DARK, PARTIAL, FULL):
        for node, paint in _texts_in(document, mode):
            # A client that inverts colours leaves images as they are.
            is_settled = node in failed_in_light or paint.over_image
            if node in guessed or (mode.inverts and is_settled):
                continue
            finding = _contrast_finding(document, node, paint, mode)
            if finding is None:
                continue
            if mode is LIGHT:
                failed_in_light.add(node)
            place = finding.place
            reported.setdefault((finding.message, place.file, place.line), finding)
    yield from reported.values()


def _texts_in(document: Document, mode: Mode) -> Iterable[tuple[Element, Paint]]:
    """Return the visible texts and their look in a mode; none if the mail has no dark styles."""
    if mode is LIGHT:
        return document.texts_in_light
    painter = Painter(document.compiled, mode, document.stylesheets)
    if mode is DARK and not painter.knows_dark:
        return ()
    return painter.texts()


def _texts_in_guessed_colours(document: Document) -> set[Element]:
    """Return the texts in a placeholder colour, which only templates without samples have."""
    if document.sample.values:
        return set()
    guessed = set()
    for node, paint in document.texts_in_light:
        if _STAND_IN in (str(paint.colour), str(paint.background)):
            guessed.add(node)
    return guessed


def _contrast_finding(
    document: Document, node: Element, paint: Paint, mode: Mode
) -> Finding | None:
    if paint.colour is None or paint.background is None:
        return None
    colour = str(paint.colour)
    background = str(paint.background)
    ratio = contrast(colour, background)
    what = "text"
    enough = ENOUGH
    if paint.is_large:
        what = "large text"
        enough = ENOUGH_FOR_LARGE
    if ratio >= enough:
        return None
    case = ""
    says = mode.says
    if paint.over_image:
        case = "image"
        says = f"{mode.says} if the image behind it is not shown"
    return document.finding(
        document.offset_of(node),
        f"contrast/{mode.name}",
        case,
        severity=_severity_of_contrast(document, node, paint, mode, ratio),
        rests_on=_colours_of(document, node),
        colours=f"{colour} on {background}",
        ratio=int(ratio * 10) / 10,  # rounded down, so that it never reaches the minimum
        says=says,
        what=what,
        enough=enough,
    )


def _severity_of_contrast(
    document: Document, node: Element, paint: Paint, mode: Mode, ratio: float
) -> Severity:
    if ratio < _INVISIBLE and not (mode.inverts or paint.over_image):
        return "error"
    if mode.inverts and ratio >= ENOUGH_FOR_LARGE:
        return "note"
    if ratio >= _FAINT and _is_small_print(document, node, paint):
        return "note"
    return "warning"


def _colours_of(document: Document, node: Element) -> Iterator[range]:
    """Yield the ranges of the markup that may decide the colours of an element."""
    defaults = filter(is_default, document.elements())
    for element in (*document.sources_of(node), *defaults):
        for name, attribute in element.attributes.items():
            if name == "style":
                written = document.markup[attribute.value_offset : attribute.end]
                yield from _declared_colours(written, attribute.value_offset)
            elif name in _COLOURED_BY or name.endswith("color"):
                yield range(attribute.value_offset, attribute.end)
    for style in document.authored_styles():
        yield from _declared_colours(style.css, style.offset)


def _declared_colours(css: str, start: int) -> Iterator[range]:
    for declared in _DECLARED_COLOUR.finditer(css):
        yield range(start + declared.start(), start + declared.end())


def _is_small_print(document: Document, node: Element, paint: Paint) -> bool:
    """Tell whether a text is grey, and smaller than most of the mail or 13 px, or in its footer."""
    if paint.colour is None:
        return False
    channels = paint.colour[:3]
    is_grey = max(channels) - min(channels) <= _GREY
    is_small = paint.size < max(document.text_size, _SMALLEST)
    return is_grey and (is_small or _is_in_footer(node))


def _is_in_footer(node: Element) -> bool:
    for element in (node, *node.ancestors()):
        names = f"{element.tag} {element.get('class')} {element.get('id')}"
        if _FOOTER.search(names):
            return True
    return False


def check_language_and_title(document: Document) -> Iterator[Finding]:
    outermost = document.root.find("mjml") or document.root.find("html")
    title = document.root.find("mj-title") or document.root.find("title")
    if outermost is None:
        yield document.finding(0, "accessibility/lang", tag="outermost")
    elif not outermost.get("lang").strip():
        yield document.finding(outermost.offset, "accessibility/lang", tag=outermost.tag)
    if not document.mail.subject.strip():
        place = title or outermost
        yield document.finding(
            place.offset if place else 0,
            "accessibility/title",
            tag="mj-title" if document.files.is_mjml else "title",
        )


def check_headings(document: Document) -> Iterator[Finding]:
    headings = list(document.html_elements("h1", "h2", "h3", "h4", "h5", "h6"))
    for above, heading in pairwise(headings):
        before = int(above.tag[1])
        level = int(heading.tag[1])
        if level > before + 1:
            yield document.finding(
                heading.offset,
                "accessibility/heading-order",
                before=before,
                level=level,
                next=before + 1,
            )
    if not headings and document.body.tag:
        yield document.finding(document.body.offset, "accessibility/no-heading")


def check_texts(document: Document) -> Iterator[Finding]:
    for node, paint in document.texts_in_light:
        find = partial(document.finding, document.offset_of(node))
        if paint.size < _SMALLEST:
            severity: Severity = "note"
            # Small print in a mail of larger text is a choice of the designer.
            if paint.size < _TINY or paint.size >= document.text_size:
                severity = "warning"
            yield find("accessibility/small-text", severity=severity, size=paint.size)
        is_long = len(node.text()) > _SEVERAL_LINES
        if is_long and 0 < paint.line_height < paint.size * _TIGHTEST:
            yield find("accessibility/tight-lines", height=paint.line_height, size=paint.size)
        if paint.align == "justify":
            yield find("accessibility/justified")


CHECKS = (check_language_and_title, check_headings, check_texts, check_contrast)
