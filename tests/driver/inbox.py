"""The mails of a test: a sender that keeps them, and how a person reads them."""

import asyncio
import re
from collections import deque
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path

from keyturn.errors import SendFailed
from keyturn.mail.port.email import Email

TOKEN = re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])")
"""32 bytes in base64url without padding (RFC 4648, section 5)."""


class Inbox:
    """A Sender that accepts a mail once under its key, as a provider does, and remembers every try.

    Each of `failures` is raised once, the first for the next try.
    """

    name = "inbox"

    def __init__(self) -> None:
        self.mails: list[Email] = []
        self.tries: list[tuple[str, Email]] = []
        self.failures: deque[SendFailed] = deque()
        self.arrived = asyncio.Event()
        self._keys: set[str] = set()

    async def send(self, email: Email, idempotency_key: str) -> str:
        self.tries.append((idempotency_key, email))
        if self.failures:
            raise self.failures.popleft()
        if idempotency_key not in self._keys:
            self._keys.add(idempotency_key)
            self.mails.append(email)
            self.arrived.set()
        return f"accepted-{idempotency_key}"

    async def close(self) -> None:
        pass

    def sent_to(self, address: str, template: str = "") -> list[Email]:
        return [
            mail
            for mail in self.mails
            if mail.to == address and template in {"", mail.tags["template"]}
        ]


def token_in(mail: Email) -> str:
    """Return the token of the one link in the text part."""
    return _only_token(mail.text)


def token_in_file(file: Path) -> str:
    return _only_token(text_in_file(file))


def text_in_file(file: Path) -> str:
    body = message_from_bytes(file.read_bytes(), policy=policy.default).get_body(("plain",))
    assert body, "the mail has no text part"
    return str(body.get_content())


def _only_token(text: str) -> str:
    found: set[str] = set(TOKEN.findall(text))
    assert len(found) == 1, f"{len(found)} tokens in the mail"
    return found.pop()


def links_in(mail: Email) -> set[str]:
    """Return every address that either part of the mail leads to."""
    return {
        *re.findall(r"https?://[^\s<>\"]+", mail.text),
        *map(unescape, re.findall(r'href="([^"]*)"', mail.html)),
    }


def code_in(mail: Email) -> str:
    """Return the code that stands on a line of its own in the text part."""
    (found,) = re.findall(r"^\d{8}$", mail.text, re.MULTILINE)
    return str(found)
