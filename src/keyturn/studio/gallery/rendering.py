"""Templates for each kind of sample: strict about unknown names, or lenient with guessed values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from jinja2 import Environment, Undefined

from keyturn.errors import UnknownMail
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery.branches.forcing import Way, on_way, with_forcing
from keyturn.studio.gallery.environments import Prepare
from keyturn.studio.gallery.samples import Sample
from keyturn.studio.gallery.variables.missing_names import MissingName, UndescribedName
from keyturn.studio.gallery.variables.stand_in import StandIn

_UNKNOWN: Mapping[str, type[Undefined]] = {"typed": UndescribedName, "plain": MissingName, "guessed": StandIn}


@dataclass(frozen=True)
class Renderers:
    """Makes templates for kinds of samples and brands. `is_forcing`: all samples share those that force branches."""

    templates: Templates
    brands: Mapping[str, Mapping[str, object]]
    prepare: Prepare
    is_forcing: bool = False
    _known: dict[tuple[str, str, bool], Templates] = field(default_factory=dict)

    def __call__(self, sample: Sample, brand: str = "") -> Templates:
        """Return the templates for a sample. Raises LookupError for an unknown brand."""
        is_forcing = bool(sample.forced) or self.is_forcing
        key = (sample.kind, brand, is_forcing)
        if key not in self._known:
            if brand and brand not in self.brands:
                raise UnknownMail(f"There is no brand called {brand}.")
            templates = self.templates.with_globals(self.brands[brand]) if brand else self.templates
            self._known[key] = templates.with_preparation(partial(self._prepared, sample.kind, is_forcing))
        templates = self._known[key]
        return replace(templates, around=lambda: on_way(Way(sample.forced))) if sample.forced else templates

    def _prepared(self, kind: str, is_forcing: bool, environment: Environment) -> Environment:
        prepared = self.prepare(environment)
        prepared = with_forcing(prepared) if is_forcing else prepared
        prepared.undefined = _UNKNOWN[kind]
        return prepared
