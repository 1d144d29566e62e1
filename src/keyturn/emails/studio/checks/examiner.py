"""One mail through every check: what `keyturn check` does, for the mail that is looked at."""

from collections.abc import Iterable, Iterator, Mapping

from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.checks import checks_for
from keyturn.emails.lint.checks.safety import audit
from keyturn.emails.lint.clients.clients import Clients
from keyturn.emails.lint.document import Document
from keyturn.emails.lint.examination import document_findings
from keyturn.emails.lint.finding import Finding
from keyturn.emails.lint.jinja.broken_templates import explain, explain_samples
from keyturn.emails.lint.jinja.translations import find_untranslated
from keyturn.emails.lint.jinja.unknown_filters import find_unknown_filters
from keyturn.emails.lint.suppression.ignore_comments import IgnoreComments
from keyturn.emails.lint.suppression.severities import Severities
from keyturn.emails.studio.checks.report import Report
from keyturn.emails.studio.rendering.rendition import Rendition
from keyturn.errors import TemplateInvalid


class Examiner:
    """Puts renditions through the checks. `clients` are groups of mail clients, all of which exist."""

    def __init__(self, gallery: Gallery, clients: tuple[str, ...], severity: Mapping[str, str]) -> None:
        self._gallery = gallery
        self._severities = Severities(severity)
        self._checks = checks_for(Clients.from_names(clients), gallery.audits)

    def examine(self, rendition: Rendition) -> Report:
        """Return what is wrong with a mail, what keeps it from being drawn first."""
        if rendition.unreadable:
            return Report((explain_samples(rendition.unreadable, self._gallery.folders).finding,))
        document, of_mail = self._of_mail(rendition)
        template, gallery = rendition.template, self._gallery
        of_files = {
            *find_unknown_filters(gallery, template),
            *find_untranslated(gallery, [template], [rendition.language]),
        }
        ordered = sorted(
            of_mail | of_files,
            key=lambda finding: (not document and finding not in of_mail, finding.place, finding.rule, finding.message),
        )
        return Report(
            tuple(self._counting(template, ordered)), audit(document, audits=self._gallery.audits) if document else ()
        )

    def _counting(self, template: str, found: Iterable[Finding]) -> Iterator[Finding]:
        """Yield what the team wants to hear of it, and what is wrong with the comments that say so."""
        comments = IgnoreComments(self._gallery.source)
        left = [finding for finding in found if not comments.ignores(finding)]
        mistakes = comments.mistakes(self._gallery.files_of(template))
        return filter(None, map(self._severities.apply, (*left, *mistakes)))

    def _of_mail(self, rendition: Rendition) -> tuple[Document | None, set[Finding]]:
        """Return the mail, None where it cannot be drawn, and what is wrong with it by itself."""
        if rendition.data is None:
            return None, set()
        try:
            document = rendition.document()
        except TemplateInvalid as error:
            return None, {explain(error, self._gallery.folders, rendition.data.sample).finding}
        return document if document.html else None, set(document_findings(document, self._checks))
