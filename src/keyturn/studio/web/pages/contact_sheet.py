"""Every mail as a picture: the home page, and the contact sheet by samples, widths and schemes."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.response import Redirect

from keyturn.studio.gallery import Entry
from keyturn.studio.web import frames
from keyturn.studio.web.pages.addresses import redirect
from keyturn.studio.web.pages.paging import page_of
from keyturn.studio.web.pages.tree import in_order
from keyturn.studio.web.pages.visit import Visit
from keyturn.studio.web.studio import Studio
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

    def samples_of(self, entry: Entry) -> Sequence[str]:
        if self.samples == "first":
            return entry.samples[:1]
        return entry.samples

    def pictures_of(self, sample: str) -> list[View]:
        """Return the view of each picture of a sample."""
        views = []
        for lang in sorted(set(self.lang)) or [""]:
            for width in sorted(set(self.width)):
                for scheme in dict.fromkeys(self.scheme):
                    view = View(
                        sample=sample, lang=lang, width=width, scheme=scheme, remote=self.remote
                    )
                    views.append(view)
        return views


def pictures(entries: Sequence[Entry], sheet: SheetView) -> dict[str, Any]:
    """Return what a page shows.

    `sections`: the views of its pictures, by template and sample. `count`: the pictures on all
    pages. `is_single`: each template has one picture.
    """
    ordered = in_order(entries)
    pictures_of_sample = len(sheet.pictures_of(""))
    samples = [len(sheet.samples_of(entry)) for entry in ordered]
    most_of_template = max(1, pictures_of_sample * max(samples, default=1))
    page = page_of(ordered, sheet.page, max(1, _MOST // most_of_template))
    sections = {}
    for entry in page.items:
        names = sheet.samples_of(entry)
        sections[entry.name] = {name: sheet.pictures_of(name) for name in names}
    return {
        "sections": sections,
        "is_single": sheet.samples == "first" and pictures_of_sample == 1,
        "count": pictures_of_sample * sum(samples),
        "page": page.number,
        "last_page": page.last,
    }


@get("/", sync_to_thread=True)
def home_page(
    visit: NamedDependency[Visit], studio: NamedDependency[Studio]
) -> Response[str] | Redirect:
    """Show each mail once, by its first sample; or lead to the inbox, if the studio was started for
    it.
    """
    view = visit.view
    gallery = visit.gallery
    if studio.opens_inbox and view == View():
        return redirect("inbox")
    entries = gallery.entries()
    if not entries:
        is_gone = not gallery.folder.is_dir()
        return visit.page("no_templates.html", {"path": gallery.folder, "gone": is_gone})
    sheet = SheetView(
        width=(600,),
        scheme=(view.scheme,),
        remote=view.remote,
        page=view.page,
    )
    if view.lang:
        sheet = sheet.to(lang=(view.lang,))
    context = {
        "home": view,
        "sandbox": frames.PREVIEW,
        "unreadable": {entry.name for entry in entries if entry.unreadable},
        "mails": len(entries),
        "checks_at": visit.check_more(),
    }
    return visit.page("home.html", context | pictures(entries, sheet))


@get("/sheet", sync_to_thread=True)
def contact_sheet(visit: NamedDependency[Visit]) -> Response[str]:
    sheet = visit.address(SheetView)
    languages = [str(tag) for tag in visit.gallery.languages.known]
    context = {
        "view": View(pane=sheet.pane),
        "address": sheet,
        "sheet": sheet,
        "schemes": SCHEMES,
        "language_choices": [(tag, tag) for tag in languages],
        "sandbox": frames.PREVIEW,
        "checks_at": visit.check_more(),
    }
    return visit.page("sheet.html", context | pictures(visit.gallery.entries(), sheet))


HANDLERS = (home_page, contact_sheet)
