"""Checks a mail that an app has sent: its HTML and text, without templates.

A few kilobytes of HTML and CSS can cost an hour of work, so the studio has a renderer do it, which has limits.
"""

from msgspec.structs import replace

from keyturn.mail.languages import SOURCE_LANGUAGE, Languages
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.folders import MailFiles
from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.gallery import Sample
from keyturn.studio.lint.check import document_findings
from keyturn.studio.lint.checks import checks_for
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.markup.marked_html import mark_html
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.source.traced_text import trace_data

HTML, TEXT = "HTML", "text"
"""Names in the places of findings, instead of files."""


def examine(_: object, html: str, text: str, subject: str, clients: tuple[str, ...] = ()) -> list[Finding]:
    """Return the findings in a mail. `clients`: existing groups of mail clients. A renderer's state is not needed."""
    checks = checks_for(clients)
    findings = dict.fromkeys(document_findings(document_of(html, text, subject), checks))
    for_senders = (replace(one, fix=RULES.row_of(one).fixes.get("sent", one.fix)) for one in findings)
    return sorted(for_senders, key=lambda finding: (finding.place, finding.rule, finding.message))


def document_of(html: str, text: str = "", subject: str = "") -> Document:
    root = parse_html(html)
    return Document(
        template="",
        files=MailFiles(HTML, TEXT),
        sample=Sample("", {}),
        language=Languages("UTC").choose(SOURCE_LANGUAGE),
        mail=Rendered(subject=subject, preheader="", html=html, text=text, mjml=""),
        markup=trace_data(html, HTML, 1, 1),
        marked_html=mark_html(html, root),
        text=trace_data(text, TEXT, 1, 1),
        root=root,
    )
