"""Templates for each kind of sample: strict about unknown names, or lenient with guessed values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from jinja2 import Environment, Undefined

from keyturn.errors import UnknownMail
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery.environments import Prepare
from keyturn.studio.gallery.samples import Sample
from keyturn.studio.gallery.variables.missing_names import MissingName, UndescribedName
from keyturn.studio.gallery.variables.plausible_texts import Named, text_for

_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp")
_MAKES_LINKS = frozenset({"asset", "href", "link", "path", "reverse", "route", "static", "uri", "url"})


class StandIn(Undefined):
    """The value of a name that could not be guessed: a plausible text, true, a list of one, and a function."""

    __slots__ = ()

    def __str__(self) -> str:
        of = self._undefined_obj._undefined_name if isinstance(self._undefined_obj, StandIn) else ""  # noqa: SLF001 - its own kind
        named = Named(str(self._undefined_name or "text"), str(of or ""))
        return text_for(named) or str(named)

    def __html__(self) -> str:
        return str(self)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator["StandIn"]:
        yield self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._items if name == "items" else StandIn(name=name, obj=self)

    def __getitem__(self, key: object) -> Any:
        return StandIn(name=key, obj=self) if isinstance(key, str) else self

    def _items(self) -> list[tuple[str, Any]]:
        return [("name", StandIn(name="value"))]

    def _call(self, *arguments: Any, **named: Any) -> Any:
        """Return a stand-in for a result: `url_for("orders.show")` is a link with this name."""
        texts = [text for text in (*named.values(), *arguments) if isinstance(text, str)]
        picture = next((text for text in texts if text.lower().endswith(_PICTURES)), None)
        if picture:
            return StandIn(name=f"{PurePosixPath(picture).stem}_image")
        if arguments and texts and _MAKES_LINKS & {*Named(str(self._undefined_name)).words}:
            return StandIn(name=f"{texts[-1]}_url")
        return self

    __call__ = _call

    def _answer_one(self, *_: Any) -> Any:
        return 1

    def _answer_true(self, *_: Any) -> Any:
        return True

    def _answer_one_point(self) -> Any:
        return 1.0

    __float__ = _answer_one_point
    __int__ = __index__ = __round__ = _answer_one
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = __pos__ = _answer_one
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _answer_one
    __lt__ = __le__ = __gt__ = __ge__ = _answer_true


_UNKNOWN: Mapping[str, type[Undefined]] = {"typed": UndescribedName, "plain": MissingName, "guessed": StandIn}


@dataclass(frozen=True)
class Renderers:
    """Makes templates for kinds of samples and brands. `brands`: globals by name. `prepare` changes environments."""

    templates: Templates
    brands: Mapping[str, Mapping[str, object]]
    prepare: Prepare
    _known: dict[tuple[str, str], Templates] = field(default_factory=dict)

    def __call__(self, sample: Sample, brand: str = "") -> Templates:
        """Return the templates for a sample. Raises LookupError for an unknown brand."""
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
            raise UnknownMail(f"There is no brand called {brand}.")
        return self.templates.with_globals(self.brands[brand])

    def _with_undefined(self, undefined: type[Undefined], environment: Environment) -> Environment:
        prepared = self.prepare(environment)
        prepared.undefined = undefined
        return prepared
