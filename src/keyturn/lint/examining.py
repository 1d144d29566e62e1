"""Every check on every template with every sample, each finding once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from keyturn.errors import TemplateInvalid
from keyturn.languages import Language
from keyturn.lint.broken_templates import explain, explain_samples
from keyturn.lint.checks import CHECKS
from keyturn.lint.collection import Collection, Sample
from keyturn.lint.document import Check, read_document
from keyturn.lint.finding import Finding
from keyturn.lint.guard import guard
from keyturn.mail.render import Templates


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, and the mails that have it: "template/sample", with the language where there are several."""

    finding: Finding
    mails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examination:
    """`mails` is how many were rendered, `templates` how many templates they came from."""

    found: tuple[Found, ...]
    templates: int
    mails: int

    def count(self, severity: str) -> int:
        return sum(one.finding.severity == severity for one in self.found)

    def only(self, rules: Sequence[str]) -> "Examination":
        """Keep the findings whose rule is named, in full or by its group ("mjml")."""
        wanted = set(rules)
        kept = (one for one in self.found if {one.finding.rule, one.finding.rule.partition("/")[0]} & wanted)
        return replace(self, found=tuple(kept)) if wanted else self


def examine(collection: Collection, checks: Iterable[Check] = CHECKS) -> Examination:
    """Check all there is, in the order of the places in the templates."""
    checks = tuple(checks)
    names, rendered = collection.names(), 0
    mails: dict[Finding, list[str]] = defaultdict(list)
    templates_for = collection.renderers()
    for template in names:
        try:
            samples = list(collection.samples(template))
        except TemplateInvalid as error:
            mails[explain_samples(error, collection.templates.folder)].append(template)
            continue
        for sample in samples:
            for language in collection.languages:
                rendered += 1
                mail = f"{template}/{sample.name}" + (f" {language.tag}" if len(collection.languages) > 1 else "")
                for finding in dict.fromkeys(findings(templates_for(sample), template, sample, language, checks)):
                    mails[finding].append(mail)
    ordered = sorted(mails, key=lambda finding: (finding.place, finding.rule, finding.message))
    return Examination(tuple(Found(one, tuple(mails[one])) for one in ordered), len(names), rendered)


def findings(
    templates: Templates, template: str, sample: Sample, language: Language, checks: Iterable[Check]
) -> Iterable[Finding]:
    """Yield what is wrong with one mail. `templates` come from `Collection.renderers`."""
    try:
        document = read_document(templates, template, sample.name, sample.values, language, typed=sample.typed)
    except TemplateInvalid as error:
        yield explain(error, templates.folder, sample)
        return
    yield from guard(document)
    if document.html:
        for check in checks:
            yield from check(document)
