"""Filled-in templates -> a rendered mail: MJML becomes HTML, and the head says subject and preheader."""

import html
import re
from pathlib import Path
from typing import NamedTuple

import msgspec

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.files import MailFiles
from keyturn.mail.rendering.mjml import to_html

_HTML_TITLE = re.compile(r"<(title)([^<>]*)>", re.IGNORECASE)
_HTML_CONTAINER = re.compile(r"<(div|span|p)\b([^<>]*)>", re.IGNORECASE)
_HIDES = re.compile(r"class=[\"'][^\"']*pre-?(?:header|view)|display:\s*none", re.IGNORECASE)
"""Plain HTML has no element for the preheader: authors hide it at the top, by a class that says so or by its style."""

_TAG = re.compile(r"<[^<>]*>")
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
    read = _mjml_text if files.is_mjml else _html_text
    return Rendered(
        subject=one_line(filled.subject) or _head_text(read(filled.markup, "title")),
        preheader=_head_text(read(filled.markup, "preview")),
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


def _mjml_text(mjml: str, element: str) -> str:
    text, end, _ = mjml.partition(f"<mj-{element}>")[2].partition(f"</mj-{element}>")
    return text if end else ""


def _html_text(markup: str, element: str) -> str:
    """Return what is between the first start tag that is meant and the next end tag of its name."""
    unclosed: set[str] = set()  # an end tag that is missing is looked for once
    for tag in (_HTML_TITLE if element == "title" else _HTML_CONTAINER).finditer(markup):
        name = tag[1].lower()
        if name not in unclosed and (element == "title" or _HIDES.search(tag[2])):
            if end := re.compile(f"</{name}>", re.IGNORECASE).search(markup, tag.end()):
                return markup[tag.end() : end.start()]
            unclosed.add(name)
    return ""


def _head_text(text: str) -> str:
    """Return the text of a head element: a line break in it would start a new header (RFC 5322, 2.2)."""
    return _ISOLATES.sub("", one_line(html.unescape(_TAG.sub(" ", text))))
