"""Compiles filled-in templates to a mail.

MJML becomes HTML. Subject and preheader come from the head.
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

# An expression that begins with a comment's also matches comments, so that a tag in one is skipped.
_INLINE_STYLE = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"""|(?P<tag><mj-style\b(?=[^<>]*?\sinline\s*=\s*["']inline["'])[^<>]*(?<!/)>)"""
    r"(?P<css>.*?)(?:(?=(?P<end></)mj-style\s*>)|\Z)",
    re.DOTALL,
)
_GAP = re.compile(r"(?<=>)(?!\n)\s+(?=</?mj-)")
"""White space before a tag of MJML that mrml refuses: it must begin with a line break."""

_TABLE_WITH_ROLE = re.compile(
    r"<(?:!--.*?(?:-->|\Z)"
    r"""|(?P<tag>mj-table\b(?=[^<>]*?\srole\s*=\s*["'](?P<role>presentation|none)["'])"""
    r"""[^<>]*(?<!/)>))""",
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
    mjml, styles = _take_inline_styles(mjml)
    html = _compile_in_full(mjml)
    if not styles:
        return html
    # Imported here, because it loads two libraries that few mails need.
    from keyturn.mail.rendering.inline_css import inline_css

    html, left = inline_css(html, "\n".join(styles))
    if left:
        # By a function, because `sub` would read a backslash in CSS as an escape.
        html = _FULL_STYLE.sub(lambda _: left, html, count=1)
    return _EMPTY_STYLE.sub("", html)


def _take_inline_styles(mjml: str) -> tuple[str, list[str]]:
    """Return the MJML with a mark in place of each style to be inlined, and those styles."""
    styles: list[str] = []

    def take(match: re.Match[str]) -> str:
        if match["end"] is None:  # a comment, or an unclosed style
            return match[0]
        css = match["css"]
        styles.append(css)
        # As long as before, because the compiler reports offsets.
        return match["tag"] + _PLACE.ljust(len(css))

    return _INLINE_STYLE.sub(take, mjml), styles


_SEVERAL_CLASSES = re.compile(r"""mj-class\s*=\s*["'][^"'<>]*[^"'<>\s]\s+[^"'<>\s]""")
_CLASSES = re.compile(
    r"""<!--.*?(?:-->|\Z)|(?P<before><mj-[^<>]*?\smj-class\s*=\s*["'])(?P<names>[^"'<>]*)""",
    re.DOTALL,
)


def _last_class_first(match: re.Match[str]) -> str:
    """Reverse the classes in `mj-class`: of several, mrml takes the first, and MJML's own compiler
    the last.
    """
    names = match["names"]
    if names is None:  # a comment
        return match[0]
    reversed_names = " ".join(reversed(names.split()))
    # As long as before, because the compiler reports offsets.
    return match["before"] + reversed_names.ljust(len(names))


def _compile_in_full(mjml: str) -> str:
    """Compile, and correct in the HTML what mrml drops or breaks.

    Marks in the MJML lead to the places in the HTML.
    """
    marked = _with_marks_in_wrappers(_with_marks_of_roles(mjml))
    if marked == mjml:
        return _compile(mjml)
    try:
        html = _compile(marked)
    except ValueError:
        return _compile(mjml)  # its error has the offsets of the original
    html = _ROLE_OF_TABLE.sub(r'\1 role="\2">', html)
    return html.replace(_FOR_ALL, "<![endif]-->").replace(_FOR_OUTLOOK, "<!--[if mso | IE]>")


def _with_marks_of_roles(mjml: str) -> str:
    """Mark the `role` of each mj-table.

    mrml drops it, and a screen reader would then take a layout for data.
    """
    return _TABLE_WITH_ROLE.sub(_with_mark_of_role, mjml)


def _with_mark_of_role(match: re.Match[str]) -> str:
    if match["tag"] is None:  # a comment
        return match[0]
    return f"{match[0]}<!-- role={match['role']} -->"


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
        tag = found["tag"]
        if not tag:  # a comment or an mj-raw
            if innermost == "mj-wrapper":
                marks.append((found.start(), found.start(), _FOR_ALL))
                marks.append((found.end(), found.end(), _FOR_OUTLOOK))
        elif found["end"]:
            if innermost == tag:
                opened.pop()
        elif not found["alone"]:
            opened.append(tag)
    return splice(mjml, marks)


def _compile(mjml: str) -> str:
    """Compile the source; if mrml refuses it, retry with gaps that mrml can read."""
    # Not from `mjml`, because django-mjml installs a package of that name into the same folder.
    from mjml.mjml import mjml2html

    # Without web fonts, because the default asks a font host for "Roboto".
    try:
        return str(mjml2html(mjml, fonts={}))
    except ValueError:
        # As long as before, because the compiler reports offsets.
        readable = _GAP.sub(lambda gap: "\n" * len(gap[0]), mjml)
        if readable == mjml:
            raise
        return str(mjml2html(readable, fonts={}))


_CONTAINERS = frozenset(("div", "span", "p"))
# Plain HTML has no element for the preheader: authors hide it at the top, by a class of that name
# or by a style.
_HIDES_BY_CLASS = re.compile(r"(?:^|\s)pre-?(?:header|view)(?:-?text)?(?:\s|$)", re.IGNORECASE)
_HIDES_BY_STYLE = re.compile(r"display\s*:\s*none", re.IGNORECASE)

_MOST_HIDDEN = 10
"""Hidden elements in which a preheader is searched.

Each element costs its whole text, which takes long if thousands are nested.
"""

_ISOLATES = re.compile("[\u2068\u2069]")
"""Characters that isolate a name in right-to-left text.

A single line does not need them, and spam filters distrust them.
"""

_PADDING = (
    " "
    "\u00a0\u00ad\u034f\u061c\u2000\u2001\u2002\u2003\u2007\u2009\u200a\u200b\u200c\u200d"
    "\u200e\u200f\u2060\ufeff"
)
"""Invisible characters behind a preheader. They keep the rest of the mail out of lists."""

_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
"""Line breaks, and characters that XML forbids (XML 1.0, 2.2), which would break MJML."""


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
    if files.is_mjml:
        mjml = lift_heads(filled.markup)
        try:
            html = compile_mjml(mjml)
        except (RecursionError, ValueError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
            raise TemplateInvalid(str(folders / files.markup), None, f"MJML: {reason}") from error
        title, preheader = _texts_of_mjml(mjml)
    else:
        mjml = ""
        html = "" if files.is_text else filled.markup
        title, preheader = _texts_of_html(filled.markup)
    text = ""
    if files.text:
        text = filled.text.strip() + "\n"
    return Rendered(
        subject=one_line(filled.subject) or header_text(title),
        preheader=header_text(preheader).rstrip(_PADDING),
        html=html,
        text=text,
        mjml=mjml,
    )


def one_line(text: str) -> str:
    """Return the text as one line, without characters that MJML forbids."""
    return " ".join(_NOT_IN_A_LINE.sub(" ", text).split())


def _texts_of_html(html: str) -> tuple[str, str]:
    """Return the texts of the title and of the preheader; "" for a missing one.

    If there are several, the first counts, as in browsers.
    """
    root = parse_html(html)
    return _title_of(root), preheader_of(root)


def _title_of(root: Element) -> str:
    for element in root.walk():
        if element.tag == "title" and not _is_in_image(element):
            return element.text()
    return ""


def _is_in_image(element: Element) -> bool:
    return any(above.tag == "svg" for above in element.ancestors())


def preheader_of(root: Element) -> str:
    """Return the first hidden text of HTML, which lists show beside the subject; "" without one."""
    hidden = (one for one in root.walk() if one.tag in _CONTAINERS and _is_hidden(one))
    for element in islice(hidden, _MOST_HIDDEN):
        text = element.text().rstrip(_PADDING)
        if text:
            return text
    return ""


def _texts_of_mjml(mjml: str) -> tuple[str, str]:
    """Return the same of MJML. If there are several, the last counts, as for the compiler."""
    # Only the part with both is parsed. It comes before styles and body.
    end = max(mjml.rfind("</mj-title"), mjml.rfind("</mj-preview"), 0)
    return _texts_of_head(mjml[:end])


# The mails of a moment begin alike. What is remembered holds no secret: locked screens show it.
@lru_cache(maxsize=16)
def _texts_of_head(mjml: str) -> tuple[str, str]:
    root, _ = parse_markup(mjml, is_mjml=True)
    heads = [one for one in root.walk() if one.tag == "mj-head"]
    texts: dict[str, str] = {}
    for head in heads:
        for element in head.children:
            texts[element.tag] = element.text()
    return texts.get("mj-title", ""), texts.get("mj-preview", "")


def _is_hidden(element: Element) -> bool:
    if _HIDES_BY_CLASS.search(element.get("class")):
        return True
    return _HIDES_BY_STYLE.search(element.get("style")) is not None


def header_text(text: str) -> str:
    """Return the text as one line: a line break in it would start a new header (RFC 5322, 2.2)."""
    return _ISOLATES.sub("", one_line(text))
