"""What a list of mails shows beside the subject: the hidden text that most HTML mails begin with."""

from itertools import islice

from keyturn.emails.inbox.mail import markup_to_read
from keyturn.mail.rendering.html_tree import parse_html

READ = 64 * 1024
"""So many characters of HTML are read: lists show what it begins with."""

_MOST = 10


def preheader_of(html: str) -> str:
    """Return the first text that is not displayed; nothing where there is none."""
    elements = parse_html(markup_to_read(html, READ)).walk()
    hidden = (element for element in elements if "display:none" in "".join(element.get("style").lower().split()))
    texts = (" ".join(element.text().split()) for element in islice(hidden, _MOST))
    return next(filter(None, texts), "")
