"""A folder of Liquid, and what is set about it -> a Gallery."""

from pathlib import Path

from jinja2 import Environment

from keyturn.emails.engines.not_drawn import open_not_drawn
from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.configuration import StudioSettings
from keyturn.emails.gallery.links import BoundedLoader, bounds_of
from keyturn.emails.gallery.opening import OtherEngine, open_gallery
from keyturn.errors import ExtraMissing
from keyturn.languages import Language
from keyturn.packaging import requires_extra

_SUFFIXES = (".liquid",)
_ITSELF = "Drawing templates of Liquid"


def open_liquid(
    directory: Path, settings: StudioSettings | None = None, *, sandboxed: bool = True, is_needed: bool = True
) -> Gallery:
    """Return the gallery over a folder of Liquid. Where it is `sandboxed`, links lead nowhere out of it.

    Raises ExtraMissing where there is no python-liquid; where that is not needed, each template says so instead.
    """
    folder = directory.resolve()
    try:
        other = _engine_of(folder, bounds_of(folder) if sandboxed else None)
    except ExtraMissing as missing:
        if is_needed:
            raise
        sentence = str(missing)
        return open_not_drawn(
            directory,
            settings,
            name="Liquid",
            suffixes=_SUFFIXES,
            why_not=lambda _: (sentence, None),
            fix="Install it where this runs, and start it again.",
            sandboxed=sandboxed,
        )
    return open_gallery(directory, settings=settings, sandboxed=sandboxed, other=other)


def _engine_of(folder: Path, bounds: Path | None) -> OtherEngine:
    with requires_extra("liquid", _ITSELF):
        from keyturn.emails.engines.liquid.engine import LiquidEngine
        from keyturn.emails.engines.liquid.templates import LiquidTemplates, partials_meant_by
        from keyturn.emails.engines.liquid.trees import LiquidTrees

    templates = LiquidTemplates(folder, bounds)

    def make_trees(_: Language) -> Environment:
        trees = LiquidTrees(loader=BoundedLoader(folder, bounds))
        trees.filters = {**trees.filters, **dict.fromkeys(("date", "money"), str)}  # known by what they are made of
        trees.globals = {**trees.globals, **dict.fromkeys(("dir", "lang", "now", "today"))}
        trees.tree_of, trees.find_file = templates.tree, templates.find
        return trees

    return OtherEngine(LiquidEngine(templates), make_trees, _SUFFIXES, partials_meant_by)
