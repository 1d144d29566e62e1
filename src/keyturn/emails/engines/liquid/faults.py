"""What python-liquid says of a template that it cannot draw, with its file, line and column, and what mends it."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import partial

from liquid.exceptions import (
    ContextDepthError,
    LiquidError,
    LiquidSyntaxError,
    LiquidValueError,
    ResourceLimitError,
    TemplateNotFoundError,
)
from liquid.token import Token

from keyturn.emails.engines.liquid.hosts import host_of_filter, host_of_tag
from keyturn.emails.engines.liquid.templates import LinkLeadsOut, LiquidTemplates
from keyturn.emails.engines.liquid.tracing import Tracer, start_of
from keyturn.emails.lint.finding import line_and_column
from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.engine import EngineFault
from keyturn.plain_files import paths_below

_NAME = "Liquid"
_CLOSE = 0.75
_ITS_FILTERS = "Its value stands here as it came. {}"
_OF_A_HOST = (
    "Its value stands here as it came: write it into the sample as it is to be read, or leave the rule out by "
    '"liquid/host-filter" = "off".'
)
_TAG_OF_A_HOST = 'Nothing stands here for it; what is in it is drawn. "liquid/host-tag" = "off" leaves the rule out.'


class Faults:
    """Tells what is wrong with the templates of a folder."""

    def __init__(self, templates: LiquidTemplates) -> None:
        self._templates = templates

    def of_drawing(self, error: Exception, file: str, tracer: Tracer) -> TemplateInvalid:
        """Return what kept a template from being drawn, by what python-liquid raised for it."""
        token: Token | None = getattr(error, "token", None)
        if tracer.failed and tracer.failed[0] is error:
            _, file, token = tracer.failed
        elif token and token.start_index < 0:
            token = None
        file = (token and self._templates.file_of(token.source)) or str(getattr(error, "template_name", "") or file)
        return self._invalid(file, lambda column: self._fault(error, column, token), token)

    def of_names(self, file: str) -> Iterator[TemplateInvalid]:
        """Yield each filter and tag of a file that there is not: they leave everything as it is."""
        try:
            parsed = self._templates.get(file)
        except (LiquidError, OSError, UnicodeDecodeError):  # told as what it is
            return
        environment = self._templates.environment
        told = set[str]()
        for token in parsed.filters:
            name = token.value
            if name not in environment.filters and name not in told:
                told |= {name} if host_of_filter(name) else set()  # once is enough of what is no mistake
                yield self._invalid(file, partial(_of_filter, token.value, environment.filters), token)
        opened = {f"end{token.value}" for token in parsed.unknown_tags}
        for token in parsed.unknown_tags:
            if token.value not in opened:
                yield self._invalid(file, partial(_of_tag, token.value, environment.known_tags), token)

    def _fault(self, error: Exception, column: int | None, token: Token | None) -> EngineFault:
        match error:
            case TemplateNotFoundError():
                name = str(error.args[0]) if error.args else ""
                return EngineFault(
                    _NAME, "missing-template", f"there is no partial {name}", self._fix_of_partial(name), column
                )
            case LinkLeadsOut():
                return EngineFault(
                    _NAME, "missing-template", str(error.message), "Put the file itself into the folder.", column
                )
            case ContextDepthError():
                return EngineFault(
                    _NAME, "limit", "partials bring in each other without end", "Open the circle.", column
                )
            case ResourceLimitError():
                fix = "No mail needs that much: bound the loop, or what is appended in it."
                return EngineFault(_NAME, "limit", str(error.message), fix, column)
            case LiquidSyntaxError() if not isinstance(error, LiquidValueError):
                return EngineFault(_NAME, "syntax", str(error.message), "Mend the tag at this place.", column)
            case LiquidError():
                reason = str(error.message)
            case RecursionError():
                reason = "the template is nested too deeply"
            case _:
                reason = f"{type(error).__name__}: {error}"
        if self._divides_by_zero(token):
            return EngineFault(_NAME, "error", reason, "Divide by what is not zero.", column, by_itself=True)
        return EngineFault(_NAME, "error", reason, "Look at what this line does with its values.", column)

    def _divides_by_zero(self, token: Token | None) -> bool:
        """Tell whether a zero stands behind this filter, or in the tag, where python-liquid names no filter."""
        file = token and self._templates.file_of(token.source)
        return bool(token and file and token.start_index in self._templates.get(file).zero_divisions)

    def _fix_of_partial(self, name: str) -> str:
        folder = self._templates.folder
        stems = {file.name.partition(".")[0].lstrip("_"): file for file in paths_below(folder) if file.is_file()}
        close = get_close_matches(name.rpartition("/")[2], stems, n=1)
        return f"Did you mean {close[0]}?" if close else "Partials lie in the folder, as snippets/NAME.liquid."

    def _invalid(self, file: str, fault: Callable[[int | None], EngineFault], token: Token | None) -> TemplateInvalid:
        line, column = line_and_column(token.source, start_of(token)) if token and token.source else (None, None)
        cause = fault(column)
        invalid = TemplateInvalid(str(self._templates.folder / file), line, cause.message)
        invalid.__cause__ = cause
        return invalid


def _of_filter(name: str, known: Iterable[str], column: int | None) -> EngineFault:
    if host := host_of_filter(name):
        return EngineFault(
            _NAME, "host-filter", f"'{name}' is a filter of {host}'s, which Liquid lacks", _OF_A_HOST, column
        )
    close = get_close_matches(name, known, n=1, cutoff=_CLOSE)
    fix = f"Did you mean {close[0]}?" if close else "Check its spelling."
    return EngineFault(_NAME, "unknown-filter", f"there is no filter '{name}'", _ITS_FILTERS.format(fix), column)


def _of_tag(name: str, known: Iterable[str], column: int | None) -> EngineFault:
    if host := host_of_tag(name):
        said = f"{{% {name} %}} is a tag of {host}'s, which Liquid lacks"
        return EngineFault(_NAME, "host-tag", said, _TAG_OF_A_HOST, column)
    close = get_close_matches(name, known, n=1, cutoff=_CLOSE)
    fix = f"Did you mean {close[0]}?" if close else "Check its spelling."
    return EngineFault(
        _NAME, "unknown-tag", f"there is no tag {{% {name} %}}", f"Nothing stands here for it. {fix}", column
    )
