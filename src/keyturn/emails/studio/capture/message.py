"""A preview as the whole message that would be sent, to be read and to be opened in a mail program."""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import formataddr, parseaddr
from hashlib import sha256
from typing import Any

from keyturn.mail.port.email import Email
from keyturn.mail.port.mime import to_mime
from keyturn.mail.rendering.compiling import Rendered

_ADDRESS = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+")
_RECIPIENT, _SENDER = "someone@example.test", "no-reply@example.test"


def message_of(mail: Rendered, values: Mapping[str, Any], sender: str, saved: datetime) -> bytes:
    """Return the message; the same mail is the same to the byte. `saved` is when the templates were saved last."""
    if "@" not in parseaddr(sender)[1]:
        sender = formataddr((sender, _SENDER))
    email = Email(sender=sender, to=_recipient(values), subject=mail.subject, html=mail.html, text=mail.text)
    digest = sha256(f"{mail.subject}\0{mail.html}\0{mail.text}".encode("utf-8", "replace")).hexdigest()
    return to_mime(email, key=digest[:32], date=saved)


def _recipient(values: Mapping[str, Any]) -> str:
    """Return the address that the sample gives, as far as its name says that it is one."""
    texts = {name: value for name, value in values.items() if isinstance(value, str) and _ADDRESS.fullmatch(value)}
    named = (value for name, value in texts.items() if re.search("mail|address|recipient|^to$", name.lower()))
    return next(named, _RECIPIENT)
