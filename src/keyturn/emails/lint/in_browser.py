"""Every mail of a folder in a browser: what `check --browser` adds to what the checks find."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.gallery.branches.search import LONGEST
from keyturn.emails.lint.browser.chromium import Chromium, NotMeasured
from keyturn.emails.lint.browser.images import Image, check_images, files_beside, images_of, with_weights
from keyturn.emails.lint.browser.measurements import RULES, findings_of, notice, place_of_key
from keyturn.emails.lint.document import read_document
from keyturn.emails.lint.finding import Finding, Place
from keyturn.emails.lint.jinja.unknown_filters import with_lenient_origins
from keyturn.emails.lint.markup.marked_html import keys_in
from keyturn.emails.lint.template_checks import ENOUGH, samples_in_languages
from keyturn.emails.workers import Here, LimitExceeded, Limits, Runner
from keyturn.emails.workers.limits import OutOfTime
from keyturn.errors import TemplateInvalid
from keyturn.languages import Language

_TO_EXPLORE = LONGEST + Limits().seconds
"""Seconds for finding the values of branches."""


@dataclass(frozen=True, slots=True)
class MailToMeasure:
    """A drawn mail: `places` are those of the keys that its HTML carries, `first` is where its body begins."""

    html: str
    places: Mapping[str, Place]
    first: Place
    images: tuple[Image, ...]

    def place_of(self, key: str) -> Place:
        return self.places.get(key, self.first)


class MailsToMeasure:
    """Draws mails of a gallery for a browser: what a worker has."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._templates_for = gallery.renderers(with_lenient_origins)

    def samples(self, template: str) -> tuple[Sample, ...]:
        """Return the samples of a template, and those of its branches; none where they cannot be read."""
        try:
            known = tuple(self._gallery.samples(template).values())
        except TemplateInvalid:
            return ()
        try:
            report = self._gallery.branches(template)
        except OutOfTime:
            return known
        return (*known, *(report.samples if report else ()))

    def draw(self, template: str, sample: Sample, tag: str) -> MailToMeasure | None:
        """Return a mail; None where it cannot be drawn, which the checks say. Raises OutOfTime."""
        language = self._gallery.languages.choose(tag)
        try:
            document = read_document(self._templates_for(sample), template, sample, language)
        except TemplateInvalid as error:
            if isinstance(error.__cause__, OutOfTime):
                raise error.__cause__ from error
            return None
        if not document.html:
            return None
        html, place_of = document.marked_html, place_of_key(document)
        images = images_of(document, files_beside(self._gallery.folder))
        places = {key: place_of(key) for key in keys_in(html)}
        return MailToMeasure(html, places, document.place(document.body.offset), images)


def look_at_mails(
    gallery: Gallery,
    chromium: Chromium,
    languages: Iterable[Language] | None = None,
    *,
    only: Collection[str] | None = None,
    runner: Runner[MailsToMeasure] | None = None,
) -> Mapping[Finding, list[str]]:
    """Return what a browser finds, each with the mails that have it, for the same mails as `examine` checks.

    `runner` draws; without one it is done here, where nothing bounds it. What cannot be drawn, or takes more than it
    may, is left to the checks, which say so.
    """
    languages = tuple(gallery.languages.known.values() if languages is None else languages)
    found: dict[Finding, list[str]] = defaultdict(list)
    with gallery.one_look():
        runner = runner or Here(MailsToMeasure(gallery))
        for template in gallery.names():
            if only is None or template in only:
                for name, mail in _drawn(runner, template, languages):
                    for finding in look_at(mail, chromium):
                        found[finding].append(name)
    return found


def _drawn(
    runner: Runner[MailsToMeasure], template: str, languages: tuple[Language, ...]
) -> Iterator[tuple[str, MailToMeasure]]:
    """Yield the mails of a template with their names, as long as not too many of them pass a limit."""
    try:
        samples = runner.run_for(_TO_EXPLORE, MailsToMeasure.samples, template)
    except LimitExceeded:
        return
    ended = 0
    for sample, language in samples_in_languages(samples, languages):
        try:
            mail = runner.run(MailsToMeasure.draw, template, sample, language.tag)
        except LimitExceeded:
            ended += 1
            if ended >= ENOUGH:
                return
        else:
            if mail:
                yield f"{template}/{sample.name}" + (f" {language.tag}" if len(languages) > 1 else ""), mail


def look_at(mail: MailToMeasure, chromium: Chromium) -> Iterator[Finding]:
    """Yield what a browser finds in one mail."""
    try:
        measurements = chromium.measure(mail.html)
    except NotMeasured as reason:
        yield RULES["not-measured"].finding(
            mail.first,
            "warning",
            f"A browser could not measure the mail: {reason}.",
            "Look at it in the studio, and make it shorter if it takes long to be drawn.",
        )
    else:
        yield from findings_of(notice(measurements, mail.place_of))
    yield from check_images(with_weights(mail.images, chromium.weights))
