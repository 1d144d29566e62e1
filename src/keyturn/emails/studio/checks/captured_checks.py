"""What the checks say of captured mails: found out when somebody asks, and kept for the mails asked for last."""

import threading
from collections import OrderedDict

from keyturn.emails.inbox.captured_mail import CapturedMail
from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.studio.checks.report import Report

_MOST = 500
_LONGEST = 512 * 1024
"""Characters of HTML and of text that are checked."""

_SECONDS = 10.0


class CapturedChecks:
    """Checks one mail at a time, from any thread. `clients` are groups of mail clients."""

    def __init__(self, clients: tuple[str, ...]) -> None:
        self._clients = clients
        self._known: OrderedDict[str, Report] = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def last_report(self, mail_id: str) -> Report | None:
        return self._known.get(mail_id)

    def check(self, mail: CapturedMail, content: MailContent) -> Report:
        """Return what is wrong with a mail; it may take seconds."""
        with self._one_at_a_time:
            report = self._known.pop(mail.id, None) or self._examine(mail, content)
            self._known[mail.id] = report
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
            return report

    def _examine(self, mail: CapturedMail, content: MailContent) -> Report:
        # The checks take longer to load than the studio.
        from keyturn.emails.lint.sent_mail import SentMail, TooLong, examine_apart  # noqa: PLC0415
        from keyturn.emails.studio.checks.message_checks import check_message  # noqa: PLC0415

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
