"""A mail that was sent, by whatever app: its HTML and text through the checks, without any template.

It runs as a process of its own, `python -m keyturn.emails.lint.sent_mail`, since an hour of work can be made of a few
kilobytes of HTML and CSS: who started it ends it when its time is over.
"""

import subprocess
import sys
from collections.abc import Sequence

import msgspec

from keyturn.emails.lint.checks import checks_for
from keyturn.emails.lint.clients.clients import Clients
from keyturn.emails.lint.finding import Finding
from keyturn.emails.lint.sent_document import document_of
from keyturn.emails.lint.template_checks import document_findings

_FIXES = {
    "parity/no-text": "Send a text/plain part, too, with the same links.",
    "parity/unfilled": "Fill it in before the mail is sent.",
    "parity/long-line": "Break lines at about 72 characters.",
}
"""What to do where the fix of the rule speaks of templates."""


class SentMail(msgspec.Struct, frozen=True, kw_only=True):
    """Holds what is checked; `clients` are groups of mail clients, all of which exist."""

    subject: str
    html: str
    text: str
    clients: tuple[str, ...] = ()


class TooLong(Exception):
    """The checks did not end in time, or not at all."""


def examine_apart(mail: SentMail, seconds: float) -> list[Finding]:
    """Check a mail in a process of its own. Raises TooLong."""
    command = [sys.executable, "-P", "-m", __spec__.name]  # not from a folder of that name that it is started in
    try:
        ended = subprocess.run(  # noqa: S603 - our own module
            command, input=msgspec.json.encode(mail), capture_output=True, timeout=seconds, check=True
        )
        return msgspec.json.decode(ended.stdout, type=list[Finding])
    except (subprocess.SubprocessError, OSError, msgspec.DecodeError) as error:
        raise TooLong from error


def examine(mail: SentMail) -> list[Finding]:
    """Return what is wrong, in the order of the places."""
    found = dict.fromkeys(
        document_findings(document_of(mail.html, mail.text, mail.subject), checks_for(Clients.from_names(mail.clients)))
    )
    return sorted(map(_for_senders, found), key=lambda finding: (finding.place, finding.rule, finding.message))


def _for_senders(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, fix=_FIXES.get(finding.rule, finding.fix))


def _main(given: Sequence[bytes]) -> bytes:
    return msgspec.json.encode(examine(msgspec.json.decode(b"".join(given), type=SentMail)))


if __name__ == "__main__":
    sys.stdout.buffer.write(_main([sys.stdin.buffer.read()]))
