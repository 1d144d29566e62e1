"""Renders templates with python-liquid, and explains its errors with file, line, column and a fix.

Tags and filters that hosts add to Liquid (hosts.toml) are no mistakes, but are missing here.
"""

import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from liquid.exceptions import (
    ContextDepthError,
    LiquidError,
    LiquidSyntaxError,
    LiquidValueError,
    ResourceLimitError,
    TemplateNotFoundError,
)
from liquid.token import Token

from keyturn.emails.engines.liquid.templates import LinkLeadsOut, LiquidTemplates
from keyturn.emails.engines.liquid.tracing import LiquidTracer, start_of
from keyturn.emails.lint.finding import did_you_mean, limit_of, line_and_column
from keyturn.emails.lint.source.traced_text import with_undefined
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.engine import EngineFault, FaultKind
from keyturn.plain_files import paths_below

_NAME = "Liquid"
_HOSTS = tomllib.loads(Path(__file__).with_name("hosts.toml").read_text("utf-8"))
_CLOSE = 0.75
_OF_A_HOST = (
    "The mail shows the value without the filter. Write the value into the sample as readers should see it, or switch "
    'this rule off with "liquid/host-filter" = "off".'
)
_TAG_OF_A_HOST = (
    'The mail leaves the tag out, and shows its content. Switch this rule off with "liquid/host-tag" = "off".'
)


class LiquidEngine:
    name = _NAME

    def __init__(self, templates: LiquidTemplates) -> None:
        self._templates = templates

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        tracer = LiquidTracer(partial(self._explain, file))
        of_language = {"lang": language.tag, "dir": language.direction}  # as for Jinja
        try:
            with tracer.tracing():
                text = self._templates.get(file).template.render({**of_language, **values})
        except Exception as error:
            if limit_of(error) or isinstance(error, UnicodeDecodeError | OSError):
                raise TemplateInvalid(str(self._templates.folder / file), None, str(error)) from error
            invalid = self._explain(file, error, tracer)
            raise invalid from invalid.__cause__
        return with_undefined(text, tracer.undefined)

    @property
    def filters(self) -> Collection[str]:
        return self._templates.environment.filters

    def with_draft(self, file: str, text: str) -> Self:
        return type(self)(self._templates.with_draft(file, text))

    def _explain(self, file: str, error: Exception, tracer: LiquidTracer) -> TemplateInvalid:
        token: Token | None = getattr(error, "token", None)
        if tracer.failed and tracer.failed[0] is error:
            _, file, token = tracer.failed
        elif token and token.start_index < 0:
            token = None
        file = (token and self._templates.file_of(token.source)) or str(getattr(error, "template_name", "") or file)
        return self._invalid(file, lambda column: self._fault(error, column, token), token)

    def unknown_names(self, file: str) -> Iterator[TemplateInvalid]:
        """Yield each unknown filter and tag of a file, which have no effect."""
        try:
            parsed = self._templates.get(file)
        except (LiquidError, OSError, UnicodeDecodeError):  # another check reports it
            return
        environment = self._templates.environment
        told = set[str]()
        for token in parsed.filters:
            name = token.value
            if name not in environment.filters and name not in told:
                told |= {name} if _host_of("filters", name) else set()  # a filter of a host is reported once
                yield self._invalid(file, partial(_filter_fault, token.value, environment.filters), token)
        opened = {f"end{token.value}" for token in parsed.unknown_tags}
        for token in parsed.unknown_tags:
            if token.value not in opened:
                yield self._invalid(file, partial(_tag_fault, token.value, environment.known_tags), token)

    def _fault(self, error: Exception, column: int | None, token: Token | None) -> EngineFault:
        rule: FaultKind = "error"
        fix = "Check what this line does with its values."
        match error:
            case TemplateNotFoundError():
                name = str(error.args[0]) if error.args else ""
                rule, reason, fix = "missing-template", f"there is no partial {name}", self._fix_of_partial(name)
            case LinkLeadsOut():
                rule, reason, fix = (
                    "missing-template",
                    str(error.message),
                    "Put the file itself into the folder, not a link.",
                )
            case ContextDepthError():
                rule, reason, fix = "limit", "partials include each other in a circle", "Remove one of the includes."
            case ResourceLimitError():
                fix = "Limit the loop, or the text that it appends."
                rule, reason = "limit", str(error.message)
            case LiquidSyntaxError() if not isinstance(error, LiquidValueError):
                rule, reason, fix = "syntax", str(error.message), "Correct the tag here."
            case LiquidError():
                reason = str(error.message)
            case RecursionError():
                reason = "the template is nested too deeply"
            case _:
                reason = f"{type(error).__name__}: {error}"
        if rule == "error" and self._divides_by_zero(token):
            return EngineFault(_NAME, rule, reason, "Divide by another number than zero.", column, by_itself=True)
        return EngineFault(_NAME, rule, reason, fix, column)

    def _divides_by_zero(self, token: Token | None) -> bool:
        """Tell whether this filter, or a filter in this tag, divides by a literal zero."""
        file = token and self._templates.file_of(token.source)
        return bool(token and file and token.start_index in self._templates.get(file).zero_divisions)

    def _fix_of_partial(self, name: str) -> str:
        folder = self._templates.folder
        stems = {file.name.partition(".")[0].lstrip("_"): file for file in paths_below(folder) if file.is_file()}
        meant = did_you_mean(name.rpartition("/")[2], stems)
        return meant or "Put partials into the folder, such as snippets/NAME.liquid."

    def _invalid(self, file: str, fault: Callable[[int | None], EngineFault], token: Token | None) -> TemplateInvalid:
        line, column = line_and_column(token.source, start_of(token)) if token and token.source else (None, None)
        cause = fault(column)
        invalid = TemplateInvalid(str(self._templates.folder / file), line, cause.message)
        invalid.__cause__ = cause
        return invalid


def _filter_fault(name: str, known: Iterable[str], column: int | None) -> EngineFault:
    if host := _host_of("filters", name):
        return EngineFault(_NAME, "host-filter", f"the filter '{name}' exists only at {host}", _OF_A_HOST, column)
    fix = _spelling(name, known, "The mail shows the value without the filter.")
    return EngineFault(_NAME, "unknown-filter", f"there is no filter '{name}'", fix, column)


def _tag_fault(name: str, known: Iterable[str], column: int | None) -> EngineFault:
    if host := _host_of("tags", name):
        said = f"the tag {{% {name} %}} exists only at {host}"
        return EngineFault(_NAME, "host-tag", said, _TAG_OF_A_HOST, column)
    fix = _spelling(name, known, "The mail leaves it out.")
    return EngineFault(_NAME, "unknown-tag", f"there is no tag {{% {name} %}}", fix, column)


def _spelling(name: str, known: Iterable[str], meanwhile: str) -> str:
    return did_you_mean(name, known, _CLOSE, f"Did you mean {{}}? {meanwhile}") or f"Check its spelling. {meanwhile}"


def _host_of(kind: Literal["filters", "tags"], name: str) -> str:
    return next((host for host, names in _HOSTS[kind].items() if name in names), "")
