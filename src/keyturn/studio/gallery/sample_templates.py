"""The templates that render samples: what a sample may leave open depends on its kind."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jinja2 import BaseLoader, Environment, FunctionLoader, Undefined
from msgspec import Struct

from keyturn.errors import UnknownMail
from keyturn.mail.rendering.render import Templates
from keyturn.studio.gallery.branches.forcing import Way, on_way, with_forcing
from keyturn.studio.gallery.samples import Sample
from keyturn.studio.gallery.syntax_trees import Prepare
from keyturn.studio.gallery.variables.missing_names import MissingName, StandIn, UndescribedName
from keyturn.studio.gallery.variables.unpacking import with_shaped_answers

_UNKNOWN: Mapping[str, type[Undefined]] = {
    "typed": UndescribedName,
    "plain": MissingName,
    "guessed": StandIn,
}


class Draft(Struct, frozen=True):
    """The text of a file that its author has not saved."""

    file: str
    text: str


class _Variant(NamedTuple):
    """What a set of templates depends on. `forces`: it can take branches that values leave out."""

    kind: str
    brand: str
    forces: bool


@dataclass(eq=False)
class SampleTemplates:
    """Makes the templates for samples, once for those that can share them.

    `brands`: globals by the name of a brand. `prepare`: changes each environment.
    `is_forcing`: samples that force no branches share the templates of those that do.
    """

    templates: Templates
    brands: Mapping[str, Mapping[str, object]]
    draft: Draft | None
    prepare: Prepare | None
    is_forcing: bool
    _made: dict[_Variant, Templates] = field(default_factory=dict, init=False)

    def __call__(self, sample: Sample, brand: str = "") -> Templates:
        """Return the templates for a sample. Raises UnknownMail for an unknown brand."""
        variant = _Variant(sample.kind, brand, self.is_forcing or bool(sample.forced))
        if variant not in self._made:
            self._made[variant] = self._make(variant)
        templates = self._made[variant]
        if sample.forced:
            return replace(templates, around=lambda: on_way(Way(sample.forced)))
        return templates

    def _make(self, variant: _Variant) -> Templates:
        templates = self.templates.with_preparation(partial(self._prepared, variant))
        if not variant.brand:
            return templates
        if variant.brand not in self.brands:
            raise UnknownMail(f"There is no brand called {variant.brand}.")
        return templates.with_globals(self.brands[variant.brand])

    def _prepared(self, variant: _Variant, environment: Environment) -> Environment:
        if self.draft and environment.loader:
            file = self.templates.folders / self.draft.file
            environment.loader = _with_draft(environment.loader, environment, file, self.draft.text)
        # First, as it takes away the environment's own cache, and `prepare` may bring another.
        environment = with_shaped_answers(environment)
        if self.prepare:
            environment = self.prepare(environment)
        if variant.forces:
            environment = with_forcing(environment)
        environment.undefined = _UNKNOWN[variant.kind]
        return environment


def _with_draft(loader: BaseLoader, environment: Environment, file: Path, text: str) -> BaseLoader:
    """Return a loader that has the text in place of that of the file."""

    def load(name: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, path, is_current = loader.get_source(environment, name)
        if path and os.path.realpath(path) == os.path.realpath(file):
            return text, path, None
        return source, path, is_current

    return FunctionLoader(load)
