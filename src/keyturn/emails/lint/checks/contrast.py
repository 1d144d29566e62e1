"""The contrast of every text with its background, in light and in each dark mode (WCAG 2.2, 1.4.3)."""

from collections.abc import Iterator

from keyturn.emails.lint.css.colours import DARK, FULL, LIGHT, PARTIAL, Mode
from keyturn.emails.lint.css.computed_style import Paint, Painter
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.finding import Finding
from keyturn.mail.rendering.html_tree import Element
from keyturn.mail.rendering.palette import ENOUGH, contrast

ENOUGH_FOR_LARGE = 3.0

# Below this ratio a reader does not notice the text.
_INVISIBLE = 1.5

# The placeholder colour of templates without samples, which says nothing of the real one.
_STAND_IN = "#336699"

_UNDER_IMAGE = "Give the section a background colour, too, on which the text can be read."


def check_contrast(document: Document) -> Iterator[Finding]:
    """Yield texts that are hard to read: the first of equal ones in an element.

    A text that fails in light is not reported again for the inversions.
    """
    root = document.drawn
    guessed, failed, seen = set(_painted_with_a_stand_in(document)), set(), set()
    for mode in (LIGHT, DARK, PARTIAL, FULL):
        painter = Painter(root, mode, document.stylesheets)
        if mode is DARK and not painter.knows_dark:
            continue
        for node, paint in document.texts_in_light if mode is LIGHT else painter.texts():
            if paint.colour is None or paint.ground is None or node in guessed:
                continue
            if mode.inverts and (node in failed or paint.over_image):  # images stay as they are
                continue
            if finding := _finding_on(document, node, paint, mode):
                failed |= {node} if mode is LIGHT else set()
                alike = (finding.message, document.lookup.element_of(node))
                if alike not in seen:
                    seen.add(alike)
                    yield finding


def _painted_with_a_stand_in(document: Document) -> Iterator[Element]:
    if not document.values:
        for node, paint in document.texts_in_light:
            if _STAND_IN in (str(paint.colour), str(paint.ground)):
                yield node


def _finding_on(document: Document, node: Element, paint: Paint, mode: Mode) -> Finding | None:
    colour, ground = str(paint.colour), str(paint.ground)
    ratio = contrast(colour, ground)
    enough = ENOUGH_FOR_LARGE if paint.is_large else ENOUGH
    if ratio >= enough:
        return None
    return document.finding(
        document.lookup.offset_of(node),
        f"contrast/{mode.name}",
        severity="error" if ratio < _INVISIBLE and not (mode.inverts or paint.over_image) else "warning",
        fix=_UNDER_IMAGE if paint.over_image else "",
        colours=f"{colour} on {ground}",
        ratio=_floor(ratio),
        says=f"{mode.says} if the image behind it is not shown" if paint.over_image else mode.says,
        what="large text" if paint.is_large else "text",
        enough=enough,
    )


def _floor(ratio: float) -> float:
    """Return the ratio with one decimal, rounded down so that it never reaches the minimum."""
    return int(ratio * 10) / 10
