"""`--env package.module:environment`: the Jinja environment with which the app itself renders its mails."""

import inspect
import sys
import traceback
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import Environment

from keyturn.errors import KeyturnError

_HOLDERS = ("jinja_env", "env", "environment", "engine")
"""Where Flask's app, Starlette's Jinja2Templates, Django's backend and Litestar's engine keep theirs."""

_LOCALE = frozenset({"lang", "language", "locale", "tag"})


class CannotImport(KeyturnError):
    """The app's own Jinja environment cannot be imported. One sentence that names what was asked for."""


def import_environment(named: str, folders: Iterable[Path]) -> Callable[[str], Environment]:
    """Return what gives the app's environment for a language's tag.

    `named` may be an environment, what holds one (a Flask app, Jinja2Templates), or a function that returns either and
    may take the tag. It is imported with the folders on `sys.path`. Raises CannotImport.
    """
    module_name, _, path = named.partition(":")
    if not module_name or not path or "/" in named:
        raise CannotImport(f"--env {named}: it is written as package.module:environment")
    module = import_from(module_name, folders, f"--env {named}")
    found: Any = module
    for name in path.split("."):
        if not hasattr(found, name):
            close = get_close_matches(name, dir(found), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise CannotImport(f"--env {named}: {module_name} has no {path}{hint}")
        found = getattr(found, name)

    @cache
    def environment(tag: str) -> Environment:
        return _environment(found, tag, f"--env {named}")

    environment("en")
    return environment


def import_from(name: str, folders: Iterable[Path], option: str) -> ModuleType:
    """Import a module, also from these folders. Raises CannotImport."""
    for folder in folders:
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name and f"{name}.".startswith(f"{missing.name}."):
            raise CannotImport(f"{option}: there is no module {missing.name}, here or where Python looks") from None
        raise CannotImport(f"{option}: {_describe_error(missing)}") from missing
    except (Exception, SystemExit) as error:  # a module may raise whatever it likes
        raise CannotImport(f"{option}: {_describe_error(error)}") from error


def _environment(found: Any, tag: str, option: str, *, called: bool = False) -> Environment:
    if isinstance(found, Environment):
        return found
    for name in _HOLDERS:
        if isinstance(held := getattr(found, name, None), Environment):
            return held
    if called or not callable(found):
        made = "returns no" if called else "is no"
        raise CannotImport(f"{option} {made} Jinja environment, it is of type {type(found).__name__}")
    try:
        made_by = found(tag) if _takes_locale(found) else found()
    except Exception as error:
        raise CannotImport(f"{option}: {_describe_error(error)}") from error
    return _environment(made_by, tag, option, called=True)


def _takes_locale(function: Callable[..., Any]) -> bool:
    """Tell whether a function wants one thing, or calls what it takes a locale."""
    parameters = list(inspect.signature(function).parameters.values())
    return bool(parameters) and (
        parameters[0].name in _LOCALE
        or (parameters[0].default is parameters[0].empty and parameters[0].kind is not parameters[0].KEYWORD_ONLY)
    )


def _describe_error(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames and frames[-1].filename != __file__ else ""
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({error.filename}:{error.lineno})"
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {message}{place}"
