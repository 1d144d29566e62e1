"""One mail through every check: what `keyturn check` does, for the mail that is looked at."""

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.lint.checks import checks_for
from keyturn.emails.lint.checks.safety import audit
from keyturn.emails.lint.clients.clients import Clients
from keyturn.emails.lint.document import Document, read_document
from keyturn.emails.lint.examination import findings
from keyturn.emails.lint.jinja.broken_templates import explain_samples
from keyturn.emails.lint.jinja.translations import find_untranslated
from keyturn.emails.lint.jinja.unknown_filters import find_unknown_filters, with_lenient_origins
from keyturn.emails.studio.checks.report import Report
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.render import Templates


class Examiner:
    """`clients` are groups of mail clients that exist: whoever starts the studio has seen to it."""

    def __init__(self, gallery: Gallery, clients: tuple[str, ...]) -> None:
        self._gallery = gallery
        self._checks = checks_for(Clients.named(clients))
        self._templates_for = gallery.renderers(with_lenient_origins)

    def examine(self, template: str, name: str, language: Language) -> Report:
        """Return what is wrong with a mail. Raises LookupError for a template or a sample that does not exist."""
        try:
            sample = self._gallery.sample(template, name)
        except TemplateInvalid as error:
            return Report((explain_samples(error, self._gallery.folders).finding,))
        return self.examine_values(template, sample, language)

    def examine_values(self, template: str, sample: Sample, language: Language, brand: str = "") -> Report:
        """Do what `examine` does, for data that is written nowhere. Raises LookupError."""
        templates = self._templates_for(sample, brand)
        of_mail = set(findings(templates, template, sample, language, self._checks))
        of_files = {
            *find_unknown_filters(self._gallery, template),
            *find_untranslated(self._gallery, [template], [language]),
        }
        document = _read(templates, template, sample, language)
        ordered = sorted(
            of_mail | of_files,
            # What keeps it from being drawn comes first.
            key=lambda finding: (not document and finding not in of_mail, finding.place, finding.rule, finding.message),
        )
        return Report(tuple(ordered), audit(document) if document else ())


def _read(templates: Templates, template: str, sample: Sample, language: Language) -> Document | None:
    try:
        document = read_document(templates, template, sample, language)
    except TemplateInvalid:  # it is among the findings
        return None
    return document if document.html else None
