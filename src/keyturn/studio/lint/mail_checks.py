"""Which checks a mail gets, and the findings that they make on it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from operator import attrgetter

from msgspec.structs import replace

from keyturn.studio.lint.checks import accessibility, comments, links, parts, safety
from keyturn.studio.lint.checks.compatibility import check_compatibility
from keyturn.studio.lint.checks.conditionals import check_conditionals
from keyturn.studio.lint.checks.selectors import check_selectors
from keyturn.studio.lint.clients.clients import clients_in
from keyturn.studio.lint.document import Check, Document, sent_document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.guard import guard
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.source.stand_ins import NO_LAYOUT

TEXT_CHECKS: tuple[Check, ...] = (links.check_links_in_text, *parts.OF_ALL_PARTS)
"""The checks of a mail that has no HTML."""


def checks_for(groups: Iterable[str] = (), audits: Mapping[str, str] = {}) -> tuple[Check, ...]:
    """Return the checks for groups of mail clients.

    `audits`: what mails declare, by name. Raises UnknownClients.
    """
    return (
        partial(safety.check_safety, audits=audits),
        partial(check_compatibility, clients=clients_in(groups)),
        links.check_links,
        check_selectors,
        *accessibility.CHECKS,
        *comments.CHECKS,
        check_conditionals,
        *parts.CHECKS,
    )


CHECKS = checks_for()


def document_findings(document: Document, checks: Iterable[Check]) -> Iterator[Finding]:
    """Yield the findings on a rendered mail, without those on a stand-in: the missing part is a
    finding itself.
    """
    findings = _all_findings(document, checks)
    if document.missing or document.sample.forced:
        findings = _without_stand_ins(findings, document)
    return findings


def _all_findings(document: Document, checks: Iterable[Check]) -> Iterator[Finding]:
    if document.files.is_mjml:
        yield from guard(document)
    if document.files.is_text:
        checks = TEXT_CHECKS
    elif not document.mail.html:
        checks = ()
    for check in checks:
        yield from check(document)


def _without_stand_ins(findings: Iterable[Finding], document: Document) -> Iterator[Finding]:
    """Leave out the findings on what the mail shows in place of a part or a layout."""
    shown_at = {document.place(mark.start()) for mark in re.finditer(r"\[\[", document.markup)}
    lacks_layout = document.place(document.body.offset).file == NO_LAYOUT
    for finding in findings:
        is_of_layout = finding.place.file == NO_LAYOUT or RULES.row_of(finding).is_of_nesting
        is_of_stand_in = finding.place in shown_at or "[[" in finding.message
        if not is_of_stand_in and not (lacks_layout and is_of_layout):
            yield finding


def check_sent_mail(
    _: object, html: str, text: str, subject: str, clients: tuple[str, ...] = ()
) -> list[Finding]:
    """Return the findings on a sent mail.

    It runs in a renderer: a few kilobytes of HTML and CSS can cost an hour of work.
    """
    document = sent_document(html, text, subject)
    findings = dict.fromkeys(document_findings(document, checks_for(clients)))
    for_senders = []
    for finding in findings:
        fix = RULES.row_of(finding).fixes.get("sent", finding.fix)
        for_senders.append(replace(finding, fix=fix))
    return sorted(for_senders, key=attrgetter("place", "rule", "message"))
