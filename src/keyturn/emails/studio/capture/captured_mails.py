"""The mails that the app sent in development: .eml files that the capture transport wrote (RFC 5322)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from itertools import groupby
from operator import attrgetter
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Summary:
    """A captured mail as a row of the list. `at` is in the zone of this machine, where its reader sits."""

    name: str
    to: str
    subject: str
    at: datetime

    @property
    def clock(self) -> str:
        return f"{self.at:%H:%M:%S}"

    @property
    def day(self) -> str:
        return f"{self.at.day} {self.at:%B}" if self.at.date() != datetime.now(self.at.tzinfo).date() else "Today"


@dataclass(frozen=True, slots=True)
class Mail:
    """A captured mail, opened. `sender` is the name that an inbox shows, the address where there is none."""

    summary: Summary
    sender: str
    headers: tuple[tuple[str, str], ...]
    html: str
    text: str
    raw: str


class Captured:
    """Reads the folder of the captured mails, newest first: file names start with the time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._summaries: dict[str, Summary] = {}

    def names(self) -> list[str]:
        return sorted((file.name for file in self.folder.glob("[!.]*.eml") if file.is_file()), reverse=True)

    def summaries(self) -> list[Summary]:
        """Return the list, newest first. A file is written whole and never changes, so each is read once."""
        self._summaries = {name: self._summaries.get(name) or self._summary(name) for name in self.names()}
        return list(self._summaries.values())

    def days(self, search: str = "") -> list[tuple[str, list[Summary]]]:
        """Return the list by days: those mails that hold every word of `search`, in a header or a part."""
        words = search.casefold().split()
        found = (mail for mail in self.summaries() if not words or self._holds(mail.name, words))
        return [(day, list(mails)) for day, mails in groupby(found, attrgetter("day"))]

    def read(self, name: str) -> Mail:
        """Return a mail. Raises LookupError unless `name` is in the list, so no name leads out of the folder."""
        raw = self.raw(name)
        message = message_from_bytes(raw, policy=policy.default)
        return Mail(
            summary=self._summary(name),
            sender=parseaddr(str(message["From"] or ""))[0] or str(message["From"] or ""),
            headers=tuple((key, str(value)) for key, value in message.items()),
            html=_part_text(message, "html"),
            text=_part_text(message, "plain"),
            raw=raw.decode("utf-8", "replace").replace("\r\n", "\n"),
        )

    def raw(self, name: str) -> bytes:
        """Return the file as it was written. Raises LookupError as `read` does."""
        if name not in self.names():
            raise LookupError(f"The outbox holds no mail called {name}.")
        return (self.folder / name).read_bytes()

    def _holds(self, name: str, words: list[str]) -> bool:
        mail = self.read(name)
        headers = " ".join(value for _, value in mail.headers)
        searched = f"{headers}\n{mail.text or mail.html}".casefold()
        return all(word in searched for word in words)

    def _summary(self, name: str) -> Summary:
        file = self.folder / name
        with file.open("rb") as opened:
            message = BytesHeaderParser(policy=policy.default).parse(opened)
        written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        sent = getattr(message["Date"], "datetime", None) or written
        return Summary(name, str(message["To"] or ""), str(message["Subject"] or ""), sent.astimezone())


def _part_text(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    return "" if part is None else _decode_part(part)


def _decode_part(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except LookupError:  # a charset that Python does not know
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
