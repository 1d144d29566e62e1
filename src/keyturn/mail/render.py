"""Typed props -> Jinja -> MJML -> a rendered mail: one path for sending, for the studio and for snapshot tests."""

import copy
import html
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError
from mjml import mjml2html

from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.palette import Palette

_TITLE = re.compile(r"<mj-title>(.*?)</mj-title>", re.DOTALL)
_PREVIEW = re.compile(r"<mj-preview>(.*?)</mj-preview>", re.DOTALL)
_UNDEFINED = re.compile(r"'(\w+)' is undefined")
_COLUMNS = 72
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
"""Line breaks, and what no XML document may hold (XML 1.0, 2.2): MJML is XML, so one of these would stop the mail."""


class EmailProps(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a template is given. A subclass for each template; `template` is the name of its folder.

    A string is printed as one line, whatever it holds: a name must not write lines of its own into a mail. Text of
    several lines is a tuple of strings.
    """

    template: ClassVar[str]


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    subject: str
    preheader: str
    html: str
    text: str
    mjml: str


class Templates:
    """The mails of a folder: `NAME/NAME.mjml` and `NAME/NAME.txt`, with what they share in folders named `_...`."""

    def __init__(self, folder: Path, brand: Mapping[str, Any], palette: Palette, *, reload: bool = False) -> None:
        self.folder = folder
        self._globals = {"brand": SimpleNamespace(**_in_lines(brand)), "palette": palette}
        self._reload = reload
        self._prepare: Callable[[Environment], Environment] | None = None
        self._environments: dict[str, Environment] = {}

    def prepared(self, prepare: Callable[[Environment], Environment]) -> "Templates":
        """Return the same templates, rendered by what `prepare` makes of each language's Jinja environment."""
        twin = copy.copy(self)
        twin._prepare, twin._environments = prepare, {}  # noqa: SLF001 - its own copy
        return twin

    def names(self) -> list[str]:
        return sorted(path.parent.name for path in self.folder.glob("[!_.]*/*.mjml") if path.stem == path.parent.name)

    def render(self, props: EmailProps, language: Language) -> Rendered:
        """Return the mail that `props` make. Raises TemplateInvalid with the file and line of what is wrong."""
        return self.render_values(props.template, msgspec.structs.asdict(props), language)

    def render_values(self, name: str, values: Mapping[str, Any], language: Language) -> Rendered:
        """Do what `render` does, for values that no struct describes."""
        return self.compile(name, *self.fill(name, values, language))

    def fill(self, name: str, values: Mapping[str, Any], language: Language) -> tuple[str, str]:
        """Return the MJML and the text that Jinja makes of the values."""
        values = _in_lines(values)
        mjml = self._fill(f"{name}/{name}.mjml", values, language)
        return mjml, self._fill(f"{name}/{name}.txt", values, language)

    def fill_file(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        """Return what Jinja makes of one file of the folder."""
        return self._fill(file, _in_lines(values), language)

    def compile(self, name: str, mjml: str, text: str) -> Rendered:
        """Return the mail that filled-in MJML and text make."""
        return Rendered(
            subject=_head(_TITLE, mjml),
            preheader=_head(_PREVIEW, mjml),
            html=_to_html(mjml, self.folder / name / f"{name}.mjml"),
            text=text.strip() + "\n",
            mjml=mjml,
        )

    def _fill(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        try:
            return self._environment(language).get_template(file).render(values)
        except TemplateSyntaxError as error:
            raise TemplateInvalid(error.filename or file, error.lineno, str(error.message)) from error
        except Exception as error:  # a template calls filters and methods, so it can raise whatever they raise
            raise TemplateInvalid(*self._place(error, file), _reason(error)) from error

    def _place(self, error: Exception, file: str) -> tuple[str, int | None]:
        """Find the innermost template line in a traceback: Jinja rewrites it to point into the templates."""
        trace = traceback.extract_tb(error.__traceback__)
        frames = [frame for frame in trace if Path(frame.filename).is_relative_to(self.folder)]
        if missing := _UNDEFINED.match(str(error)):  # a macro that was handed it is not where it is missing
            frames = [frame for frame in frames if missing[1] in (frame.line or "")] or frames
        return (frames[-1].filename, frames[-1].lineno) if frames else (str(self.folder / file), None)

    def _environment(self, language: Language) -> Environment:
        if language.tag not in self._environments:
            environment = Environment(
                loader=FileSystemLoader(self.folder),
                autoescape=_is_markup,  # noqa: S701 - all but text parts, which are no HTML
                auto_reload=self._reload,
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                extensions=["jinja2.ext.i18n"],
            )
            environment.globals.update(self._globals)
            environment.filters["short_lines"] = short_lines
            language.teach(environment)
            self._environments[language.tag] = self._prepare(environment) if self._prepare else environment
        return self._environments[language.tag]


def _reason(error: Exception) -> str:
    if isinstance(error, TemplateNotFound):
        return f"there is no template {error.name}"
    return str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"


def _is_markup(name: str | None) -> bool:
    return not (name or "").endswith(".txt")


def _in_lines(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _one_line(value) if isinstance(value, str) else value for name, value in values.items()}


def _one_line(text: str) -> str:
    return " ".join(_NOT_IN_A_LINE.sub(" ", text).split())


def short_lines(text: str) -> str:
    """Wrap at 72 columns; a word that is longer, as a link is, stays in one piece."""
    lines = []
    for line in text.splitlines():
        rest = line
        while len(rest) > _COLUMNS and (cut := max(rest.rfind(" ", 0, _COLUMNS + 1), 0) or rest.find(" ")) > 0:
            lines.append(rest[:cut])
            rest = rest[cut + 1 :]
        lines.append(rest)
    return "\n".join(lines)


def _head(element: re.Pattern[str], mjml: str) -> str:
    """Return the text of a head element: a line break in it would start a new header (RFC 5322, 2.2)."""
    found = element.search(mjml)
    return _one_line(html.unescape(found[1])) if found else ""


def _to_html(mjml: str, file: Path) -> str:
    try:
        return str(mjml2html(mjml, fonts={}))  # without web fonts: the default asks a font host for "Roboto"
    except ValueError as error:
        raise TemplateInvalid(str(file), None, f"MJML: {error}") from error
