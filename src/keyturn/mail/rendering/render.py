"""Typed props -> Jinja -> MJML -> a rendered mail: one path for sending, for the studio and for
snapshot tests.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import msgspec
from jinja2 import Environment, FileSystemLoader, TemplateSyntaxError

from keyturn.mail.languages.language import READER, Language
from keyturn.mail.rendering.compiling import Filled, Rendered, compile_mail, one_line, to_html
from keyturn.mail.rendering.folders import Folders, MailFiles, own_files
from keyturn.mail.rendering.jinja import MjmlIncludes, OwnEnvironment, template_invalid


class EmailProps(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Declares the values that a template gets.

    Each template has a subclass; `template` is the name of its folder. `audit` is "reset" for mails
    whose link lets the reader choose a password: stricter checks apply to such a mail. Every string
    is printed as one line, so that a name cannot add lines of its own to a mail. Text of several
    lines is a tuple of strings.
    """

    template: ClassVar[str]
    audit: ClassVar[str] = ""


class Engine(Protocol):
    """The port of a template engine other than Jinja, Django's: renders templates by their names in
    `Folders`.
    """

    name: str

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        """Return the rendered template with the source of each part (`studio/lint/source`).

        Raises TemplateInvalid.
        """

    def find_variables(self, files: Sequence[str]) -> Mapping[str, Any]:
        """Return the variables of files, with all that they use, by name, as the studio describes
        them.
        """


def _is_markup(name: str | None) -> bool:
    return not (name or "").endswith(".txt")


@dataclass(frozen=True, eq=False)
class Templates:
    """The mails of a folder: an immutable value, of which the `with_...` methods make variants.

    `beneath`: folders with the files that this folder lacks. `files`: tells which files make a
    mail.
    `reload`: read a template again after it was saved.
    `make_environment`: makes a language's environment, if it is not Keyturn's own; `prepare` is
    applied to it.
    `engine`: renders the templates in place of Jinja.
    `around`: makes a context in which the files of a mail are rendered.
    """

    folder: Path
    globals: Mapping[str, Any]
    _: KW_ONLY
    beneath: tuple[Path, ...] = ()
    reload: bool = False
    files: Callable[[str], MailFiles] = own_files
    make_environment: Callable[[Language], Environment] | None = None
    prepare: Callable[[Environment], Environment] | None = None
    engine: Engine | None = None
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    environments: dict[str, Environment] = field(default_factory=dict, repr=False)
    """The environments made so far, by language.

    They do not depend on `files`, so variants with other files share them.
    """

    @cached_property
    def folders(self) -> Folders:
        return Folders(self.folder, *self.beneath)

    def with_preparation(self, prepare: Callable[[Environment], Environment]) -> "Templates":
        return replace(self, prepare=prepare, environments={})

    def with_files(self, files: Callable[[str], MailFiles]) -> "Templates":
        return replace(self, files=files)

    def with_globals(self, globals_: Mapping[str, Any]) -> "Templates":
        return replace(self, globals=globals_, environments={})

    def render(self, props: EmailProps, language: Language) -> Rendered:
        """Return the mail that `props` make.

        Raises TemplateInvalid with the file and line of what is wrong.
        """
        return self.render_values(props.template, msgspec.structs.asdict(props), language)

    def render_values(self, name: str, values: Mapping[str, Any], language: Language) -> Rendered:
        return self.compile(name, self.fill(name, values, language))

    def fill(self, name: str, values: Mapping[str, Any], language: Language) -> Filled:
        values = {
            key: one_line(value) if isinstance(value, str) else value
            for key, value in values.items()
        }
        with self.around():
            return Filled(
                *(self._fill(file, values, language) if file else "" for file in self.files(name))
            )

    def compile(
        self, name: str, filled: Filled, compile_mjml: Callable[[str], str] = to_html
    ) -> Rendered:
        plain = Filled(
            *map(str, filled)
        )  # an engine's values know their source places; a sent mail does not need them
        return compile_mail(plain, self.files(name), self.folders, compile_mjml)

    def environment(self, language: Language) -> Environment:
        if language.tag not in self.environments:
            if self.make_environment:
                environment = self.make_environment(language)
            else:
                environment = OwnEnvironment(
                    FileSystemLoader(self.folders.all), escapes=_is_markup, reload=self.reload
                )
                language.teach(environment)
            environment.globals.update(self.globals)
            environment.add_extension(MjmlIncludes)
            self.environments[language.tag] = (
                self.prepare(environment) if self.prepare else environment
            )
        return self.environments[language.tag]

    def _fill(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        if self.engine:
            return self.engine.render(file, {**self.globals, **values}, language)
        try:
            return (
                self.environment(language).get_template(file).render({**values, READER: language})
            )
        except Exception as error:  # a template calls filters and methods, which can raise anything
            named = file if isinstance(error, TemplateSyntaxError) else str(self.folders / file)
            raise template_invalid(error, named) from error
