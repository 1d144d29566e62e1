"""What renders a folder of templates that is not Keyturn's: Jinja as it comes, or the app's own environment."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader

from keyturn.emails.gallery.links import BoundedLoader
from keyturn.emails.gallery.naming import ending_of, files_meant_by
from keyturn.languages import Language

_EXTENSIONS = ("jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols")
_NO_MARKUP = (".txt", ".text", ".subject", ".css")


class FolderEnvironment(Environment):
    """Makes templates of one folder, with Jinja's own defaults."""

    folder: Path

    def join_path(self, template: str, parent: str) -> str:
        """Find a file that is named as the app's loader would find it from further up, or as it lies beside another."""
        return next((file for file in files_meant_by(template, parent) if (self.folder / file).is_file()), template)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return obj[attribute] if _holds(obj, attribute) else super().getattr(obj, attribute)


def folder_environment(
    folder: Path, kind: type[FolderEnvironment] = FolderEnvironment, *, bounds: Path | None = None
) -> Callable[[Language], Environment]:
    """Return what makes the environment of a folder that nothing more is known of. `bounds`: where links may lead."""

    def make(language: Language) -> Environment:
        environment = kind(
            loader=BoundedLoader(folder, bounds), autoescape=is_markup, extensions=_EXTENSIONS, auto_reload=True
        )
        environment.folder = folder
        _translate(environment, language)
        return environment

    return make


def app_environment(folder: Path, given: Callable[[str], Environment]) -> Callable[[Language], Environment]:
    """Return what makes the app's environment look into the folder first. The app's own stays as it is."""

    def make(language: Language) -> Environment:
        app = given(language.tag)
        copy = app.overlay(enable_async=False, bytecode_cache=None, auto_reload=True)
        copy.globals, copy.filters, copy.tests = dict(app.globals), dict(app.filters), dict(app.tests)
        loaders: list[BaseLoader] = [FileSystemLoader(folder), *([app.loader] if app.loader else [])]
        copy.loader = ChoiceLoader(loaders)
        if hasattr(copy, "install_gettext_callables") and "gettext" not in copy.globals:
            _translate(copy, language)
        copy.globals = {"lang": language.tag, "dir": language.direction, **copy.globals}
        get = copy.getattr
        copy.getattr = lambda obj, attribute: obj[attribute] if _holds(obj, attribute) else get(obj, attribute)  # type: ignore[method-assign]
        return copy

    return make


def _translate(environment: Environment, language: Language) -> None:
    """Give it gettext, and none of Keyturn's own filters: another app's `number` takes other arguments."""
    filters = dict(environment.filters)
    language.teach(environment)
    environment.filters = filters


def is_markup(name: str | None) -> bool:
    """Tell whether texts are escaped in it: in text parts, which are no HTML, they are not."""
    return name is None or ending_of(name) not in _NO_MARKUP


def _holds(obj: Any, name: str) -> bool:
    """Tell whether a sample's table has it: `order.items` is the app's list there, too, and no method of Python's."""
    return isinstance(obj, dict) and name in obj


def with_lenient_filters(environment: Environment) -> Environment:
    """Return a copy of a folder's environment in which an unknown filter leaves its value as it is.

    So a mail is drawn before anybody has named the app's own environment; what is missing, the checks say. That one is
    returned as it is.
    """
    if not isinstance(environment, FolderEnvironment):
        return environment
    copy = environment.overlay(bytecode_cache=None)
    copy.filters = _OrElse(environment.filters, lambda value, *_, **__: value)
    copy.tests = _OrElse(environment.tests, lambda value, *_, **__: bool(value))
    return copy


class _OrElse(dict[str, Any]):
    """Looks for a template in one loader, then in another."""

    def __init__(self, known: Mapping[str, Any], other: Callable[..., Any]) -> None:
        super().__init__(known)
        self._other = other

    def __missing__(self, _: str) -> Any:
        return self._other

    def get(self, name: str, _: Any = None) -> Any:
        return self[name]
