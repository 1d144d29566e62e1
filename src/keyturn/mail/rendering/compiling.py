"""Compiles filled-in templates to a mail: MJML becomes HTML, and the head gives subject and
preheader.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import msgspec

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.folders import Folders, MailFiles
from keyturn.mail.rendering.html_tree import Element, parse_html, parse_markup, splice
from keyturn.mail.rendering.included_heads import lift_heads

_INLINE_STYLE = re.compile(
    r"""<!--.*?(?:-->|\Z)|(<mj-style\b(?=[^<>]*?\sinline\s*=\s*["']inline["'])[^<>]*(?<!/)>)(.*?)(?:(?=(</)mj-style\s*>)|\Z)""",
    re.DOTALL,
)
_GAP = re.compile(r"(?<=>)(?!\n)\s+(?=</?mj-)")
"""White space before a tag of MJML, of which mrml takes only such that begins with a line break."""

_TABLE_WITH_ROLE = re.compile(
    r"""<(?:!--.*?(?:-->|\Z)|(mj-table\b(?=[^<>]*?\srole\s*=\s*["'](presentation|none)["'])[^<>]*(?<!/)>))""",
    re.DOTALL,
)
_ROLE_OF_TABLE = re.compile(r"(<table\b[^<>]*)><!-- role=(\w+) -->")

_ATTRIBUTES = r"""(?:[^<>"']|"[^"]*"|'[^']*')*?"""
_CHILD_OF_WRAPPER = re.compile(
    rf"<!--.*?(?:-->|\Z)|<mj-raw(?![\w-]){_ATTRIBUTES}(?<!/)>.*?</mj-raw\s*>"
    rf"|<(?P<end>/?)(?P<tag>mj-(?:wrapper|section|hero))(?![\w-]){_ATTRIBUTES}(?P<alone>/?)>",
    re.DOTALL,
)
_FOR_ALL = "<!-- for all clients -->"
_FOR_OUTLOOK = "<!-- for Outlook -->"

_PLACE = "/* inlined */"
_FULL_STYLE = re.compile(re.escape(_PLACE) + r"\s*")
_EMPTY_STYLE = re.compile(rf'<style type="text/css">{_FULL_STYLE.pattern}</style>')


def to_html(mjml: str) -> str:
    """Return the HTML. Raises ValueError with the compiler's message."""
    if _SEVERAL_CLASSES.search(mjml):
        mjml = _CLASSES.sub(_last_class_first, mjml)
    if "inline" not in mjml:
        return _compile_in_full(mjml)
    styles: list[str] = []

    def lift(match: re.Match[str]) -> str:
        if match[3] is None:  # a comment, or an unclosed style
            return match[0]
        styles.append(match[2])
        return match[1] + _PLACE.ljust(
            len(match[2])
        )  # as long as before, because the compiler reports offsets

    html = _compile_in_full(_INLINE_STYLE.sub(lift, mjml))
    if not styles:
        return html
    from keyturn.mail.rendering.inline_css import (
        inline_css,
    )  # loads two libraries that few mails need

    html, left = inline_css(html, "\n".join(styles))
    return _EMPTY_STYLE.sub("", _FULL_STYLE.sub(lambda _: left, html, count=1) if left else html)


_SEVERAL_CLASSES = re.compile(r"""mj-class\s*=\s*["'][^"'<>]*[^"'<>\s]\s+[^"'<>\s]""")
_CLASSES = re.compile(
    r"""<!--.*?(?:-->|\Z)|(<mj-[^<>]*?\smj-class\s*=\s*["'])([^"'<>]*)""", re.DOTALL
)


def _last_class_first(match: re.Match[str]) -> str:
    """Reverse the classes in `mj-class`: of several, mrml takes the first, and MJML's own compiler
    the last.
    """
    return (
        f"{match[1]}{' '.join(reversed(match[2].split())).ljust(len(match[2]))}"
        if match[1]
        else match[0]
    )


def _compile_in_full(mjml: str) -> str:
    """Compile, and correct in the HTML what mrml drops or breaks: marks in the MJML lead there."""
    marked = _with_marks_in_wrappers(_with_marks_of_roles(mjml))
    if marked == mjml:
        return _compile(mjml)
    try:
        html = _compile(marked)
    except ValueError:
        return _compile(mjml)  # so that errors have offsets of the original
    html = _ROLE_OF_TABLE.sub(r'\1 role="\2">', html)
    return html.replace(_FOR_ALL, "<![endif]-->").replace(_FOR_OUTLOOK, "<!--[if mso | IE]>")


def _with_marks_of_roles(mjml: str) -> str:
    """Mark the `role` of each mj-table, which mrml drops, so that no screen reader takes a layout
    for data.
    """
    return _TABLE_WITH_ROLE.sub(
        lambda match: f"{match[0]}<!-- role={match[2]} -->" if match[1] else match[0], mjml
    )


def _with_marks_in_wrappers(mjml: str) -> str:
    """Mark comments and mj-raw directly in mj-wrapper.

    There mrml writes them into its own conditional comment for Outlook. A comment would end it too
    early, and other clients would not see an mj-raw. MJML's own compiler ends the conditional
    comment before them.
    """
    if "<mj-wrapper" not in mjml:
        return mjml
    marks: list[tuple[int, int, str]] = []
    opened: list[str] = []
    for found in _CHILD_OF_WRAPPER.finditer(mjml):
        innermost = opened[-1] if opened else ""
        if not found["tag"]:
            if innermost == "mj-wrapper":
                marks.append((found.start(), found.start(), _FOR_ALL))
                marks.append((found.end(), found.end(), _FOR_OUTLOOK))
        elif not found["end"]:
            opened += [] if found["alone"] else [found["tag"]]
        elif innermost == found["tag"]:
            opened.pop()
    return splice(mjml, marks)


def _compile(mjml: str) -> str:
    """Compile the source; if mrml refuses it, retry with gaps that mrml can read."""
    from mjml.mjml import (
        mjml2html,
    )  # not from `mjml`: django-mjml installs a package of that name into the same folder

    try:
        return str(
            mjml2html(mjml, fonts={})
        )  # without web fonts: the default asks a font host for "Roboto"
    except ValueError:
        readable = _GAP.sub(
            lambda gap: "\n" * len(gap[0]), mjml
        )  # as long as before: errors have offsets
        if readable == mjml:
            raise
        return str(mjml2html(readable, fonts={}))


_CONTAINERS = frozenset(("div", "span", "p"))
_HIDES_BY_CLASS = re.compile(r"(?:^|\s)pre-?(?:header|view)(?:-?text)?(?:\s|$)", re.IGNORECASE)
_HIDES_BY_STYLE = re.compile(r"display\s*:\s*none", re.IGNORECASE)
"""Plain HTML has no element for the preheader: authors hide it at the top, by a class of that name
or a style.
"""

_MOST_HIDDEN = 10
"""Elements that are read for a preheader: within each other, each costs the text of all."""

_ISOLATES = re.compile("[\u2068\u2069]")
"""Characters that isolate a name in right-to-left text.

A single line needs none, and spam filters distrust them.
"""

_PADDING = (
    " "
    "\u00a0\u00ad\u034f\u061c\u2000\u2001\u2002\u2003\u2007\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
)
"""Invisible characters behind a preheader. They keep what follows in the mail out of lists."""

_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
"""Line breaks, and characters that XML forbids (XML 1.0, 2.2): MJML is XML, so they would break the
mail.
"""


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as it is sent.

    `mjml` is empty for a plain HTML mail, `text` for a mail without a text part.
    """

    subject: str
    preheader: str
    html: str
    text: str
    mjml: str


class Filled(NamedTuple):
    """Jinja's output for the files of a mail.

    `subject` is empty for a mail without a subject file.
    """

    markup: str
    text: str
    subject: str = ""


def compile_mail(
    filled: Filled, files: MailFiles, folders: Folders, compile_mjml: Callable[[str], str] = to_html
) -> Rendered:
    """Return the mail.

    Raises TemplateInvalid, which names the file in the `folders`, if it cannot be compiled.
    """
    is_mjml = files.is_mjml
    markup = lift_heads(filled.markup) if is_mjml else filled.markup
    html = "" if files.is_text else markup
    if is_mjml:
        try:
            html = compile_mjml(markup)
        except (RecursionError, ValueError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
            raise TemplateInvalid(str(folders / files.markup), None, f"MJML: {reason}") from error
    title, preview = (_texts_of_mjml if is_mjml else _texts_of_html)(markup)
    return Rendered(
        subject=one_line(filled.subject) or header_text(title),
        preheader=header_text(preview).rstrip(_PADDING),
        html=html,
        text=filled.text.strip() + "\n" if files.text else "",
        mjml=markup if is_mjml else "",
    )


def one_line(text: str) -> str:
    return " ".join(_NOT_IN_A_LINE.sub(" ", text).split())


def _texts_of_html(html: str) -> tuple[str, str]:
    """Return the texts of the title and of the preheader; "" for a missing one.

    The first counts, as for browsers.
    """
    root = parse_html(html)
    titles = (
        one
        for one in root.walk()
        if one.tag == "title" and not any(up.tag == "svg" for up in one.ancestors())
    )
    return next((title.text() for title in titles), ""), preheader_of(root)


def preheader_of(root: Element) -> str:
    """Return the first hidden text of HTML, which lists show beside the subject; "" without one."""
    hidden = (
        element for element in root.walk() if element.tag in _CONTAINERS and _is_hidden(element)
    )
    texts = (element.text().rstrip(_PADDING) for element in islice(hidden, _MOST_HIDDEN))
    return next(filter(None, texts), "")


def _texts_of_mjml(mjml: str) -> tuple[str, str]:
    """Return the same of MJML. The last title and preheader count, as for the compiler."""
    end = max(
        mjml.rfind("</mj-title"), mjml.rfind("</mj-preview"), 0
    )  # styles and body come after both
    return _texts_of_head(mjml[:end])


@lru_cache(
    maxsize=16
)  # the mails of a moment begin alike, without a secret: locked screens show it
def _texts_of_head(mjml: str) -> tuple[str, str]:
    root, _ = parse_markup(mjml, is_mjml=True)
    heads = (one for one in root.walk() if one.tag == "mj-head")
    texts = {element.tag: element.text() for head in heads for element in head.children}
    return texts.get("mj-title", ""), texts.get("mj-preview", "")


def _is_hidden(element: Element) -> bool:
    return bool(
        _HIDES_BY_CLASS.search(element.get("class")) or _HIDES_BY_STYLE.search(element.get("style"))
    )


def header_text(text: str) -> str:
    """Return the text as one line: a line break in it would start a new header (RFC 5322, 2.2)."""
    return _ISOLATES.sub("", one_line(text))
