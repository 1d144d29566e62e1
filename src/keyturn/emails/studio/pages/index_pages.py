"""The index that the palette searches."""

from typing import Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency

from keyturn.emails.gallery import Gallery
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.tree import in_order
from keyturn.emails.studio.view import View


class Item(msgspec.Struct, frozen=True):
    """Something that can be gone to. `label` is what is searched."""

    kind: Literal["Template", "Sample", "Shared file", "Page"]
    label: str
    href: str


@get("/index.json", sync_to_thread=False)
def index(
    view: NamedDependency[View], gallery: NamedDependency[Gallery], layout: NamedDependency[Layout]
) -> list[Item]:
    """Return all that the folder holds. A mail is shown as the page shows it on which it is looked for."""
    entries = in_order(gallery.entries())
    anew = View(**{name: getattr(view, name) for name in ("lang", "brand", "dir", "width", "scheme", "images", "tab")})
    return [
        *(Item("Template", entry.name, layout.url("templates", entry.name, view=anew)) for entry in entries),
        *(
            Item("Sample", f"{entry.name} / {sample}", layout.url("templates", entry.name, view=anew.to(sample=sample)))
            for entry in entries
            for sample in (*entry.samples, *entry.branches)
        ),
        *(Item("Shared file", file, layout.url("files", file, view=anew)) for file in gallery.shared_files()),
        *(Item("Page", label, layout.url("pages", name, view=anew)) for name, label, _ in layout.page_states),
    ]


HANDLERS = (index,)
