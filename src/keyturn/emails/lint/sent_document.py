"""A mail that was sent, as the checks see mails: the template that it comes from is itself."""

from keyturn.emails.lint.document import Document
from keyturn.emails.lint.source.traced_text import trace_data
from keyturn.languages import SOURCE_LANGUAGE, Languages
from keyturn.mail.rendering.files import MailFiles
from keyturn.mail.rendering.html_tree import parse_html

HTML, TEXT = "HTML", "text"
"""What the places of findings name, in place of files."""


def document_of(html: str, text: str = "", subject: str = "") -> Document:
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
        text=trace_data(text, TEXT, 1, 1),
        root=parse_html(html),
    )
