"""Which templates draw a sample: as strict about unknown names as what is known of its values allows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from jinja2 import Environment, Undefined

from keyturn.emails.gallery.placeholders.missing_names import MissingName, UndescribedName
from keyturn.emails.gallery.placeholders.stand_ins import StandIn
from keyturn.emails.gallery.samples.sample import Sample
from keyturn.mail.rendering.render import Templates

_UNKNOWN: Mapping[str, type[Undefined]] = {"typed": UndescribedName, "plain": MissingName, "guessed": StandIn}


@dataclass(frozen=True)
class Renderers:
    """Makes the templates of a folder, for each brand.

    `brands` are the globals of each brand by its name; `prepare` is done to each Jinja environment.
    """

    templates: Templates
    brands: Mapping[str, Mapping[str, object]]
    prepare: Callable[[Environment], Environment]
    _known: dict[tuple[str, str], Templates] = field(default_factory=dict)

    def __call__(self, sample: Sample, brand: str = "") -> Templates:
        """Return the templates. Raises LookupError where there is no such brand."""
        key = (sample.kind, brand)
        if key not in self._known:
            self._known[key] = self._templates_of_brand(brand).with_preparation(
                partial(self._with_undefined, _UNKNOWN[sample.kind])
            )
        return self._known[key]

    def _templates_of_brand(self, brand: str) -> Templates:
        if not brand:
            return self.templates
        if brand not in self.brands:
            raise LookupError(f"There is no brand called {brand}.")
        return self.templates.with_globals(self.brands[brand])

    def _with_undefined(self, undefined: type[Undefined], environment: Environment) -> Environment:
        prepared = self.prepare(environment)
        prepared.undefined = undefined
        return prepared
