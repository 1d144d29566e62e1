"""Jinja environments for folders of templates: Jinja's defaults, or the app's own (`--env
package.module:name`).
"""

import asyncio
import inspect
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    Template,
    TemplateSyntaxError,
    Undefined,
    nodes,
)
from jinja2.exceptions import SecurityError

from keyturn.mail.languages.language import Language
from keyturn.studio.gallery.filter_table import FilterTable
from keyturn.studio.gallery.naming import BoundedLoader, ending_of, files_meant_by
from keyturn.studio.gallery.syntax_trees import (
    StudioEnvironment,
    copied_as,
    mixed,
    require_shallow,
)
from keyturn.studio.gallery.variables.missing_names import StandIn

APP_HOST = "www.example.org"  # the host of an app that names none
_EXTENSIONS = ("jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols")
_NO_MARKUP = (".txt", ".text", ".subject", ".css")


class _KeysFirst(StudioEnvironment):
    """Takes the keys of a sample's tables for attributes.

    `order.items` is the app's list, not the method of a dict.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:
        """Refuse at once what a sandbox refuses, since a stand-in would be plausible.

        Jinja's sandboxed environments call this, also an app's own.
        """
        raise SecurityError(
            f"access to attribute {attribute!r} of {type(obj).__name__!r} object is unsafe"
        )


class _AppEnvironment(_KeysFirst):
    """A copy of an app's own environment.

    `own_undefined`: what the app has for missing names.
    """

    own_undefined: type[Undefined]

    def getattr(self, obj: Any, attribute: str) -> Any:
        value = super().getattr(obj, attribute)
        is_lacking = isinstance(value, StandIn) and value._undefined_obj is obj  # noqa: SLF001 - our kind
        if is_lacking and not isinstance(obj, StandIn):
            # Values of the mail are made up, but what the app's own objects lack may be a fault.
            return self.own_undefined(obj=obj, name=attribute)
        return value


class FolderEnvironment(_KeysFirst):
    """The environment of a folder whose app has none of its own."""

    folder: Path

    def parse(
        self, source: str, name: str | None = None, filename: str | None = None
    ) -> nodes.Template:
        return require_shallow(super().parse(source, name, filename), name, filename)

    def compile(
        self,
        source: str | nodes.Template,
        name: str | None = None,
        filename: str | None = None,
        *flags: Any,
        **named_flags: Any,
    ) -> Any:
        try:
            return super().compile(source, name, filename, *flags, **named_flags)
        except SyntaxError as error:
            # Python's own bounds, such as twenty blocks of code within each other.
            message = f"Python cannot compile it: {error.msg}."
            raise TemplateSyntaxError(message, 1, name, filename) from None

    def join_path(self, template: str, parent: str) -> str:
        """Find a file by the app's name for it, or by its path from the other file."""
        files = files_meant_by(template, parent)
        for file in files:
            # Paths as text: this runs for each include of each mail.
            if os.path.isfile(os.path.join(self.folder, file)):  # noqa: PTH113, PTH118
                return file
        return template


def folder_environment(
    folder: Path, kind: type[FolderEnvironment] = FolderEnvironment, *, bounds: Path | None = None
) -> Callable[[Language], Environment]:
    """Return a factory of environments with Jinja's defaults.

    `bounds`: links may not lead out of it.
    """

    def make(language: Language) -> Environment:
        loader = BoundedLoader(folder, bounds)
        environment = kind(
            loader=loader, autoescape=_is_markup, extensions=_EXTENSIONS, auto_reload=True
        )
        environment.folder = folder
        _translate(environment, language)
        return environment

    return make


def app_environment(
    folder: Path, environment_for: Callable[[str], Environment]
) -> Callable[[Language], Environment]:
    """Return a factory of copies of the app's environment, which look into the folder first."""

    def make(language: Language) -> Environment:
        app = environment_for(language.tag)
        copy = copied_as(
            _AppEnvironment, app, enable_async=False, bytecode_cache=None, auto_reload=True
        )
        copy.own_undefined = app.undefined
        copy.globals = _awaited(app.globals)
        copy.filters = _awaited(app.filters)
        copy.tests = _awaited(app.tests)
        loaders: list[BaseLoader] = [FileSystemLoader(folder)]
        if app.loader:
            loaders.append(app.loader)
        copy.loader = ChoiceLoader(loaders)
        if hasattr(copy, "install_gettext_callables") and "gettext" not in copy.globals:
            _translate(copy, language)
        flask = getattr(app, "app", None)
        if flask is not None and hasattr(flask, "wsgi_app"):
            copy.template_class = mixed(_InRequest, app.template_class)
            vars(copy)["test_request_context"] = flask.test_request_context
        copy.globals = {"lang": language.tag, "dir": language.direction, **copy.globals}
        return copy

    return make


def _awaited(functions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which functions of an asynchronous environment answer as others do."""

    def answering(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def answer(*args: Any, **named: Any) -> Any:
            with ThreadPoolExecutor(1) as aside:  # a loop may be running in this thread
                return aside.submit(asyncio.run, function(*args, **named)).result()

        return answer

    awaited = dict(functions)
    for name, function in functions.items():
        # A proxy, such as Flask's request, answers for what it stands for; `type` does not ask it.
        is_function = type(function) in (FunctionType, MethodType)
        if is_function and inspect.iscoroutinefunction(function):
            awaited[name] = answering(function)
    return awaited


class _InRequest(Template):
    """A template of a Flask app, whose functions may need a request, such as `url_for(...,
    _external=True)`.
    """

    environment: Any

    def render(self, *args: Any, **values: Any) -> str:
        request_context = self.environment.test_request_context
        host = request_context.__self__.config.get("SERVER_NAME") or APP_HOST
        with request_context(base_url=f"https://{host}"):
            return super().render(*args, **values)


def _translate(environment: Environment, language: Language) -> None:
    """Add gettext without Keyturn's filters: another app's `number` takes other arguments."""
    filters = dict(environment.filters)
    language.teach(environment)
    environment.filters = filters


def _is_markup(name: str | None) -> bool:
    return name is None or ending_of(name) not in _NO_MARKUP


def with_lenient_filters(environment: Environment) -> Environment:
    """Return a copy of a folder's environment in which unknown filters change nothing; an app's own
    stays as it is.
    """
    if not isinstance(environment, FolderEnvironment):
        return environment
    copy = environment.overlay(bytecode_cache=None)
    copy.filters = FilterTable(environment.filters, lambda _: _unchanged)
    copy.tests = FilterTable(environment.tests, lambda _: _is_true)
    return copy


def _unchanged(value: Any, *_: object, **__: object) -> Any:
    return value


def _is_true(value: object, *_: object, **__: object) -> bool:
    return bool(value)
