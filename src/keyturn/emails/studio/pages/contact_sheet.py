"""The contact sheet: every template by its samples, widths and schemes, on one page."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import Literal

from litestar import Response, get
from litestar.di import NamedDependency

from keyturn.emails.gallery import Entry, Gallery
from keyturn.emails.studio import frames
from keyturn.emails.studio.pages.layout import Layout, provide_address
from keyturn.emails.studio.pages.tree import in_order, matches
from keyturn.emails.studio.view import PageAddress, Scheme, View

SAMPLES = {"first": "First sample", "all": "All samples", "branches": "Branches too", "hostile": "Hostile ones too"}
SCHEMES: Mapping[Scheme, str] = {
    "light": "Light",
    "dark": "Dark",
    "partial": "Outlook.com",
    "full": "Gmail iOS",
    "word": "Word",
}

_LONGEST = 5.0
"""Seconds that the page waits for a search for branches."""

_WIDTHS: tuple[Literal[320, 375, 600, 1280], ...] = (375, 600)
_SCHEMES: tuple[Scheme, ...] = ("light", "dark")


class SheetView(PageAddress, frozen=True, kw_only=True, omit_defaults=True):
    """The query of the sheet: what it shows. Without `lang`: the default language."""

    find: str = ""
    width: tuple[Literal[320, 375, 600, 1280], ...] = _WIDTHS
    scheme: tuple[Scheme, ...] = _SCHEMES
    lang: tuple[str, ...] = ()
    samples: Literal["first", "all", "branches", "hostile"] = "first"
    remote: str = ""
    pane: Literal["list", "mail"] = "mail"


def explore(gallery: Gallery, view: SheetView) -> int:
    """Search the templates of the sheet for branches, for some seconds; return how many templates are left."""
    until = monotonic() + _LONGEST
    names = [entry.name for entry in gallery.entries() if matches(view.find, entry.name)]
    for done, name in enumerate(names):
        if monotonic() > until:
            return len(names) - done
        gallery.branches(name)
    return 0


def sections(entries: Sequence[Entry], view: SheetView) -> dict[str, dict[str, list[View]]]:
    """Return the mails of the sheet, by template and sample."""
    matching = (entry for entry in in_order(entries) if matches(view.find, entry.name))
    return {entry.name: {sample: list(_views(sample, view)) for sample in _samples(entry, view)} for entry in matching}


def _samples(entry: Entry, view: SheetView) -> Sequence[str]:
    more = {"branches": entry.branches, "hostile": entry.hostile}
    return entry.samples[:1] if view.samples == "first" else (*entry.samples, *more.get(view.samples, ()))


def _views(sample: str, view: SheetView) -> Iterator[View]:
    for lang in sorted(set(view.lang)) or [""]:
        for width in sorted(set(view.width)):
            for scheme in dict.fromkeys(view.scheme):
                yield View(sample=sample, lang=lang, width=width, scheme=scheme, remote=view.remote)


@get("/sheet", dependencies={"sheet": provide_address(SheetView)})
async def contact_sheet(
    sheet: NamedDependency[SheetView], gallery: NamedDependency[Gallery], layout: NamedDependency[Layout]
) -> Response[str]:
    unexplored = await asyncio.to_thread(explore, gallery, sheet) if sheet.samples == "branches" else 0
    shown = sections(gallery.entries(), sheet)
    context = {
        "view": View(pane=sheet.pane),
        "address": sheet,
        "sheet": sheet,
        "sections": shown,
        "unexplored": unexplored,
        "count": sum(len(views) for samples in shown.values() for views in samples.values()),
        "schemes": SCHEMES,
        "sample_choices": SAMPLES,
        "language_choices": [(str(each), str(each)) for each in gallery.languages.known],
        "sandbox": frames.PREVIEW,
    }
    return layout.page("sheet.html", context)


HANDLERS = (contact_sheet,)
