"""The findings on one mail, as the studio and `Mails.check_mail` show them."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.variables.missing_names import is_failed_part
from keyturn.studio.lint.checks import checks_for
from keyturn.studio.lint.checks.safety import audit
from keyturn.studio.lint.clients.clients import Clients
from keyturn.studio.lint.document import Check, Document
from keyturn.studio.lint.examination import document_findings, missing_names
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.source.broken_templates import explain
from keyturn.studio.lint.source.translations import find_untranslated
from keyturn.studio.lint.source.unknown_filters import find_unknown_filters
from keyturn.studio.lint.suppression import IgnoreComments, at_severity, judge
from keyturn.studio.web.checks.reports import MailReport
from keyturn.studio.web.rendering.rendition import Drawer, Order

_IN_PART = "This mail was not checked in full: parts of it cannot be rendered."


def examine_mail(drawer: Drawer, order: Order, clients: tuple[str, ...], severity: Mapping[str, str]) -> MailReport:
    """Return the findings in a mail, the worst first.

    `clients`: groups of mail clients, all of which exist.
    """
    gallery = drawer.gallery
    with gallery.one_look():
        checks = checks_for(_clients(clients), gallery.audits)
        document, of_mail, breaking = _of_mail(drawer, order, checks)
        is_whole = order.files.is_text or (document and not any(map(is_failed_part, document.missing)))
        of_files = {
            *find_unknown_filters(gallery, order.template),
            *find_untranslated(gallery, [order.template], [gallery.languages.choose(order.language)]),
        }
        ordered = sorted(
            breaking | of_mail | of_files,
            key=lambda finding: (finding not in breaking, finding.rank, finding.place, finding.message),
        )
        counting = _counting(gallery, order.template, ordered, severity)
        audited = audit(document, gallery.audits) if document else ()
        return MailReport(tuple(counting), audited, unchecked="" if is_whole else _IN_PART)


def _of_mail(
    drawer: Drawer, order: Order, checks: tuple[Check, ...]
) -> tuple[Document | None, set[Finding], set[Finding]]:
    """Return the mail (None if it cannot be drawn), its findings, and the findings that keep it from being sent."""
    gallery = drawer.gallery
    try:
        document = drawer.document(order)
    except TemplateInvalid as error:
        return None, set(), {explain(one, gallery, order.sample).finding for one in (error, *error.others)}
    findings, missing = set(document_findings(document, checks)), {*missing_names(document, gallery, order.sample)}
    return (document, findings, missing) if document.html else (None, set(), findings | missing)


def _counting(
    gallery: Gallery, template: str, findings: Iterable[Finding], severity: Mapping[str, str]
) -> Iterator[Finding]:
    comments = IgnoreComments(gallery.source)
    yield from (judged.finding for judged in judge(findings, comments, severity) if not judged.reason)
    yield from filter(None, (at_severity(one, severity) for one in comments.mistakes(gallery.files_of(template))))


@cache
def _clients(groups: tuple[str, ...]) -> Clients:
    return Clients.from_names(groups)
