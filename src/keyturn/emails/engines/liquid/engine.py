"""Templates rendered by Liquid."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Self

from keyturn.emails.engines.liquid.faults import Faults
from keyturn.emails.engines.liquid.templates import LiquidTemplates
from keyturn.emails.engines.liquid.tracing import Tracer, with_undefined
from keyturn.emails.lint.limits import limit_of
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language


class LiquidEngine:
    """Renders the templates of a folder with python-liquid."""

    name = "Liquid"

    def __init__(self, templates: LiquidTemplates) -> None:
        self._templates = templates
        self._faults = Faults(templates)

    def render(self, file: str, values: Mapping[str, Any], language: Language) -> str:
        tracer, of_language = Tracer(), {"lang": language.tag, "dir": language.direction}  # as Jinja's are given
        try:
            with tracer.tracing():
                text = self._templates.get(file).template.render({**of_language, **values})
        except Exception as error:
            if limit_of(error) or isinstance(error, UnicodeDecodeError | OSError):
                raise TemplateInvalid(str(self._templates.folder / file), None, str(error)) from error
            invalid = self._faults.of_drawing(error, file, tracer)
            raise invalid from invalid.__cause__
        return with_undefined(text, tracer)

    @property
    def filters(self) -> Collection[str]:
        return self._templates.environment.filters

    def unknown_names(self, file: str) -> Iterable[TemplateInvalid]:
        return self._faults.of_names(file)

    def with_draft(self, file: str, text: str) -> Self:
        return type(self)(self._templates.with_draft(file, text))
