"""Every mail as a picture: the home page, and the contact sheet by samples, widths and schemes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.response import Redirect

from keyturn.studio.gallery import Entry
from keyturn.studio.web import frames
from keyturn.studio.web.pages.layout import Visit, page_of
from keyturn.studio.web.pages.tree import in_order
from keyturn.studio.web.view import PageAddress, PageNumber, Scheme, View

SCHEMES: Mapping[Scheme, str] = {
    "light": "Light",
    "dark": "Dark",
    "partial": "Outlook.com",
    "full": "Gmail iOS",
    "word": "Word",
}

# pictures on a page. More would be megabytes of HTML, in a folder of thousands of templates.
_MOST = 200


class SheetView(PageAddress, frozen=True, kw_only=True, omit_defaults=True):
    """The query of the sheet: what it shows. Without `lang`: the default language."""

    width: tuple[Literal[320, 375, 600], ...] = (375, 600)
    scheme: tuple[Scheme, ...] = ("light", "dark")
    lang: tuple[str, ...] = ()
    samples: Literal["first", "all"] = "first"
    remote: str = ""
    page: PageNumber = 1
    pane: Literal["list", "mail"] = "mail"


def pictures(entries: Sequence[Entry], view: SheetView) -> dict[str, Any]:
    """Return what a page shows: the views by template and sample, and the number of pictures on all
    pages.
    """
    entries = in_order(entries)
    of_sample, samples = (
        len(list(_views("", view))),
        [len(_samples(entry, view)) for entry in entries],
    )
    shown, page, last = page_of(
        entries, view.page, max(1, _MOST // max(1, of_sample * max(samples, default=1)))
    )
    sections = {
        each.name: {sample: list(_views(sample, view)) for sample in _samples(each, view)}
        for each in shown
    }
    is_single = view.samples == "first" and of_sample == 1  # one picture of each template
    count = of_sample * sum(samples)
    return {
        "sections": sections,
        "is_single": is_single,
        "count": count,
        "page": page,
        "last_page": last,
    }


def _samples(entry: Entry, view: SheetView) -> Sequence[str]:
    return entry.samples[:1] if view.samples == "first" else entry.samples


def _views(sample: str, view: SheetView) -> Iterator[View]:
    for lang in sorted(set(view.lang)) or [""]:
        for width in sorted(set(view.width)):
            for scheme in dict.fromkeys(view.scheme):
                yield View(sample=sample, lang=lang, width=width, scheme=scheme, remote=view.remote)


@get("/", sync_to_thread=True)
def home_page(visit: NamedDependency[Visit]) -> Response[str] | Redirect:
    """Show each mail once, by its first sample; or lead to the inbox, if the studio was started for
    it.
    """
    view, gallery = visit.view, visit.gallery
    if visit.studio.opens_inbox and view == View():
        return visit.layout.redirect("inbox")
    if not (entries := gallery.entries()):
        return visit.page(
            "no_templates.html", {"path": gallery.folder, "gone": not gallery.folder.is_dir()}
        )
    shown = SheetView(width=(600,), scheme=(view.scheme,), remote=view.remote, page=view.page)
    unreadable = {entry.name for entry in entries if entry.unreadable}
    context = {
        "home": view,
        "sandbox": frames.PREVIEW,
        "unreadable": unreadable,
        "mails": len(entries),
    }
    context["checks_at"] = visit.check_more()
    return visit.page(
        "home.html", context | pictures(entries, shown.to(lang=(view.lang,) if view.lang else ()))
    )


@get("/sheet", sync_to_thread=True)
def contact_sheet(visit: NamedDependency[Visit]) -> Response[str]:
    sheet = visit.address(SheetView)
    context = {
        "view": View(pane=sheet.pane),
        "address": sheet,
        "sheet": sheet,
        "schemes": SCHEMES,
        "language_choices": [(str(each), str(each)) for each in visit.gallery.languages.known],
        "sandbox": frames.PREVIEW,
        "checks_at": visit.check_more(),
    }
    return visit.page("sheet.html", context | pictures(visit.gallery.entries(), sheet))


HANDLERS = (home_page, contact_sheet)
