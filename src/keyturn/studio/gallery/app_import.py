"""Imports the Jinja environment that an app names (`--env package.module:name`)."""

import inspect
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

from jinja2 import Environment

from keyturn.errors import KeyturnError
from keyturn.studio.gallery.environments import APP_HOST
from keyturn.values import did_you_mean

# Attributes with the environment: of Flask's and Litestar's apps, Starlette's Jinja2Templates, and
# engines.
_HOLDERS = ("jinja_env", "env", "environment", "engine", "template_engine")
_LOCALE = frozenset({"lang", "language", "locale", "tag"})


class CannotImport(KeyturnError):
    """The app's own Jinja environment cannot be imported. The message is a sentence for users."""


def import_environment(named: str, folders: Iterable[Path]) -> Callable[[str], Environment]:
    """Return a function from a language's tag to the app's environment. Raises CannotImport.

    `named`: an environment, an object with one (a Flask app), or a function that returns either and
    may take the tag.
    """
    module_name, _, path = named.partition(":")
    option = f"--env {named}"
    if not module_name or not path or "/" in named:
        raise CannotImport(f"{option}: write it as package.module:environment")
    module = import_from(module_name, folders, option)
    value: Any = module
    for name in path.split("."):
        if not hasattr(value, name):
            raise CannotImport(
                f"{option}: {module_name} has no {path}{did_you_mean(name, dir(value))}"
            )
        value = getattr(value, name)

    @cache
    def environment(tag: str) -> Environment:
        made, holder = _environment_in(value, tag, option)
        request = _request_for(made.globals.get("url_for"), (holder, value, *vars(module).values()))
        if request is not None and "request" not in made.globals:
            made = made.overlay()
            made.globals = {**made.globals, "request": request}
        return made

    environment("en")
    return environment


# by the module of `url_for`: the module of the class `Request`, and attributes of an app
_FRAMEWORKS = {
    "starlette.templating": ("starlette.requests", ("url_path_for", "router")),
    "litestar.template.base": ("litestar.connection", ("route_reverse",)),
}


def _request_for(url_for: object, objects: Iterable[object]) -> Any:
    """Return a request to the app among the objects, or to one that has every route; None for other
    frameworks.
    """
    framework = _FRAMEWORKS.get(getattr(url_for, "__module__", ""))
    if framework is None:
        return None
    module, attributes = framework
    app: object = _AnyRoute()
    for one in objects:
        if not isinstance(one, type) and all(hasattr(one, name) for name in attributes):
            app = one
            break
    scope = {
        "app": app,
        "litestar_app": app,
        "router": app,
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "server": (APP_HOST, 443),
        "client": None,
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "path_params": {},
        "headers": [(b"host", APP_HOST.encode())],
        "session": {},
        "state": {},
    }
    return import_module(module).Request(scope)


class _AnyRoute:
    """Stands in for an app that is not in the module of the environment."""

    def route_reverse(self, route_name: object, /, **parameters: object) -> str:
        parts = (str(part).strip("/") for part in (route_name, *parameters.values()))
        return quote("/" + "/".join(parts), safe="/:")

    def url_for_static_asset(self, name: str, file_path: str) -> str:
        return self.route_reverse(name, path=file_path)

    def url_path_for(self, name: str, /, **parameters: object) -> Any:
        return import_module("starlette.datastructures").URLPath(
            self.route_reverse(name, **parameters)
        )


def import_from(name: str, folders: Iterable[Path], option: str) -> ModuleType:
    """Import a module with the folders on `sys.path`. Raises CannotImport."""
    for folder in folders:
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name and f"{name}.".startswith(f"{missing.name}."):
            where = "in this folder or on Python's path"
            raise CannotImport(f"{option}: there is no module {missing.name} {where}") from None
        raise CannotImport(f"{option}: {_describe_error(missing)}") from missing
    except (Exception, SystemExit) as error:  # a module may raise anything
        raise CannotImport(f"{option}: {_describe_error(error)}") from error


def _environment_in(
    value: Any, tag: str, option: str, *, called: bool = False
) -> tuple[Environment, Any]:
    if isinstance(value, Environment):
        return value, value
    for name in _HOLDERS:
        held = getattr(value, name, None)
        held = getattr(held, "engine", held)
        if isinstance(held, Environment):
            return held, value
    if called or not callable(value):
        made = "returns a value of" if called else "is of"
        raise CannotImport(f"{option} {made} type {type(value).__name__}, not a Jinja environment")
    try:
        made_by = value(tag) if _takes_tag(value) else value()
    except Exception as error:
        raise CannotImport(f"{option}: {_describe_error(error)}") from error
    return _environment_in(made_by, tag, option, called=True)


def _takes_tag(function: Callable[..., Any]) -> bool:
    """Tell whether a function takes a language's tag: it needs an argument, or names it so."""
    first = next(iter(inspect.signature(function).parameters.values()), None)
    if first is None:
        return False
    is_required = first.default is first.empty and first.kind is not first.KEYWORD_ONLY
    return is_required or first.name in _LOCALE


def _describe_error(error: BaseException) -> str:
    message = str(error)
    place = ""
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if not frame.filename.startswith("<frozen")]
    if isinstance(error, SyntaxError) and error.filename:
        message = error.msg
        place = f" ({error.filename}:{error.lineno})"
    elif frames and frames[-1].filename != __file__:
        place = f" ({frames[-1].filename}:{frames[-1].lineno})"
    return f"{type(error).__name__}: {message}{place}"
