"""Checks a mail that an app has sent: its HTML and text, without templates.

The checks run in a process of their own, `python -m keyturn.studio.lint.sent_mail`. A few kilobytes of HTML and CSS can
cost an hour of work, so the parent stops the process after a time limit.
"""

import subprocess
import sys

import msgspec

from keyturn.mail.languages import SOURCE_LANGUAGE, Languages
from keyturn.mail.rendering.folders import MailFiles
from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.lint.check import document_findings
from keyturn.studio.lint.checks import checks_for
from keyturn.studio.lint.clients.clients import Clients
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.markup.marked_html import mark_html
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.source.traced_text import trace_data

HTML, TEXT = "HTML", "text"
"""Names in the places of findings, instead of files."""


class SentMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail to check. `clients`: names of existing groups of mail clients."""

    subject: str
    html: str
    text: str
    clients: tuple[str, ...] = ()


class NotExamined(Exception):
    """The checks failed or ran out of time."""


def examine_apart(mail: SentMail, seconds: float) -> list[Finding]:
    """Check a mail in a process of its own. Raises TooLong."""
    command = [sys.executable, "-P", "-m", __spec__.name]  # not from a folder of that name that it is started in
    try:
        ended = subprocess.run(  # noqa: S603 - our own module
            command, input=msgspec.json.encode(mail), capture_output=True, timeout=seconds, check=True
        )
        return msgspec.json.decode(ended.stdout, type=list[Finding])
    except (subprocess.SubprocessError, OSError, msgspec.DecodeError) as error:
        raise NotExamined from error


def examine(mail: SentMail) -> list[Finding]:
    found = dict.fromkeys(
        document_findings(document_of(mail.html, mail.text, mail.subject), checks_for(Clients.from_names(mail.clients)))
    )
    return sorted(map(_for_senders, found), key=lambda finding: (finding.place, finding.rule, finding.message))


def _for_senders(finding: Finding) -> Finding:
    fixes = RULES[finding.rule].fixes if finding.rule in RULES else {}
    return msgspec.structs.replace(finding, fix=fixes.get("sent", finding.fix))


def document_of(html: str, text: str = "", subject: str = "") -> Document:
    root = parse_html(html)
    return Document(
        template="",
        files=MailFiles(HTML, TEXT),
        sample="",
        language=Languages("UTC").choose(SOURCE_LANGUAGE),
        values={},
        subject=subject,
        preheader="",
        markup=trace_data(html, HTML, 1, 1),
        html=html,
        marked_html=mark_html(html, root),
        text=trace_data(text, TEXT, 1, 1),
        root=root,
    )


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=SentMail)
    sys.stdout.buffer.write(msgspec.json.encode(examine(given)))
