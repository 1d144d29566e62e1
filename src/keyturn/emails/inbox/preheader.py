"""What a list of mails shows beside the subject: the hidden text that most HTML mails begin with."""

from keyturn.mail.rendering.html_tree import parse_html

READ = 64 * 1024
"""So many characters of HTML are read: lists show what it begins with."""


def preheader_of(html: str) -> str:
    """Return the first text that is not displayed; nothing where there is none."""
    for element in parse_html(html[:READ]).walk():
        if "display:none" in "".join(element.get("style").lower().split()) and (text := element.text()):
            return " ".join(text.split())
    return ""
