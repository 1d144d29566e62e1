"""Renders mails: typed props fill in Jinja templates, which compile to a mail.

Sending, the studio and snapshot tests all render in this way.
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
    """Declares the values that a template gets; each template has a subclass.

    Every string is printed as one line, so that a name cannot add lines of its own to a mail. Text
    of several lines is a tuple of strings.

    `template`: the name of the template's folder.
    `audit`: "reset" for a mail whose link lets the reader choose a password. Stricter checks apply
    to such a mail.
    """

    template: ClassVar[str]
    audit: ClassVar[str] = ""


class Engine(Protocol):
    """The port of another template engine, Django's, in place of Jinja.

    It renders templates by their names in `Folders`.
    """

    name: str

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        """Return the rendered template with the source of each part (`studio/lint/source`).

        Raises TemplateInvalid.
        """

    def find_variables(self, files: Sequence[str]) -> Mapping[str, Any]:
        """Return the variables of files, and of the files that these use, by name.

        A variable is described in the studio's own form.
        """


def _is_markup(name: str | None) -> bool:
    return not (name or "").endswith(".txt")


@dataclass(frozen=True, eq=False)
class Templates:
    """The mails of a folder: an immutable value, of which the `with_...` methods make variants.

    `folder`: the folder of the templates.
    `globals`: values that every template gets.
    `beneath`: folders with the files that this folder lacks.
    `reload`: read a template again after it was saved.
    `files`: tells which files make a mail.
    `make_environment`: makes a language's environment, in place of Keyturn's own.
    `prepare`: changes an environment before its first use.
    `engine`: renders the templates in place of Jinja.
    `around`: makes a context in which the files of a mail are rendered.
    `environments`: those made so far, by language. Variants with other files share them, since an
    environment does not depend on `files`.
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
        """Return the filled-in files of a mail. Raises TemplateInvalid."""
        files = self.files(name)
        printed = dict(values)
        for key, value in values.items():
            if isinstance(value, str):
                printed[key] = one_line(value)
        with self.around():
            return Filled(
                markup=self._fill(files.markup, printed, language),
                text=self._fill(files.text, printed, language),
                subject=self._fill(files.subject, printed, language),
            )

    def compile(
        self, name: str, filled: Filled, compile_mjml: Callable[[str], str] = to_html
    ) -> Rendered:
        """Return the mail that filled-in files make. Raises TemplateInvalid."""
        # An engine's texts know their places in the source, which a sent mail does not need.
        plain = Filled(str(filled.markup), str(filled.text), str(filled.subject))
        return compile_mail(plain, self.files(name), self.folders, compile_mjml)

    def environment(self, language: Language) -> Environment:
        """Return the environment of a language, made once."""
        if language.tag not in self.environments:
            self.environments[language.tag] = self._build_environment(language)
        return self.environments[language.tag]

    def _build_environment(self, language: Language) -> Environment:
        if self.make_environment:
            environment = self.make_environment(language)
        else:
            loader = FileSystemLoader(self.folders.all)
            environment = OwnEnvironment(loader, escapes=_is_markup, reload=self.reload)
            language.teach(environment)
        environment.globals.update(self.globals)
        environment.add_extension(MjmlIncludes)
        if self.prepare:
            return self.prepare(environment)
        return environment

    def _fill(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        """Return a filled-in template; "" if the mail has no such file."""
        if not file:
            return ""
        if self.engine:
            return self.engine.render(file, {**self.globals, **values}, language)
        try:
            template = self.environment(language).get_template(file)
            return template.render({**values, READER: language})
        except Exception as error:  # a template calls filters and methods, which can raise anything
            named = file if isinstance(error, TemplateSyntaxError) else str(self.folders / file)
            raise template_invalid(error, named) from error
