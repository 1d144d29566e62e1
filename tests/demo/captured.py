"""The mails that a demo has captured."""

import email
import re
from email.message import EmailMessage
from email.policy import default
from pathlib import Path


def newest(folder: str) -> EmailMessage:
    files = sorted(Path(folder).glob("*.eml"), key=lambda file: file.stat().st_mtime)
    message = email.message_from_bytes(files[-1].read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def link_in(message: EmailMessage) -> str:
    """Return the one address in the text part."""
    body = message.get_body(("plain",))
    assert body
    (link,) = re.findall(r"https?://\S+", body.get_content())
    return str(link)


def token_in(link: str) -> str:
    (token,) = re.findall(r"(?<![\w-])[\w-]{43}(?![\w-])", link)
    return str(token)
