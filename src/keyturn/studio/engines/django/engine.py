"""Renders templates with Django, and explains its errors."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from django.template import Context, TemplateDoesNotExist, TemplateSyntaxError
from django.template.base import Origin
from django.template.defaulttags import URLNode
from django.urls import NoReverseMatch
from django.utils import translation

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages.language import Language
from keyturn.mail.rendering.render import Engine
from keyturn.studio.engines.django.tracing import DjangoTracer, plain
from keyturn.studio.engines.django.variables import find_variables
from keyturn.studio.gallery.variables.recording_value import Variables
from keyturn.studio.lint.finding import did_you_mean, did_you_mean_file, limit_of
from keyturn.studio.lint.source.engine_fault import EngineFault, FaultKind

_UNKNOWN_TAG = re.compile(r"Invalid block tag(?: on line \d+)?: '(\w+)'")
_UNKNOWN_FILTER = re.compile(r"Invalid filter: '(\w+)'")
_UNKNOWN_LIBRARY = re.compile(
    r"'([\w.]+)' is not a registered tag library|'[\w.]+' is not a valid tag or filter in"
)
_PLACE_IN_MESSAGE = re.compile(r"\ATemplate: .*?, | on line \d+")
_HINT_IN_MESSAGE = re.compile(
    r"\.? Did you forget to register or load this tag\?|(?<!\s)\s*Must be one of:.*", re.DOTALL
)


class _Queried(list[Any]):
    """A list of a sample with the methods of query sets and managers that templates use."""

    def all(self) -> "_Queried":
        return self

    def count(self, *value: Any) -> int:
        return super().count(*value) if value else len(self)

    def exists(self) -> bool:
        return bool(self)

    def first(self) -> Any:
        return self[0] if self else None

    def last(self) -> Any:
        return self[-1] if self else None


def _as_queried(value: Any) -> Any:
    if type(value) is dict:
        return {name: _as_queried(below) for name, below in value.items()}
    return _Queried(map(_as_queried, value)) if type(value) is list else value


class DjangoEngine(Engine):
    """Renders with a project's own engine. `codes`: Django's languages by tag."""

    name = "Django"

    def __init__(self, engine: Any, codes: Mapping[str, str]) -> None:
        engine.debug = True  # without it, tokens have no positions
        self._engine, self._codes = engine, codes

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        tracer = DjangoTracer(partial(self._invalid, file))
        try:
            with (
                tracer.tracing(),
                translation.override(self._codes.get(language.tag, language.tag.lower())),
            ):
                self.template(file).render(
                    Context(_as_queried(dict(values)), autoescape=self._engine.autoescape)
                )
        except Exception as error:  # noqa: BLE001 - tags and filters are the project's code, and raise whatever they like
            invalid = self._invalid(file, error, tracer)
            raise invalid from invalid.__cause__
        return tracer.text

    def template(self, file: str) -> Any:
        """Load a template from the disk. Raises Django's errors."""
        for loader in self._engine.template_loaders:
            if hasattr(loader, "reset"):
                loader.reset()
        return self._engine.get_template(file)

    def source(self, file: str) -> str | None:
        for loader in _inner_loaders(self._engine):
            for origin in loader.get_template_sources(file):
                with suppress(TemplateDoesNotExist, OSError, UnicodeDecodeError):
                    return plain(loader.get_contents(origin))
        return None

    def find_variables(self, files: Sequence[str]) -> Variables:
        registers = (
            *(register for _, register in self._tag_libraries()),
            *self._engine.template_builtins,
        )
        filters = {
            name: function for register in registers for name, function in register.filters.items()
        }
        return find_variables(files, self.source, filters)

    def _invalid(self, file: str, error: Exception, tracer: DjangoTracer) -> TemplateInvalid:
        origin, token = _place(error, tracer)
        kind, reason, fix = self._explain(error)
        invalid = TemplateInvalid(
            plain(origin.name) if origin else file, token.lineno if token else None, reason
        )
        invalid.column = tracer.column(origin, token) if origin and token else None
        failed = tracer.failed[1] if tracer.failed else None
        invalid.by_itself = isinstance(error, NoReverseMatch) and _is_constant(failed)
        invalid.__cause__ = error if limit_of(error) else EngineFault(self.name, kind, fix)
        return invalid

    def _explain(self, error: Exception) -> tuple[FaultKind, str, str]:
        said = plain(str(error))
        match error:
            case TemplateDoesNotExist():
                folders = template_folders(self._engine)
                names = (
                    file.relative_to(folder).as_posix()
                    for folder in folders
                    for file in folder.rglob("*.*")
                )
                meant = did_you_mean_file(said, names)
                fix = meant or "Check the name, and that one of Django's loaders finds the file."
                return "missing-template", f"there is no template {said}", fix
            case TemplateSyntaxError():
                kind, fix = self._of_syntax(said)
                return (
                    kind,
                    _HINT_IN_MESSAGE.sub("", _PLACE_IN_MESSAGE.sub("", said)).rstrip(". "),
                    fix,
                )
            case RecursionError():
                return (
                    "error",
                    "Templates include each other in a circle",
                    "Remove one of the includes.",
                )
            case NoReverseMatch():
                fix = "Check the name and the arguments against the project's URLs."
            case _:
                fix = "Check what this line does with its values."
        return "error", f"{type(error).__name__}: {said.rstrip('.')}", fix

    def _of_syntax(self, said: str) -> tuple[FaultKind, str]:
        if tag := _UNKNOWN_TAG.search(said):
            return "unknown-tag", self._where_it_is(tag[1], "tags")
        if filter_ := _UNKNOWN_FILTER.search(said):
            return "unknown-filter", self._where_it_is(filter_[1], "filters")
        if library := _UNKNOWN_LIBRARY.search(said):
            meant = did_you_mean(library[1] or "", self._engine.libraries)
            return "unknown-library", meant or "Check that its app is in INSTALLED_APPS."
        return "syntax", "Correct the tag here."

    def _where_it_is(self, name: str, kind: str) -> str:
        """Suggest the library of a tag or filter, or a similar name."""
        libraries = dict(self._tag_libraries())
        if having := [
            library for library, register in libraries.items() if name in getattr(register, kind)
        ]:
            return f"Write {{% load {having[0]} %}} above it."
        builtins = (each for one in self._engine.template_builtins for each in getattr(one, kind))
        known = {
            *builtins,
            *(each for register in libraries.values() for each in getattr(register, kind)),
        }
        return (
            did_you_mean(name, known)
            or "Check its spelling, and that its app is in INSTALLED_APPS."
        )

    def _tag_libraries(self) -> Iterator[tuple[str, Any]]:
        for name, module in self._engine.libraries.items():
            try:
                yield name, import_module(module).register
            except Exception:  # noqa: BLE001, S112 - a broken package cannot be suggested
                continue


def _place(error: Exception, tracer: DjangoTracer) -> tuple[Any, Any]:
    token, debug = getattr(error, "token", None), getattr(error, "template_debug", None)
    if isinstance(error, TemplateSyntaxError) and token is not None and debug:
        return Origin(debug["name"]), token
    if tracer.failed and tracer.failed[0] is error:
        node = tracer.failed[1]
        return getattr(node, "origin", None), getattr(node, "token", None)
    return None, None


def _is_constant(node: Any) -> bool:
    """Tell whether this is a `{% url %}` without variables, which fails with any values."""
    given = (node.view_name, *node.args, *node.kwargs.values()) if isinstance(node, URLNode) else ()
    are_variables = [
        is_variable for one in given for _, arguments in one.filters for is_variable, _ in arguments
    ]
    return bool(given) and not any((*are_variables, *(one.is_var for one in given)))


def template_folders(engine: Any) -> list[Path]:
    named = (
        Path(folder)
        for loader in _inner_loaders(engine)
        for folder in getattr(loader, "get_dirs", list)()
    )
    return list(dict.fromkeys(folder.resolve() for folder in named if folder.is_dir()))


def _inner_loaders(engine: Any) -> Iterator[Any]:
    return (
        inner
        for loader in engine.template_loaders
        for inner in getattr(loader, "loaders", [loader])
    )
