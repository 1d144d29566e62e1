"""Every mail of a folder in a browser: what `check --browser` adds to what the checks find."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.browser.chromium import Chromium, NotMeasured
from keyturn.emails.lint.browser.images import check_images, files_beside, images_of
from keyturn.emails.lint.browser.measurements import RULES, findings_of, notice, place_of_key
from keyturn.emails.lint.document import Document, read_document
from keyturn.emails.lint.examination import samples_in_languages
from keyturn.emails.lint.finding import Finding
from keyturn.emails.lint.jinja.unknown_filters import with_lenient_origins
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language


def look_at_mails(
    gallery: Gallery,
    chromium: Chromium,
    languages: Iterable[Language] | None = None,
    *,
    only: Collection[str] | None = None,
) -> Mapping[Finding, list[str]]:
    """Return what a browser finds, each with the mails that have it, for the same mails as `examine` checks.

    What cannot be drawn is left to the checks, which say so.
    """
    languages = tuple(gallery.languages.known.values() if languages is None else languages)
    found: dict[Finding, list[str]] = defaultdict(list)
    templates_for = gallery.renderers(with_lenient_origins)
    with gallery.one_look():
        for template in gallery.names():
            if only is not None and template not in only:
                continue
            try:
                samples = gallery.samples(template).values()
            except TemplateInvalid:
                continue
            for sample, language in samples_in_languages(samples, languages):
                try:
                    document = read_document(templates_for(sample), template, sample, language)
                except TemplateInvalid:
                    continue
                mail = f"{template}/{sample.name}" + (f" {language.tag}" if len(languages) > 1 else "")
                for finding in look_at(document, gallery, chromium) if document.html else ():
                    found[finding].append(mail)
    return found


def look_at(document: Document, gallery: Gallery, chromium: Chromium) -> Iterator[Finding]:
    """Yield what a browser finds in one mail."""
    try:
        measurements = chromium.measure(document.marked_html)
    except NotMeasured as reason:
        yield document.finding(
            document.body.offset, RULES["not-measured"], "warning", f"A browser could not measure the mail: {reason}.",
            "Look at it in the studio, and make it shorter if it takes long to be drawn.",
        )  # fmt: skip
    else:
        yield from findings_of(notice(measurements, place_of_key(document)))
    beside = files_beside(gallery.folder)
    yield from check_images(
        document, images_of(document, lambda address: chromium.weights.get(address) or beside(address))
    )
