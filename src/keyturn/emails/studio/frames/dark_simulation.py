"""A mail as a client draws it that inverts colours in the dark: the models of the checks, made visible."""

from keyturn.emails.lint.css.cascade import OUTLOOK_MARK
from keyturn.emails.lint.css.computed_style import Painter
from keyturn.emails.lint.css.dark_modes import FULL, PARTIAL, Mode
from keyturn.emails.studio.frames.heads import insert_in_head
from keyturn.emails.studio.frames.rewriting import Rewriting

MODES = {mode.name: mode for mode in (PARTIAL, FULL)}

# What Outlook.com sets on what it has recoloured: styles of a mail's own wait for it.
_MARKS = tuple(OUTLOOK_MARK + rest for rest in ("sc", "sb", "ac", "ab"))


def simulate_dark(html: str, mode: Mode) -> str:
    """Return the HTML with the colours that `mode` makes of its own; images stay as they are.

    Each element that has a colour is given the new one in its style, as Outlook.com does it; what inherits a colour
    goes on to inherit it.
    """
    rewriting = Rewriting(html)
    painter = Painter(rewriting.root, mode)
    colours = dict(painter.recoloured_elements())
    waits_for_marks = mode.honours == "data-ogs" and OUTLOOK_MARK in html
    for tag in rewriting.tags:
        if tag in colours:
            rewriting.add_style(tag, "".join(f"{name}:{value}!important;" for name, value in colours[tag].items()))
        if waits_for_marks:
            for mark in _MARKS:
                rewriting.set(tag, mark, "")
    pages = [tag for tag in rewriting.tags if tag.tag in ("html", "body")]
    has_ground = any("background-color" in colours.get(page, {}) for page in pages)
    canvas = painter.canvas
    ground = "" if has_ground else f"background-color:{canvas.ground};"
    return insert_in_head(rewriting.text(), f"<style>html{{{ground}color:{canvas.colour}}}</style>")
