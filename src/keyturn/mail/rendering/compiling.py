"""Filled-in templates -> a rendered mail: MJML becomes HTML, and the head says subject and preheader."""

import html
import re
from pathlib import Path
from typing import NamedTuple

import msgspec

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.files import MailFiles
from keyturn.mail.rendering.mjml import to_html

_TITLE = re.compile(r"<mj-title>(.*?)</mj-title>", re.DOTALL)
_PREVIEW = re.compile(r"<mj-preview>(.*?)</mj-preview>", re.DOTALL)
_HTML_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_HTML_PREVIEW = re.compile(
    r"<(div|span|p)\b[^>]*(?:class=[\"'][^\"']*pre-?(?:header|view)|display:\s*none)[^>]*>(.*?)</\1>",
    re.DOTALL | re.IGNORECASE,
)
"""Plain HTML has no element for it: what its authors hide at the top, by a class that says so or by its style."""

_TAG = re.compile(r"<[^>]*>")
_ISOLATES = re.compile("[\u2068\u2069]")
"""What sets a name apart in a text that runs from right to left. One line needs none, and filters distrust it there."""

_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
"""Line breaks, and what no XML document may hold (XML 1.0, 2.2): MJML is XML, so one of these would stop the mail."""


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """Holds a mail as it is sent. `mjml` is empty for a mail that is plain HTML, `text` for one without a text part."""

    subject: str
    preheader: str
    html: str
    text: str
    mjml: str


class Filled(NamedTuple):
    """What Jinja makes of the files of a mail. `subject` is empty where no file of its own holds it."""

    markup: str
    text: str
    subject: str = ""


def compile_mail(filled: Filled, files: MailFiles, file: Path) -> Rendered:
    """Return the mail. `file` is named where it cannot be compiled. Raises TemplateInvalid."""
    return assemble_mail(filled, files, _compile_mjml(filled.markup, file) if files.is_mjml else filled.markup)


def assemble_mail(filled: Filled, files: MailFiles, html: str) -> Rendered:
    """Return the mail with the HTML that was made of its markup."""
    title, preview = (_TITLE, _PREVIEW) if files.is_mjml else (_HTML_TITLE, _HTML_PREVIEW)
    return Rendered(
        subject=one_line(filled.subject) or _head_text(title, filled.markup),
        preheader=_head_text(preview, filled.markup),
        html=html,
        text=filled.text.strip() + "\n" if files.text else "",
        mjml=filled.markup if files.is_mjml else "",
    )


def one_line(text: str) -> str:
    return " ".join(_NOT_IN_A_LINE.sub(" ", text).split())


def _compile_mjml(mjml: str, file: Path) -> str:
    try:
        return to_html(mjml)
    except ValueError as error:
        raise TemplateInvalid(str(file), None, f"MJML: {error}") from error


def _head_text(element: re.Pattern[str], markup: str) -> str:
    """Return the text of a head element: a line break in it would start a new header (RFC 5322, 2.2)."""
    found = element.search(markup)
    return _ISOLATES.sub("", one_line(html.unescape(_TAG.sub(" ", found[found.lastindex or 0])))) if found else ""
