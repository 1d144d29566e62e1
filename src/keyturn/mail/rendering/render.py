"""Typed props -> Jinja -> MJML -> a rendered mail: one path for sending, for the studio and for snapshot tests."""

import copy
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError

from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.compiling import Filled, Rendered, compile_mail, one_line
from keyturn.mail.rendering.files import MailFiles, own_files
from keyturn.mail.rendering.folders import Folders
from keyturn.mail.rendering.including import MjmlIncludes
from keyturn.mail.rendering.jinja_cache import shared_bytecode_cache
from keyturn.mail.rendering.palette import Palette
from keyturn.mail.rendering.wrapping import short_lines

_UNDEFINED = re.compile(r"'(\w+)' is undefined")


class EmailProps(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a template is given. A subclass for each template; `template` is the name of its folder.

    A string is printed as one line, whatever it holds: a name must not write lines of its own into a mail. Text of
    several lines is a tuple of strings.
    """

    template: ClassVar[str]


class Templates:
    """The mails of a folder. `files` says which files make one; `beneath` is where those are that it does not hold.

    `environment` makes what renders them in a language, where it is not Keyturn's own.

    `globals` are given to every template: see `branding`.
    """

    def __init__(
        self, folder: Path, globals_: Mapping[str, Any], *, beneath: Path | None = None, reload: bool = False,
        files: Callable[[str], MailFiles] = own_files,
        environment: Callable[[Language], Environment] | None = None,
    ) -> None:  # fmt: skip
        self.folders = Folders(folder, *([beneath] if beneath else []))
        self.files = files
        self._globals = globals_
        self._reload = reload
        self._given = environment or self._own
        self._prepare: Callable[[Environment], Environment] | None = None
        self._environments: dict[str, Environment] = {}

    @property
    def folder(self) -> Path:
        return self.folders.first

    def prepared(self, prepare: Callable[[Environment], Environment]) -> "Templates":
        """Return the same templates, rendered by what `prepare` makes of each language's Jinja environment."""
        twin = copy.copy(self)
        twin._prepare, twin._environments = prepare, {}  # noqa: SLF001 - its own copy
        return twin

    def found_by(self, files: Callable[[str], MailFiles]) -> "Templates":
        """Return the same templates, with `files` to say which files make a mail."""
        twin = copy.copy(self)
        twin.files = files
        return twin

    def with_globals(self, globals_: Mapping[str, Any]) -> "Templates":
        """Return the same templates for another brand."""
        twin = copy.copy(self)
        twin._globals, twin._environments = globals_, {}  # noqa: SLF001 - its own copy
        return twin

    def render(self, props: EmailProps, language: Language) -> Rendered:
        """Return the mail that `props` make. Raises TemplateInvalid with the file and line of what is wrong."""
        return self.render_values(props.template, msgspec.structs.asdict(props), language)

    def render_values(self, name: str, values: Mapping[str, Any], language: Language) -> Rendered:
        """Do what `render` does, for values that no struct describes."""
        return self.compile(name, self.fill(name, values, language))

    def fill(self, name: str, values: Mapping[str, Any], language: Language) -> Filled:
        """Return what Jinja makes of the values."""
        values, files = _in_lines(values), self.files(name)
        return Filled(*(self._fill(file, values, language) if file else "" for file in files))

    def compile(self, name: str, filled: Filled) -> Rendered:
        """Return the mail that filled-in templates make."""
        files = self.files(name)
        return compile_mail(filled, files, self.folders / files.markup)

    def environment(self, language: Language) -> Environment:
        """Return what renders the templates in a language."""
        key = f"{language.tag} {language.direction}"
        if key not in self._environments:
            environment = self._given(language)
            environment.globals.update(self._globals)
            environment.add_extension(MjmlIncludes)
            self._environments[key] = self._prepare(environment) if self._prepare else environment
        return self._environments[key]

    def _fill(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        try:
            return self.environment(language).get_template(file).render(values)
        except TemplateSyntaxError as error:
            # A plain number: an environment that was prepared to trace its output counts lines in numbers of its own.
            raise TemplateInvalid(error.filename or file, int(error.lineno), str(error.message)) from error
        except Exception as error:  # a template calls filters and methods, so it can raise whatever they raise
            raise TemplateInvalid(*self._place(error, file), _reason(error)) from error

    def _place(self, error: Exception, file: str) -> tuple[str, int | None]:
        """Find the innermost template line in a traceback: Jinja rewrites it to point into the templates."""
        trace = traceback.extract_tb(error.__traceback__)
        frames = [frame for frame in trace if not frame.filename.endswith((".py", ">"))]
        if missing := _UNDEFINED.match(str(error)):  # a macro that was handed it is not where it is missing
            frames = [frame for frame in frames if missing[1] in (frame.line or "")] or frames
        return (frames[-1].filename, frames[-1].lineno) if frames else (str(self.folders / file), None)

    def _own(self, language: Language) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(self.folders.all),
            autoescape=_is_markup,  # noqa: S701 - all but text parts, which are no HTML
            auto_reload=self._reload,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            bytecode_cache=shared_bytecode_cache(),
        )
        environment.filters["short_lines"] = short_lines
        language.teach(environment)
        return environment


def branding(brand: Mapping[str, Any], palette: Palette) -> Mapping[str, Any]:
    """Return what Keyturn's own templates are given beside their props."""
    return {"brand": SimpleNamespace(**_in_lines(brand)), "palette": palette}


def _reason(error: Exception) -> str:
    if isinstance(error, TemplateNotFound):
        return f"there is no template {error.name}"
    return str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"


def _is_markup(name: str | None) -> bool:
    return not (name or "").endswith(".txt")


def _in_lines(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one_line(value) if isinstance(value, str) else value for name, value in values.items()}
