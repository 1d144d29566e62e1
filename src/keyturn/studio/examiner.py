"""One mail through every check: what `keyturn check` does, for the mail that is looked at."""

from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.lint.broken_templates import explain_samples
from keyturn.lint.checks import CHECKS
from keyturn.lint.collection import Collection
from keyturn.lint.collection import Sample as Checked
from keyturn.lint.document import read_document
from keyturn.lint.examining import findings
from keyturn.lint.safety import AuditItem, audit
from keyturn.mail.render import EmailProps, Templates
from keyturn.studio.data import values_of
from keyturn.studio.gallery import Gallery
from keyturn.studio.report import Report


class Examiner:
    def __init__(self, templates: Templates, gallery: Gallery) -> None:
        self._gallery = gallery
        self._templates_for = Collection(templates=templates, languages=()).renderers()

    def examine(self, template: str, name: str, language: Language) -> Report:
        """Return what is wrong with a mail. Raises LookupError for a template or a sample that does not exist."""
        try:
            sample = self._gallery.samples(template)[name]
        except TemplateInvalid as error:
            return Report((explain_samples(error, self._gallery.folder),))
        checked = Checked(name, values_of(sample), typed=isinstance(sample, EmailProps))
        templates = self._templates_for(checked)
        found = set(findings(templates, template, checked, language, CHECKS))
        ordered = sorted(found, key=lambda finding: (finding.place, finding.rule, finding.message))
        return Report(tuple(ordered), _audit(templates, template, checked, language))


def _audit(templates: Templates, template: str, sample: Checked, language: Language) -> tuple[AuditItem, ...]:
    try:
        document = read_document(templates, template, sample.name, sample.values, language, typed=sample.typed)
    except TemplateInvalid:  # it is among the findings
        return ()
    return audit(document) if document.html else ()
