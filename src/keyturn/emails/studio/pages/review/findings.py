"""All findings of a folder as a page shows them: filtered, equal ones together, and in bounds."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Literal

from litestar import Request
from msgspec import Meta

from keyturn.emails.lint.equal_findings import equal_findings, mails_of
from keyturn.emails.lint.finding import SEVERITIES, Finding, Severity
from keyturn.emails.lint.tally import Tally
from keyturn.emails.studio.pages.address import Address
from keyturn.emails.studio.pages.query_errors import read_query

if TYPE_CHECKING:  # it loads the checks, and the studio starts without them
    from keyturn.emails.lint.examination import Examination, Found

Standing = Literal["counts", "baseline", "ignored"]
"""Whether a finding counts: not where the baseline knows it, nor where a comment ignores it."""

_ON_A_PAGE = 50
_MOST_PLACES = 20
_MOST_MAILS = 6
"""Of groups on a page, of places in a group, and of mails at a place; behind them stands how many there are."""

_SEVERAL = ("severity", "also")


class FindingsView(Address, frozen=True, kw_only=True, omit_defaults=True):
    """Which findings are on the page. `rule` is one or a group, `client` one ("outlook/ios") or a product ("outlook").

    All severities where none is named. What does not count is there where `also` names it.
    """

    severity: tuple[Severity, ...] = ()
    rule: str = ""
    mail: str = ""
    client: str = ""
    words: Annotated[str, Meta(max_length=200)] = ""
    also: tuple[Literal["baseline", "ignored"], ...] = ()
    page: Annotated[int, Meta(ge=1, le=100_000)] = 1
    pane: Literal["list", "mail"] = "mail"

    @property
    def is_filtered(self) -> bool:
        return bool(self.severity or self.rule or self.mail or self.client or self.words)

    def toggled(self, severity: Severity) -> str:
        """Return the reference to the page with or without a severity."""
        chosen = [one for one in SEVERITIES if (one in self.severity) != (one == severity)]
        return self.here(severity=tuple(chosen), page=1)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of a finding, and some of the mails that have it there."""

    found: "Found"
    mails: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Group:
    """Findings that say the same. `mails` is how many mails have one of them, `templates` how many templates."""

    finding: Finding
    standing: Standing
    reason: str
    spots: tuple[Spot, ...]
    places: int
    mails: int
    templates: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be filtered by, with how many findings are shown of each under the other filters.

    Of severities, and in `also`, it is what the tally counts: what counts, and what does not, each by itself.
    """

    severities: Mapping[Severity, int]
    rules: Sequence[tuple[str, int, Sequence[tuple[str, int]]]]
    mails: Sequence[tuple[str, int]]
    clients: Sequence[tuple[str, int]]
    also: Mapping[Standing, int]


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of findings. `tally` counts all that the filters leave, on this page or not."""

    groups: Mapping[Standing, Sequence[Group]]
    tally: Tally
    choices: Choices
    pages: int
    page: int


def listing(examination: "Examination", view: FindingsView) -> Listing:
    """Return what is on the page of this address; the last page for a number beyond it."""
    by_standing: dict[Standing, tuple[Found, ...]] = {
        "counts": examination.found,
        "baseline": examination.in_baseline,
        "ignored": examination.ignored,
    }
    kept = {standing: [one for one in found if _fits(one, view)] for standing, found in by_standing.items()}
    shown = [standing for standing in by_standing if standing == "counts" or standing in view.also]
    groups = [group for standing in shown for group in _worst_first(kept[standing], standing)]
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


def read_findings_view(request: Request[Any, Any, Any]) -> FindingsView:
    """Return the view that a request asks for. A form sends a name several times where several choices are ticked."""
    query: dict[str, Any] = {name: request.query_params.getall(name) for name in request.query_params}
    single = {name: values[-1] for name, values in query.items() if name not in _SEVERAL}
    return read_query(query | single, FindingsView)


def _fits(found: "Found", view: FindingsView, but: str = "") -> bool:
    """Tell whether the filters leave a finding, `but` for one of them."""
    return all(fits(found, view) for name, fits in _FILTERS.items() if name != but)


def _has_words(found: "Found", view: FindingsView) -> bool:
    finding = found.finding
    text = " ".join((finding.rule, finding.message, finding.fix, finding.place.file, *found.templates)).lower()
    return all(word in text for word in view.words.lower().split())


_FILTERS: Mapping[str, Callable[["Found", FindingsView], bool]] = {
    "severity": lambda found, view: not view.severity or found.finding.severity in view.severity,
    "rule": lambda found, view: view.rule in ("", found.finding.rule, found.finding.group),
    "mail": lambda found, view: not view.mail or view.mail in found.templates,
    "client": lambda found, view: not view.client or view.client in _clients(found),
    "words": _has_words,
}


def _clients(found: "Found") -> Iterator[str]:
    """Yield the clients that a finding is about, and their products."""
    for gap in found.finding.clients:
        yield gap.client
        yield gap.client.partition("/")[0]


def _worst_first(found: "Iterable[Found]", standing: Standing) -> list[Group]:
    """Return equal findings together: the most severe first, and what most mails have."""
    groups = (_group(equal, standing) for equal in equal_findings(found))
    return sorted(groups, key=lambda group: (SEVERITIES.index(group.finding.severity), -group.mails))


def _group(equal: "Sequence[Found]", standing: Standing) -> Group:
    spots = tuple(Spot(one, one.mails[:_MOST_MAILS], len(one.mails[_MOST_MAILS:])) for one in equal[:_MOST_PLACES])
    templates = {template for one in equal for template in one.templates}
    return Group(equal[0].finding, standing, equal[0].reason, spots, len(equal), len(mails_of(equal)), len(templates))


def _choices(
    shown: "Sequence[Found]",
    counted: "Sequence[Found]",
    view: FindingsView,
    kept: "Mapping[Standing, Sequence[Found]]",
) -> Choices:
    left = {name: list(filter(partial(_fits, view=view, but=name), shown)) for name in ("rule", "mail", "client")}
    rules = Counter(one.finding.rule for one in left["rule"])
    by_group = groupby(sorted(rules.items()), lambda one: one[0].partition("/")[0])
    grouped = [(group, list(those)) for group, those in by_group]
    return Choices(
        Tally.of(one.finding for one in counted if _fits(one, view, but="severity")).by_severity,
        [(group, sum(count for _, count in those), those) for group, those in grouped],
        sorted(Counter(template for one in left["mail"] for template in one.templates).items()),
        sorted(Counter(client for one in left["client"] for client in set(_clients(one))).items()),
        {standing: len(those) for standing, those in kept.items()},
    )
