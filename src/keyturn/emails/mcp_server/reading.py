"""What a renderer does for an agent: it lists, describes, renders and checks mails."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from keyturn.emails.gallery import Gallery, Sample
from keyturn.emails.lint.browser.chromium import MailsToMeasure, MailToMeasure
from keyturn.emails.lint.checks import checks_for
from keyturn.emails.lint.clients.clients import Clients
from keyturn.emails.lint.examination import equal_findings, examine, mails_of
from keyturn.emails.lint.suppression import Severities
from keyturn.emails.renderers import Limits
from keyturn.errors import KeyturnError

MOST_CHECKED = 20
"""Templates in one answer: an agent waits for it."""

_MOST_PLACES = 5


class NotRendered(KeyturnError):
    """A mail cannot be rendered; the findings say why."""


@dataclass(frozen=True, kw_only=True)
class ListedMail:
    """A mail, with the names of its samples and the files that it uses, its own first."""

    template: str
    samples: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Mistakes:
    """Equal findings as one, with the first of their `places` ("file:line:column") and the mails that have it."""

    severity: str
    rule: str
    message: str
    fix: str
    places: tuple[str, ...]
    mails: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class InboxView:
    """What an inbox shows of a mail, and its text part."""

    subject: str
    preheader: str
    text: str


@dataclass(frozen=True)
class MailReader:
    """A folder of mails, and how it is checked. `clients`, `severity`: as in the studio's settings."""

    gallery: Gallery
    clients: tuple[str, ...]
    severity: Mapping[str, str]
    limits: Limits


def list_mails(reader: MailReader) -> list[ListedMail]:
    gallery = reader.gallery
    with gallery.one_look():
        return [
            ListedMail(template=one.name, samples=one.samples, files=tuple(gallery.files_of(one.name)))
            for one in gallery.entries()
        ]


def data_of(reader: MailReader, template: str, sample: str) -> dict[str, Any]:
    """Return the values of a sample as JSON has them. Raises LookupError, TemplateInvalid."""
    values: dict[str, Any] = msgspec.to_builtins(_sample(reader, template, sample).values, enc_hook=str)
    return values


def find_mistakes(reader: MailReader, template: str) -> list[Mistakes]:
    """Return the findings on a mail, or on the first mails of the folder; the worst come first. Raises LookupError."""
    gallery = reader.gallery
    with gallery.one_look():
        if template:
            gallery.files(template)
        found = examine(
            gallery,
            checks_for(Clients.from_names(reader.clients), gallery.audits),
            severities=Severities(reader.severity),
            only=[template] if template else gallery.names()[:MOST_CHECKED],
            limits=reader.limits,
        )
    return [
        Mistakes(
            severity=those[0].finding.severity,
            rule=those[0].finding.rule,
            message=those[0].finding.message,
            fix=those[0].finding.fix,
            places=tuple(str(one.finding.place) for one in those[:_MOST_PLACES]),
            mails=tuple(mails_of(those)[:_MOST_PLACES]),
        )
        for those in equal_findings(found.found)
    ]


def inbox_view(reader: MailReader, template: str, sample: str, language: str) -> InboxView:
    """Render a mail as it is sent. Raises LookupError, TemplateInvalid."""
    gallery, of_mail = reader.gallery, _sample(reader, template, sample)
    with gallery.one_look():
        templates = gallery.renderers()(of_mail)
        filled = templates.fill(template, of_mail.values, gallery.languages.choose(language))
        rendered = templates.compile(template, filled)
    return InboxView(subject=rendered.subject, preheader=rendered.preheader, text=rendered.text)


def for_browser(reader: MailReader, template: str, sample: str, language: str) -> MailToMeasure:
    """Return a mail whose elements know their lines. Raises LookupError, NotRendered, TemplateInvalid."""
    drawn = MailsToMeasure(reader.gallery).draw(template, _sample(reader, template, sample), language)
    if drawn is None:
        raise NotRendered(f"{template} cannot be rendered: find_mistakes says why")
    return drawn


def _sample(reader: MailReader, template: str, name: str) -> Sample:
    samples = reader.gallery.samples(template)
    if not name and samples:
        return next(iter(samples.values()))
    if name not in samples:
        raise LookupError(f"{template} has no sample called {name}; it has {', '.join(samples) or 'none'}.")
    return samples[name]
