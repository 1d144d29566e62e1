"""Renders templates with Django, and explains its errors."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

from django.template import Context, Template, TemplateDoesNotExist, TemplateSyntaxError
from django.template.base import Node, Origin, Token
from django.template.defaulttags import URLNode
from django.template.engine import Engine as ProjectsEngine
from django.template.library import Library
from django.template.loaders.base import Loader
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
    if type(value) is list:
        return _Queried(map(_as_queried, value))
    return value


class Explanation(NamedTuple):
    """Why Django cannot render a template, and how to fix it."""

    kind: FaultKind
    reason: str
    fix: str


class DjangoEngine(Engine):
    """Renders with a project's own engine. `codes`: Django's languages by tag."""

    name = "Django"

    def __init__(self, engine: ProjectsEngine, codes: Mapping[str, str]) -> None:
        engine.debug = True  # without it, tokens have no positions
        self._engine = engine
        self._codes = codes

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        tracer = DjangoTracer(partial(self._invalid, file))
        code = self._codes.get(language.tag, language.tag.lower())
        try:
            with tracer.tracing(), translation.override(code):
                context = Context(_as_queried(dict(values)), autoescape=self._engine.autoescape)
                self.template(file).render(context)
        except Exception as error:  # noqa: BLE001 - the project's own tags may raise anything
            invalid = self._invalid(file, error, tracer)
            raise invalid from invalid.__cause__
        return tracer.text

    def template(self, file: str) -> Template:
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
        filters: dict[str, Callable[..., Any]] = {}
        for library in self._libraries().values():
            filters.update(library.filters)
        for builtin in self._engine.template_builtins:
            filters.update(builtin.filters)
        return find_variables(files, self.source, filters)

    def _invalid(self, file: str, error: Exception, tracer: DjangoTracer) -> TemplateInvalid:
        kind, reason, fix = self._explain(error)
        origin, token = _place(error, tracer)
        path = plain(origin.name) if origin else file
        invalid = TemplateInvalid(path, token.lineno if token else None, reason)
        if origin and token:
            invalid.column = tracer.column(origin, token)
        if tracer.failure and isinstance(error, NoReverseMatch):
            invalid.by_itself = _is_constant(tracer.failure.node)
        invalid.__cause__ = error if limit_of(error) else EngineFault(self.name, kind, fix)
        return invalid

    def _explain(self, error: Exception) -> Explanation:
        said = plain(str(error))
        reason = f"{type(error).__name__}: {said.rstrip('.')}"
        match error:
            case TemplateDoesNotExist():
                fix = self._closest_file(said)
                fix = fix or "Check the name, and that one of Django's loaders finds the file."
                return Explanation("missing-template", f"there is no template {said}", fix)
            case TemplateSyntaxError():
                return self._explain_syntax(said)
            case RecursionError():
                reason = "Templates include each other in a circle"
                fix = "Remove one of the includes."
            case NoReverseMatch():
                fix = "Check the name and the arguments against the project's URLs."
            case _:
                fix = "Check what this line does with its values."
        return Explanation("error", reason, fix)

    def _closest_file(self, name: str) -> str:
        names = []
        for folder in template_folders(self._engine):
            for file in folder.rglob("*.*"):
                names.append(file.relative_to(folder).as_posix())
        return did_you_mean_file(name, names)

    def _explain_syntax(self, said: str) -> Explanation:
        reason = _HINT_IN_MESSAGE.sub("", _PLACE_IN_MESSAGE.sub("", said)).rstrip(". ")
        tag = _UNKNOWN_TAG.search(said)
        if tag:
            return Explanation("unknown-tag", reason, self._where_it_is(tag[1], "tags"))
        unknown_filter = _UNKNOWN_FILTER.search(said)
        if unknown_filter:
            fix = self._where_it_is(unknown_filter[1], "filters")
            return Explanation("unknown-filter", reason, fix)
        library = _UNKNOWN_LIBRARY.search(said)
        if library:
            meant = did_you_mean(library[1] or "", self._engine.libraries)
            fix = meant or "Check that its app is in INSTALLED_APPS."
            return Explanation("unknown-library", reason, fix)
        return Explanation("syntax", reason, "Correct the tag here.")

    def _where_it_is(self, name: str, kind: Literal["tags", "filters"]) -> str:
        """Suggest the library of a tag or filter, or a similar name."""
        known: set[str] = set()
        for builtin in self._engine.template_builtins:
            known.update(getattr(builtin, kind))
        for library, register in self._libraries().items():
            names = getattr(register, kind)
            if name in names:
                return f"Write {{% load {library} %}} above it."
            known.update(names)
        meant = did_you_mean(name, known)
        return meant or "Check its spelling, and that its app is in INSTALLED_APPS."

    def _libraries(self) -> Mapping[str, Library]:
        """Return the libraries of tags and filters, by name."""
        libraries = {}
        for name, module in self._engine.libraries.items():
            try:
                libraries[name] = import_module(module).register
            except Exception:  # noqa: BLE001, S112 - a broken package cannot be suggested
                continue
        return libraries


def _place(error: Exception, tracer: DjangoTracer) -> tuple[Origin | None, Token | None]:
    """Return the template with an error and its tag, as far as they are known."""
    token = getattr(error, "token", None)
    debug = getattr(error, "template_debug", None)
    if isinstance(error, TemplateSyntaxError) and token is not None and debug:
        return Origin(debug["name"]), token
    if tracer.failure and tracer.failure.error is error:
        node = tracer.failure.node
        return getattr(node, "origin", None), getattr(node, "token", None)
    return None, None


def _is_constant(node: Node) -> bool:
    """Tell whether this is a `{% url %}` without variables, which fails with any values."""
    if not isinstance(node, URLNode):
        return False
    for expression in (node.view_name, *node.args, *node.kwargs.values()):
        if expression.is_var:
            return False
        for _, arguments in expression.filters:
            if any(is_variable for is_variable, _ in arguments):
                return False
    return True


def template_folders(engine: ProjectsEngine) -> list[Path]:
    """Return the folders of the loaders, each once."""
    folders: dict[Path, None] = {}
    for loader in _inner_loaders(engine):
        for folder in getattr(loader, "get_dirs", list)():
            if Path(folder).is_dir():
                folders[Path(folder).resolve()] = None
    return list(folders)


def _inner_loaders(engine: ProjectsEngine) -> Iterator[Loader]:
    """Yield the loaders, and in place of one that caches, those behind it."""
    for loader in engine.template_loaders:
        yield from getattr(loader, "loaders", [loader])
