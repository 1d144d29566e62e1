"""What a renderer does for the language server: it checks an unsaved text, and collects the words of a mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.gallery import Draft
from keyturn.emails.lint.baseline import read_baseline
from keyturn.emails.lint.checks import checks_for
from keyturn.emails.lint.clients.clients import Clients
from keyturn.emails.lint.examination import examine
from keyturn.emails.lint.finding import Finding
from keyturn.emails.lint.suppression import Severities
from keyturn.emails.lint.vocabulary import vocabulary
from keyturn.emails.renderers import Limits

MOST_MAILS = 8
"""Mails in which a shared file is checked."""


@dataclass(frozen=True)
class CheckedFolder:
    """A folder of mails, and how it is checked. `clients`, `severity`: as in the studio's settings.

    `baseline`: a file of known findings, which are not reported.
    """

    gallery: Gallery
    clients: tuple[str, ...]
    severity: Mapping[str, str]
    limits: Limits
    baseline: Path | None = None

    @cached_property
    def chosen_clients(self) -> Clients:
        return Clients.from_names(self.clients)

    def templates_of(self, file: str) -> Sequence[str]:
        """Return the mails that use a file, the first few."""
        return self.gallery.users(file)[:MOST_MAILS]


def findings_in(folder: CheckedFolder, draft: Draft, templates: Sequence[str], in_branches: bool) -> Sequence[Finding]:
    """Return the findings in an unsaved file, in these mails. `in_branches`: also in values that reach each branch."""
    gallery = folder.gallery.with_draft(draft)
    gallery = replace(gallery, finds_branches=gallery.finds_branches and in_branches)
    found = examine(
        gallery,
        checks_for(folder.chosen_clients, gallery.audits),
        severities=Severities(folder.severity),
        only=templates,
        limits=folder.limits,
    )
    if folder.baseline and folder.baseline.is_file():
        found = read_baseline(folder.baseline).without_known(found)
    return [one.finding for one in found.found if one.finding.place.file == draft.file]


def words_of(folder: CheckedFolder, template: str) -> dict[str, Any]:
    return vocabulary(folder.gallery, template)
