"""Every check on every template with every sample, each finding once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.lint.checks import CHECKS
from keyturn.emails.lint.document import Check, Document, read_document
from keyturn.emails.lint.finding import Finding
from keyturn.emails.lint.guard.guard import guard
from keyturn.emails.lint.jinja.broken_templates import explain, explain_samples
from keyturn.emails.lint.jinja.other_engines import one_for_each_engine
from keyturn.emails.lint.jinja.translations import find_untranslated
from keyturn.emails.lint.jinja.unknown_filters import find_unknown_filters, with_lenient_origins
from keyturn.errors import TemplateInvalid
from keyturn.languages import SOURCE_LANGUAGE, Language
from keyturn.mail.rendering.render import Templates


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, and the mails that have it: "template/sample", with the language where there are several.

    There are none where it was found in the templates without drawing any.
    """

    finding: Finding
    mails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examination:
    """Holds what was found in all mails.

    `mails` is how many were rendered, `templates` how many templates they came from.
    """

    found: tuple[Found, ...]
    templates: int
    mails: int

    def count(self, severity: str) -> int:
        return sum(one.finding.severity == severity for one in self.found)

    def with_rules(self, rules: Sequence[str]) -> "Examination":
        """Keep the findings whose rule is named, in full or by its group ("mjml")."""
        wanted = set(rules)
        kept = (one for one in self.found if {one.finding.rule, one.finding.rule.partition("/")[0]} & wanted)
        return replace(self, found=tuple(kept)) if wanted else self


def examine(
    gallery: Gallery, checks: Iterable[Check] = CHECKS, languages: Iterable[Language] | None = None
) -> Examination:
    """Check all there is, in the order of the places in the templates.

    Every sample in one language, English where it is among them, and the first sample in all: what is wrong with the
    data shows in any language, and what is wrong with a language in any data.
    """
    languages = tuple(gallery.languages.known.values() if languages is None else languages)
    with gallery.one_look():
        return _examine(gallery, tuple(checks), languages)


def _examine(gallery: Gallery, checks: tuple[Check, ...], languages: tuple[Language, ...]) -> Examination:
    names, rendered = gallery.names(), 0
    mails: dict[Finding, list[str]] = defaultdict(list)
    templates_for = gallery.renderers(with_lenient_origins)
    for template in names:
        try:
            samples = gallery.samples(template).values()
        except TemplateInvalid as error:
            mails[explain_samples(error, gallery.folders).finding].append(template)
            continue
        for finding in find_unknown_filters(gallery, template):
            mails[finding].append(template)
        for sample, language in _samples_in_languages(samples, languages):
            rendered += 1
            mail = f"{template}/{sample.name}" + (f" {language.tag}" if len(languages) > 1 else "")
            for finding in dict.fromkeys(findings(templates_for(sample), template, sample, language, checks)):
                mails[finding].append(mail)
    for finding in find_untranslated(gallery, names, languages):
        mails[finding] = []
    kept = one_for_each_engine(mails)
    ordered = sorted(kept, key=lambda finding: (finding.place, finding.rule, finding.message))
    return Examination(tuple(Found(one, tuple(kept[one])) for one in ordered), len(names), rendered)


def _samples_in_languages(
    samples: Iterable[Sample], languages: Sequence[Language]
) -> Iterator[tuple[Sample, Language]]:
    for number, sample in enumerate(samples):
        if number == 0:
            yield from ((sample, language) for language in languages)
        else:
            yield sample, next((one for one in languages if one.tag == SOURCE_LANGUAGE), languages[0])


def findings(
    templates: Templates, template: str, sample: Sample, language: Language, checks: Iterable[Check]
) -> Iterable[Finding]:
    """Yield what is wrong with one mail. `templates` come from `Gallery.renderers`, with origins."""
    try:
        document = read_document(templates, template, sample, language)
    except TemplateInvalid as error:
        yield explain(error, templates.folders, sample).finding
        return
    yield from document_findings(document, checks)


def document_findings(document: Document, checks: Iterable[Check]) -> Iterable[Finding]:
    """Yield what is wrong with a mail that Jinja can render."""
    if document.is_mjml:
        yield from guard(document)
    if document.html:
        for check in checks:
            yield from check(document)
