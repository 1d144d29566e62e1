"""What is checked: a folder of templates, and what each of them is rendered with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
from jinja2 import ChoiceLoader, Environment, Undefined

from keyturn.languages import Language
from keyturn.lint.origins import with_origins
from keyturn.lint.stand_ins import StandIn, UnknownName
from keyturn.mail.render import EmailProps, Templates
from keyturn.mail.samples import read_plain_samples, read_samples


@dataclass(frozen=True, slots=True)
class Sample:
    """`known` tells that the values are all there is: a name that is not among them is a mistake."""

    name: str
    values: Mapping[str, object]
    typed: bool = False
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """`props` are the typed props by template; a template without any is given the plain values of its samples.

    A template without samples is rendered once, with stand-ins for all that it prints. `environment` is the Jinja
    environment that renders them, where they need more than Keyturn's own.
    """

    templates: Templates
    languages: tuple[Language, ...]
    props: Mapping[str, type[EmailProps]] = field(default_factory=dict)
    environment: Environment | None = None

    def names(self) -> list[str]:
        return self.templates.names()

    def samples(self, template: str) -> Iterator[Sample]:
        """Yield the samples of a template. Raises TemplateInvalid where they cannot be read."""
        if template in self.props:
            typed = read_samples(self.templates.folder, self.props[template])
            for name, props in typed.items():
                yield Sample(name, msgspec.structs.asdict(props), typed=True)
            return
        plain = read_plain_samples(self.templates.folder, template)
        if not plain:
            yield Sample("without samples", {}, known=False)
        for name, values in plain.items():
            yield Sample(name, values)

    def renderers(self) -> Callable[[Sample], Templates]:
        """Return what gives a sample its templates, with origins, and as strict about names as the sample allows."""
        typed = self.templates.prepared(with_origins)
        plain = self.templates.prepared(lambda given: self._tolerant(given, UnknownName))
        guessing = self.templates.prepared(lambda given: self._tolerant(given, StandIn))
        return lambda sample: typed if sample.typed else plain if sample.known else guessing

    def _tolerant(self, given: Environment, undefined: type[Undefined]) -> Environment:
        if self.environment is None:
            traced = with_origins(given)
        else:
            traced = with_origins(self.environment)
            loaders = (loader for loader in (given.loader, self.environment.loader) if loader)
            traced.loader = ChoiceLoader(list(loaders))
        if self.environment is None or undefined is StandIn:
            traced.undefined = undefined
        return traced
