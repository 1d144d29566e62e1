"""The contact sheet: every template by its samples, widths and schemes, on one page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

from litestar import Request

from keyturn.emails.gallery import Entry, Gallery
from keyturn.emails.studio.pages.address import Address
from keyturn.emails.studio.pages.matching import matches
from keyturn.emails.studio.pages.query_errors import read_query
from keyturn.emails.studio.pages.tree import in_order
from keyturn.emails.studio.view import Scheme, View

SAMPLES = {"first": "First sample", "all": "All samples", "branches": "Branches too", "hostile": "Hostile ones too"}
SCHEMES: Mapping[Scheme, str] = {
    "light": "Light",
    "dark": "Dark",
    "partial": "Outlook.com",
    "full": "Gmail iOS",
    "word": "Word",
}

_LONGEST = 5.0
"""Seconds that somebody waits for branches that nobody has asked for before."""

_WIDTHS: tuple[Literal[320, 375, 600, 1280], ...] = (375, 600)
_SCHEMES: tuple[Scheme, ...] = ("light", "dark")


class SheetView(Address, frozen=True, kw_only=True, omit_defaults=True):
    """The part of the address behind the `?`: what of everything is on the sheet. Without `lang` it is the default."""

    find: str = ""
    width: tuple[Literal[320, 375, 600, 1280], ...] = _WIDTHS
    scheme: tuple[Scheme, ...] = _SCHEMES
    lang: tuple[str, ...] = ()
    samples: Literal["first", "all", "branches", "hostile"] = "first"
    remote: str = ""
    pane: Literal["list", "mail"] = "mail"


@dataclass(frozen=True, slots=True)
class Cell:
    """One mail on the sheet; `view` is what its page shows."""

    view: View

    @property
    def caption(self) -> list[str]:
        return [str(self.view.width), SCHEMES[self.view.scheme], *([self.view.lang] if self.view.lang else [])]


@dataclass(frozen=True, slots=True)
class Strip:
    """One sample of a template in every way that was asked for."""

    sample: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Holds the strips of a template."""

    template: str
    strips: tuple[Strip, ...]


def explore(gallery: Gallery, view: SheetView) -> int:
    """Look for the branches of what is on the sheet, for some time; return how many templates are left."""
    until = monotonic() + _LONGEST
    found = [entry.name for entry in gallery.entries() if matches(view.find, entry.name)]
    for done, name in enumerate(found):
        if monotonic() > until:
            return len(found) - done
        gallery.branches(name)
    return 0


def sections(entries: Sequence[Entry], view: SheetView) -> list[Section]:
    found = (entry for entry in in_order(entries) if matches(view.find, entry.name))
    return [
        Section(entry.name, tuple(Strip(sample, tuple(_cells(sample, view))) for sample in _samples(entry, view)))
        for entry in found
    ]


def _samples(entry: Entry, view: SheetView) -> Sequence[str]:
    more = {"branches": entry.branches, "hostile": entry.hostile}
    return entry.samples[:1] if view.samples == "first" else (*entry.samples, *more.get(view.samples, ()))


def _cells(sample: str, view: SheetView) -> Iterator[Cell]:
    for lang in sorted(set(view.lang)) or [""]:
        for width in sorted(set(view.width)):
            for scheme in dict.fromkeys(view.scheme):
                yield Cell(View(sample=sample, lang=lang, width=width, scheme=scheme, remote=view.remote))


def read_sheet_view(request: Request[Any, Any, Any]) -> SheetView:
    """Read the address. A form sends a name several times where several choices are ticked."""
    query: dict[str, Any] = {name: request.query_params.getall(name) for name in request.query_params}
    single = {name: values[-1] for name, values in query.items() if name in ("find", "samples", "remote", "pane")}
    return read_query(query | single, SheetView)
