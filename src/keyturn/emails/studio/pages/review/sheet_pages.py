"""The page of the contact sheet."""

import asyncio

from litestar import Response, get
from litestar.di import NamedDependency, Provide

from keyturn.emails.gallery import Gallery
from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.review.contact_sheet import (
    SAMPLES,
    SCHEMES,
    SheetView,
    explore,
    read_sheet_view,
    sections,
)
from keyturn.emails.studio.view import View


@get("/sheet", dependencies={"sheet": Provide(read_sheet_view, sync_to_thread=False)})
async def contact_sheet(
    sheet: NamedDependency[SheetView], gallery: NamedDependency[Gallery], layout: NamedDependency[Layout]
) -> Response[str]:
    """Show every template by its samples, widths and schemes, as far as they are asked for."""
    unexplored = await asyncio.to_thread(explore, gallery, sheet) if sheet.samples == "branches" else 0
    found = sections(gallery.entries(), sheet)
    context = {
        "view": View(pane=sheet.pane),
        "address": sheet,
        "sheet": sheet,
        "sections": found,
        "unexplored": unexplored,
        "count": sum(len(strip.cells) for section in found for strip in section.strips),
        "schemes": SCHEMES,
        "sample_choices": SAMPLES,
        "language_choices": [(str(each), str(each)) for each in gallery.languages.known],
        "sandbox": frames.PREVIEW,
    }
    return layout.page("sheet.html", context)


HANDLERS = (contact_sheet,)
