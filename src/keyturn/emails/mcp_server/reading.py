"""What a renderer does for an agent: it lists, describes, renders and checks mails."""

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from keyturn.emails.lint.browser.chromium import MailsToMeasure, MailToMeasure
from keyturn.emails.lint.examination import equal_findings, mails_of
from keyturn.emails.mails import Mails
from keyturn.emails.studio.frames.rewriting import without_network

MOST_CHECKED = 20
"""Templates in one answer: an agent waits for it."""

_MOST_PLACES = 5
_MOST_FAULTS = 5


@dataclass(frozen=True, kw_only=True)
class ListedMail:
    """A mail, with the names of its samples and the files that it uses, its own first."""

    template: str
    samples: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Mistakes:
    """Equal findings as one: the first of its `places` ("file:line:column") and of its mails, and how many have it."""

    severity: str
    rule: str
    message: str
    fix: str
    places: tuple[str, ...]
    mails: tuple[str, ...]
    in_mails: int


@dataclass(frozen=True, kw_only=True)
class InboxView:
    """What an inbox shows of a mail, and its text part."""

    subject: str
    preheader: str
    text: str


def list_mails(mails: Mails) -> list[ListedMail]:
    gallery = mails.gallery
    with gallery.one_look():
        return [
            ListedMail(template=one.name, samples=one.samples, files=tuple(gallery.files_of(one.name)))
            for one in gallery.entries()
        ]


def data_of(mails: Mails, template: str, sample: str) -> dict[str, Any]:
    """Return the values of a sample as JSON has them. Raises LookupError, TemplateInvalid."""
    values: dict[str, Any] = msgspec.to_builtins(mails.sample(template, sample).values, enc_hook=str)
    return values


def find_mistakes(mails: Mails, template: str) -> list[Mistakes]:
    """Return the findings on a mail, or on the first mails of the folder; the worst come first. Raises LookupError."""
    found = mails.check([template] if template else mails.names()[:MOST_CHECKED])
    return [
        Mistakes(
            severity=those[0].finding.severity,
            rule=those[0].finding.rule,
            message=those[0].finding.message,
            fix=those[0].finding.fix,
            places=tuple(str(one.finding.place) for one in those[:_MOST_PLACES]),
            mails=tuple(mails_of(those)[:_MOST_PLACES]),
            in_mails=len(mails_of(those)),
        )
        for those in equal_findings(found.found)
    ]


def inbox_view(mails: Mails, template: str, sample: str, language: str) -> InboxView:
    """Render a mail as it is sent. Raises LookupError, TemplateInvalid."""
    rendered = mails.render(template, sample=sample, language=language)
    return InboxView(subject=rendered.subject, preheader=rendered.preheader, text=rendered.text)


def faults_of(mails: Mails, template: str) -> str:
    """Return the first faults that keep a mail's HTML from being sent, one a line; "" without. Raises LookupError."""
    if mails.gallery.files(template).is_text:
        return ""
    found = [
        one for one in find_mistakes(mails, template) if one.severity == "error" or one.rule.startswith("unchecked/")
    ]
    lines = [f"{one.places[0]} {one.rule}: {one.message} {one.fix}".rstrip() for one in found[:_MOST_FAULTS]]
    left = len(found) - len(lines)
    return "\n".join([*lines, *([f"find_mistakes has {left} more."] if left else [])])


def for_browser(mails: Mails, template: str, sample: str, language: str) -> MailToMeasure | None:
    """Return a mail whose elements know their lines, with boxes for images of other hosts.

    Returns None if it has no HTML or cannot be rendered. Raises LookupError, TemplateInvalid.
    """
    drawn = MailsToMeasure(mails.gallery).draw(template, mails.sample(template, sample), language)
    return drawn and replace(drawn, html=without_network(drawn.html))
