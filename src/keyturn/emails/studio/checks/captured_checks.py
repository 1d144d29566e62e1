"""What the checks say of captured mails: found out when somebody asks, and kept for the mails asked for last."""

import threading
from typing import TYPE_CHECKING

from keyturn.emails.inbox.captured_mail import CapturedMail
from keyturn.emails.inbox.inline_images import weight_of_part
from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.lint.finding import Finding
from keyturn.emails.studio.checks.report import Report
from keyturn.emails.studio.rendering.kept import Kept

if TYPE_CHECKING:
    from keyturn.emails.lint.browser.images import Image
    from keyturn.emails.lint.browser.measurements import Noticed
    from keyturn.emails.lint.document import Document

_MOST = 500
_LONGEST = 512 * 1024
"""Characters of HTML and of text that are checked."""

_SECONDS = 10.0


class CapturedChecks:
    """Checks one mail at a time, from any thread. `clients` are groups of mail clients."""

    def __init__(self, clients: tuple[str, ...]) -> None:
        self._clients = clients
        self._known: Kept[str, Report] = Kept(_MOST)
        self._seen: Kept[str, tuple[Finding, ...]] = Kept(_MOST)
        self._one_at_a_time = threading.Lock()

    def last_report(self, mail_id: str) -> Report | None:
        """Return what is known by now, as a browser has it, too."""
        report, seen = self._known.get(mail_id), self._seen.get(mail_id)
        return (report or Report(())).and_also(seen) if seen else report

    def notice(self, mail: CapturedMail, content: MailContent, answer: bytes) -> list["Noticed"]:
        """Keep what a browser has measured, and return it. Raises msgspec.DecodeError for anything else."""
        from keyturn.emails.lint.browser.images import check_images
        from keyturn.emails.lint.browser.measurements import findings_of, notice, place_of_key, read_measurements

        measured, document = read_measurements(answer), self._document(content)
        noticed = notice(measured, place_of_key(document))
        findings = tuple(dict.fromkeys((*findings_of(noticed), *check_images(self.images(content)))))
        self._seen.put(mail.id, findings)
        return noticed

    def images(self, content: MailContent) -> tuple["Image", ...]:
        """Return the images of a mail, with the weights of those that it brings along; none of a very long one."""
        from keyturn.emails.lint.browser.images import images_of

        if not self.is_measured(content):
            return ()
        return images_of(self._document(content), lambda address: weight_of_part(content, address))

    def marked_html(self, content: MailContent) -> str:
        """Return the HTML of which every tag says where it stands, for who measures it."""
        return self._document(content).marked_html

    def is_measured(self, content: MailContent) -> bool:
        """Tell whether it has HTML, and not more than anybody measures."""
        return 0 < len(content.html) <= _LONGEST

    def _document(self, content: MailContent) -> "Document":
        from keyturn.emails.lint.sent_document import document_of

        return document_of(content.html)

    def check(self, mail: CapturedMail, content: MailContent) -> Report:
        """Return what is wrong with a mail; it may take seconds."""
        with self._one_at_a_time:
            report = self._known.get(mail.id) or self._examine(mail, content)
            self._known.put(mail.id, report)
            return report

    def _examine(self, mail: CapturedMail, content: MailContent) -> Report:
        # The checks take longer to load than the studio.
        from keyturn.emails.lint.sent_mail import SentMail, TooLong, examine_apart
        from keyturn.emails.studio.checks.message_checks import check_message

        findings = tuple(dict.fromkeys(check_message(content, mail.summary)))
        if not content.html:
            return Report(findings)
        if max(len(content.html), len(content.text)) > _LONGEST:
            return Report(findings, unchecked=f"Its HTML was not checked: it has over {_LONGEST // 1024} KB.")
        sent = SentMail(subject=mail.subject, html=content.html, text=content.text, clients=self._clients)
        try:
            return Report((*findings, *examine_apart(sent, _SECONDS)))
        except TooLong:
            return Report(findings, unchecked=f"Its HTML was not checked: that takes over {_SECONDS:g} seconds.")
