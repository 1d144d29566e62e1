"""Mails in files that a command is about: an .eml, a folder of them, a Maildir."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyturn.cli.terminal import warning
from keyturn.plain_files import paths_below

if TYPE_CHECKING:
    from keyturn.emails.inbox.store import CapturedMails

_TEMPLATES = frozenset({".mjml", ".html", ".htm", ".j2", ".jinja", ".jinja2"})


def mails_in(place: Path) -> list[Path]:
    """Return the mails that a path holds; none where it is no file of one, or holds templates as well."""
    from keyturn.emails.inbox.mail_files import mail_files

    if place.is_dir() and any(file.suffix.lower() in _TEMPLATES for file in paths_below(place)):
        return []  # told by the first one: a large folder of templates is not searched to its end
    return mail_files(place) if place.exists() else []


def read_mails(captured: "CapturedMails", mails: Sequence[Path]) -> None:
    """Put them into the inbox, and say which could not be read."""
    from keyturn.emails.inbox.mail_files import add_mail_files

    for file in add_mail_files(captured, mails):
        click.echo(warning(f"{file} was not read: it is empty, larger than 32 MB, or may not be read"), err=True)
