"""The page of all findings of a folder: filtered, grouped, in pages, and updated while the checks run."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Annotated, Any, Literal

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromHeader
from msgspec import Meta, Struct

from keyturn.studio.gallery import Gallery
from keyturn.studio.lint.clients.clients import name_of
from keyturn.studio.lint.examination import Examination, MailFinding, equal_findings, mails_of
from keyturn.studio.lint.finding import SEVERITIES, Finding, Place, Severity, Tally
from keyturn.studio.web.checks.folder_checks import FolderChecks
from keyturn.studio.web.pages.layout import Layout, provide_address
from keyturn.studio.web.pages.template_pages import own_files
from keyturn.studio.web.view import PageAddress, PageNumber, View

Standing = Literal["counts", "baseline", "ignored"]
"""Whether a finding counts: neither the baseline nor a comment excludes it."""

_ON_A_PAGE = 50
_MOST_PLACES = 20
"""The number of groups on a page, and of places in a group."""


class FindingsView(PageAddress, frozen=True, kw_only=True, omit_defaults=True):
    """The findings on the page. `rule`: a rule or a group. `client`: a client ("outlook/ios") or a product ("outlook").

    Without `severity`, all severities. `also`: excluded findings to show.
    """

    severity: tuple[Severity, ...] = ()
    rule: str = ""
    mail: str = ""
    client: str = ""
    words: Annotated[str, Meta(max_length=200)] = ""
    also: tuple[Literal["baseline", "ignored"], ...] = ()
    page: PageNumber = 1
    pane: Literal["list", "mail"] = "mail"

    @property
    def is_filtered(self) -> bool:
        return bool(self.severity or self.rule or self.mail or self.client or self.words)

    def toggled(self, severity: Severity) -> str:
        chosen = [one for one in SEVERITIES if (one in self.severity) != (one == severity)]
        return self.here(severity=tuple(chosen), page=1)


class FindingGroup(Struct, frozen=True):
    """Equal findings, of which `spots` are shown. `mails`, `templates`: the number of those that have one."""

    finding: Finding
    standing: Standing
    reason: str
    spots: Sequence[MailFinding]
    places: int
    mails: int
    templates: int


class Listing(Struct, frozen=True):
    """One page of findings. `tally`: counts all findings within the filters, on all pages."""

    groups: Mapping[Standing, Sequence[FindingGroup]]
    tally: Tally
    choices: Mapping[str, Any]
    pages: int
    page: int


def listing(examination: Examination, view: FindingsView) -> Listing:
    """Return the page of an address; the last page for a number beyond it."""
    by_standing: dict[Standing, tuple[MailFinding, ...]] = {
        "counts": examination.found,
        "baseline": examination.in_baseline,
        "ignored": examination.ignored,
    }
    kept = {standing: [one for one in found if _fits(one, view)] for standing, found in by_standing.items()}
    shown = [standing for standing in by_standing if standing == "counts" or standing in view.also]
    groups = [_group(equal, standing) for standing in shown for equal in equal_findings(kept[standing])]
    pages = max(1, -(-len(groups) // _ON_A_PAGE))
    page = min(view.page, pages)
    on_page = groups[(page - 1) * _ON_A_PAGE : page * _ON_A_PAGE]
    return Listing(
        {standing: list(those) for standing, those in groupby(on_page, lambda group: group.standing)},
        Tally.of(one.finding for one in kept["counts"]),
        _choices([one for standing in shown for one in by_standing[standing]], examination.found, view, kept),
        pages,
        page,
    )


def _fits(found: MailFinding, view: FindingsView, but: str = "") -> bool:
    """Tell whether a finding passes the filters, except `but`."""
    return all(fits(found, view) for name, fits in _FILTERS.items() if name != but)


def _has_words(found: MailFinding, view: FindingsView) -> bool:
    finding = found.finding
    text = " ".join((finding.rule, finding.message, finding.fix, finding.place.file, *found.templates)).lower()
    return all(word in text for word in view.words.lower().split())


_FILTERS: Mapping[str, Callable[[MailFinding, FindingsView], bool]] = {
    "severity": lambda found, view: not view.severity or found.finding.severity in view.severity,
    "rule": lambda found, view: view.rule in ("", found.finding.rule, found.finding.group),
    "mail": lambda found, view: not view.mail or view.mail in found.templates,
    "client": lambda found, view: not view.client or view.client in _clients(found),
    "words": _has_words,
}


def _clients(found: MailFinding) -> Iterator[str]:
    for gap in found.finding.clients:
        yield gap.client
        yield gap.client.partition("/")[0]


def _group(equal: Sequence[MailFinding], standing: Standing) -> FindingGroup:
    spots, mails = equal[:_MOST_PLACES], mails_of(equal)
    templates = {template for one in equal for template in one.templates}
    first = equal[0]
    return FindingGroup(first.finding, standing, first.reason, spots, len(equal), len(mails), len(templates))


def _choices(
    shown: Sequence[MailFinding],
    counted: Sequence[MailFinding],
    view: FindingsView,
    kept: Mapping[Standing, Sequence[MailFinding]],
) -> Mapping[str, Any]:
    """Return the filters, with the number of findings for each under the other filters.

    For severities and `also`, the numbers are those of the tally: counted and excluded findings separately.
    """
    left = {name: list(filter(partial(_fits, view=view, but=name), shown)) for name in ("rule", "mail", "client")}
    rules = Counter(one.finding.rule for one in left["rule"])
    by_group = groupby(sorted(rules.items()), lambda one: one[0].partition("/")[0])
    grouped = [(group, list(those)) for group, those in by_group]
    return {
        "severities": Tally.of(one.finding for one in counted if _fits(one, view, but="severity")).by_severity,
        "rules": [(group, sum(count for _, count in those), those) for group, those in grouped],
        "mails": sorted(Counter(template for one in left["mail"] for template in one.templates).items()),
        "clients": sorted(Counter(client for one in left["client"] for client in set(_clients(one))).items()),
        "also": {standing: len(those) for standing, those in kept.items()},
    }


_SAMPLES = (".toml", ".yaml", ".yml", ".json")


@get("/findings", dependencies={"address": provide_address(FindingsView)}, sync_to_thread=True)
def findings_page(
    address: NamedDependency[FindingsView],
    folder_checks: NamedDependency[FolderChecks],
    layout: NamedDependency[Layout],
    prefer: FromHeader[str] = "",
) -> Response[str]:
    """Show the known findings after some more checks. The page asks again while checks are left.

    With `Prefer: respond-async` (RFC 7240, 4.1), the page answers at once.
    """
    left = True if "respond-async" in prefer else folder_checks.check_more()
    return layout.page("findings.html", _context(address, layout.gallery, folder_checks) | {"left_to_check": left})


def _context(view: FindingsView, gallery: Gallery, folder_checks: FolderChecks) -> dict[str, Any]:
    known, entries = folder_checks.last, gallery.entries()
    return {
        "view": View(pane=view.pane),
        "address": view,
        "findings": view,
        "known": known,
        "listing": listing(known.examination, view) if known.examination else None,
        "severities": SEVERITIES,
        "links": Links(gallery),
        "client_name": name_of,
        "mail_names": [entry.name for entry in entries],
        "all_mails": sum(len(entry.samples) for entry in entries),
        "baseline_file": folder_checks.known.file.name if folder_checks.known.file else "",
    }


class Links:
    def __init__(self, gallery: Gallery) -> None:
        self._stages = dict(own_files(gallery))
        self._shared = frozenset(gallery.shared_files())
        self._languages = tuple(gallery.languages.known)

    def source(self, place: Place, templates: tuple[str, ...]) -> tuple[tuple[str, ...], View] | None:
        """Return the page of a source, and its view; None for a file without a page."""
        template, stage = self._stages.get(place.file, ("", ""))
        if stage:
            return ("templates", template), View(show="source", file=stage)
        if place.file in self._shared:
            return ("files", place.file), View()
        if templates and place.file.endswith(_SAMPLES):
            return ("templates", templates[0]), View(show="source", file="samples")
        return None

    def mail(self, mail: str, place: Place, templates: tuple[str, ...]) -> tuple[str, View]:
        """Return the template of a mail, and the view that selects the part from this place."""
        template = max((one for one in templates if mail == one or mail.startswith(f"{one}/")), key=len, default=mail)
        sample = mail[len(template) + 1 :]
        language = sample.rpartition(" ")[2] if len(self._languages) > 1 else ""
        if language in self._languages:
            sample = sample.removesuffix(f" {language}")
        else:
            language = ""
        is_drawn = place.file in self._shared or self._stages.get(place.file, ("", ""))[1] == "template"
        line = f"{place.file}:{place.line}" if is_drawn else ""
        return template, View(sample=sample, lang=language, line=line, tab="checks")


HANDLERS = (findings_page,)
