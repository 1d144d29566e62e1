"""Describes a mail provider to the rest of Keyturn: settings, a sender, reports, a check, and questions for `init`.

Each module in `mail/providers/` holds one `PROVIDER`. It is loaded with the settings, so it imports msgspec and cheap
modules at its top. An HTTP client, an SDK or cryptography is imported by what `build` calls.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import Meta

from keyturn.errors import KeyturnError
from keyturn.mail.port.email import Sender
from keyturn.mail.port.finding import Finding, Verdict

# Reports: events about mails, in one vocabulary


Time = Annotated[datetime, Meta(tz=True)]
"""A time with its zone."""

KEY_TAG = "key"
"""The tag of a mail that holds its idempotency key. Reports repeat the tags, so a report that arrives before the
provider's id is stored still finds its message."""

LONGEST_ID = 80
"""Characters of a report's id that are kept."""

_WORD = re.compile(r"[A-Za-z_-]{1,40}")


class ReportRefused(KeyturnError):
    """A provider's report is forged, stale or incomplete."""


class ReportUnproven(KeyturnError):
    """Nobody could say just now whether a report is genuine: the provider repeats it."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a mail. `id` is the same on every delivery of the report.

    `event` is a word of Resend's; those of other providers are translated: "sent", "delivered", "delivery_delayed",
    "bounced", "complained", "suppressed", "failed", "opened", "clicked", or another without effect. `detail` holds only
    fixed words of the provider, since its sentences hold addresses and a click the whole link. `to` is the mailbox.
    `ends`: the mailbox should get no more mail for a while.
    """

    provider: str
    id: str
    event: str
    detail: str = ""
    at: datetime
    provider_id: str
    key: str
    to: str
    ends: bool = False


class ProviderWebhook(Protocol):
    """Verifies and reads a provider's reports. A body of more than `longest` bytes is refused unread."""

    longest: int

    def require_headers(self, headers: Mapping[str, str], /) -> None:
        """Raise ReportRefused if the headers alone show that a report is not proven; the body is not read then."""

    async def read(self, headers: Mapping[str, str], body: bytes, /) -> Sequence[Report]:
        """Return the reports about mails, if any.

        Raises ReportRefused for a report that is not proven to be the provider's, or has an undocumented form.
        """


def require_signature(headers: Mapping[str, str], *names: str) -> None:
    """Raise ReportRefused if one of the headers that a signature consists of is missing."""
    for name in names:
        if not headers.get(name):
            raise ReportRefused(f"the header {name}, a part of the signature, is missing")


def report_id(provider: str, *parts: str) -> str:
    """Return the same short id for the same parts: a provider's own id may be longer, or missing."""
    return f"{provider}:{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()}"


def key_in(tags: object) -> str:
    """Return the idempotency key among the tags that a report repeats; "" if it is missing."""
    key = tags.get(KEY_TAG) if isinstance(tags, dict) else None  # some providers send an empty list for no tags
    return key if isinstance(key, str) else ""


def fixed_words(*words: str) -> str:
    """Return the words that can be fixed words of a provider, not sentences or addresses."""
    return " ".join(word for word in words if _WORD.fullmatch(word))


Section = TypeVar("Section", bound=msgspec.Struct)

Rate = Annotated[float, Meta(gt=0)]
"""Calls a second, of all workers together."""

TIMEOUT = timedelta(seconds=10)
"""The default of `mail.timeout`."""


class Need(msgspec.Struct, frozen=True):
    """Describes a setting that `keyturn init` asks for.

    `setting`: its key in the provider's section.
    `variable`: the environment variable that holds it, named as in the provider's own documentation.
    `example`: what `init` shows as its value.
    `known_as`: how errors name the setting; "" for the variable.
    `required`: whether mails cannot be sent if it is missing.
    """

    setting: str
    variable: str
    example: str = "..."
    known_as: str = ""
    required: bool = True

    @property
    def name(self) -> str:
        return self.known_as or self.variable


class Reports(msgspec.Struct, frozen=True, kw_only=True):
    """Describes how a provider's reports are proven, and reads them.

    `setting`: the key that holds the proof, a secret, a public key or an address.
    `read`: raises ValueError for a text that cannot prove anything; `fault` is then what is wrong with it.
    `where`: where the provider is told to report, and which setting is set then.
    """

    setting: str
    read: Callable[[str], object]
    fault: str
    where: str
    build: Callable[..., ProviderWebhook]


class Spf(msgspec.Struct, frozen=True, kw_only=True):
    """Describes the SPF record that receivers read: at `host` below the sending domain, with `term` in it.

    `missing`: the doctor's verdict if there is no record.
    """

    host: str = ""
    term: str = ""
    missing: Verdict


class Dkim(msgspec.Struct, frozen=True):
    """Describes where the DKIM key is: the selector, and the page on which the provider shows the record."""

    selector: str
    page: str


class CheckedSender(msgspec.Struct, frozen=True, kw_only=True):
    """Names the sender that the doctor asks a provider about: its bare address, its domain, and the environment.

    `timeout`: for one call.
    """

    address: str
    domain: str
    is_production: bool
    timeout: timedelta


def _no_faults(_: Any) -> Iterator[tuple[str, str]]:
    return iter(())


class Provider(msgspec.Struct, Generic[Section], frozen=True, kw_only=True):
    """Describes a mail provider.

    `name`: the value of `mail.transport`, the section of its settings, and the path of its reports.
    `label`: its name in sentences.
    `place`: its place in lists; providers without one come last.
    `settings`: the struct of its section.
    `build`: makes the sender, with a time-out for one call, and imports slow libraries only then.
    `check`: asks the provider for the doctor. It sends no mail.
    `source`: a sentence that says where the keys come from.
    `needs`: the settings that `init` asks for.
    `other_variables`: names of settings in the provider's documentation, beside those of `needs`.
    `shares_variables`: other programs use the same variables, so they do not show that this provider is wanted.
    `faults`: yields a setting and what is wrong with it. It is asked if the provider is chosen.
    `reports`: None if the provider does not report.
    `spf`, `dkim`: None if the names of these records cannot be known.
    `sandbox`: a domain of the provider's own, for trying it, whose DNS is not the user's.
    `package`: the library that the provider needs, if any; `extra` is the extra of Keyturn's that installs it.
    """

    name: str
    label: str
    place: int = 100
    settings: type[Section]
    build: Callable[[Section, timedelta], Sender]
    check: Callable[[Section, CheckedSender], Awaitable[Sequence[Finding]]]
    source: str
    needs: tuple[Need, ...]
    other_variables: Mapping[str, str] = {}
    shares_variables: bool = False
    faults: Callable[[Section], Iterator[tuple[str, str]]] = _no_faults
    reports: Reports | None = None
    spf: Spf | None = None
    dkim: Dkim | None = None
    sandbox: str = ""
    extra: str = ""
    package: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """The setting that each variable of the provider's own documentation sets, as section.key."""
        named = {need.variable: need.setting for need in self.needs if not need.variable.startswith("KEYTURN_")}
        return {variable: f"{self.name}.{setting}" for variable, setting in {**named, **self.other_variables}.items()}


# An answer of a provider's HTTP API; this module loads no HTTP client


Document = TypeVar("Document")

OK, ACCEPTED, BAD_REQUEST, NOT_FOUND = 200, 202, 400, 404
ACCOUNT_REFUSED = {401, 403}
TOO_MANY, SERVER_FAULT = 429, 500
