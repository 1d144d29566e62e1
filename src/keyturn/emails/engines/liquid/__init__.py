"""Liquid, by python-liquid: the language of Shopify's notifications, of Customer.io, Klaviyo and their like.

Liquid is made for untrusted templates: expressions only reach their values, and python-liquid limits loops, depth and
length (`templates`), so a foreign folder needs no other sandbox. As in Shopify and unlike Jinja, only filters escape.

**Two trees.** python-liquid renders its own tree, whose nodes know their places (`tracing`). For variables and
branches, the template is also converted to Jinja's syntax tree (`trees`), so that `gallery/variables` and
`gallery/branches` serve both.
"""

from pathlib import Path

from jinja2 import Environment

from keyturn.emails.engines.not_drawn import open_not_drawn
from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.configuration import StudioSettings
from keyturn.emails.gallery.naming import BoundedLoader, bounds_of
from keyturn.emails.gallery.opening import OtherEngine, open_gallery
from keyturn.errors import ExtraMissing
from keyturn.languages import Language
from keyturn.packaging import requires_extra

_SUFFIXES = (".liquid",)
_ITSELF = "Rendering Liquid templates"


def open_liquid(
    directory: Path, settings: StudioSettings | None = None, *, sandboxed: bool = True, is_needed: bool = True
) -> Gallery:
    """Return the gallery over a folder of Liquid. `sandboxed`: links may not lead out of the folder.

    Raises ExtraMissing without python-liquid. If it is not needed, each template refuses to be rendered instead.
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
            fix="Install it in the environment of keyturn, and start keyturn again.",
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
        trees.filters = {**trees.filters, **dict.fromkeys(("date", "money"), str)}  # their names tell the use
        trees.globals = {**trees.globals, **dict.fromkeys(("dir", "lang", "now", "today"))}
        trees.tree_of, trees.find_file = templates.tree, templates.find
        return trees

    return OtherEngine(LiquidEngine(templates), make_trees, _SUFFIXES, partials_meant_by)
