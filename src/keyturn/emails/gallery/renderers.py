"""Which templates draw a sample: as strict about unknown names as what is known of its values allows."""

from collections.abc import Callable, Mapping
from functools import partial

from jinja2 import Environment, StrictUndefined, Undefined

from keyturn.emails.gallery.placeholders.stand_ins import StandIn, UnknownName
from keyturn.emails.gallery.samples.sample import Sample
from keyturn.mail.rendering.render import Templates

_UNKNOWN: Mapping[str, type[Undefined]] = {"typed": StrictUndefined, "plain": UnknownName, "guessed": StandIn}


class Renderers:
    """`brands` are the globals of each brand by its name; `prepare` is done to each Jinja environment."""

    def __init__(
        self, templates: Templates, brands: Mapping[str, Mapping[str, object]],
        prepare: Callable[[Environment], Environment],
    ) -> None:  # fmt: skip
        self._templates = templates
        self._brands = brands
        self._prepare = prepare
        self._known: dict[tuple[str, str], Templates] = {}

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
            return self._templates
        if brand not in self._brands:
            raise LookupError(f"There is no brand called {brand}.")
        return self._templates.with_globals(self._brands[brand])

    def _with_undefined(self, undefined: type[Undefined], environment: Environment) -> Environment:
        prepared = self._prepare(environment)
        prepared.undefined = undefined
        return prepared
