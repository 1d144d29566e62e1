"""A mail provider: its settings, a sender, reports, and a check.

Each module in `mail/providers/` holds one `PROVIDER`. It is loaded with the settings, so it imports slow modules (an
HTTP client, cryptography) in functions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from keyturn.mail.port.email import Sender
from keyturn.mail.port.finding import Finding, Verdict
from keyturn.mail.port.reports import Reports, Webhook

Section = TypeVar("Section", bound=msgspec.Struct)

Rate = Annotated[float, Meta(gt=0)]
"""Calls a second, of all workers together."""


class Spf(msgspec.Struct, frozen=True, kw_only=True):
    """The SPF record at `host` below the sending domain, with `term` in it; `missing`: the verdict if there is none."""

    host: str = ""
    term: str = ""
    missing: Verdict


class Dkim(msgspec.Struct, frozen=True):
    selector: str
    page: str


class CheckedSender(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    domain: str
    is_production: bool
    timeout: timedelta


class Provider(msgspec.Struct, Generic[Section], frozen=True, kw_only=True):
    """Describes a mail provider; a subclass sends and checks.

    `name`: the value of `mail.transport`, the section of its settings, and the path of its reports.
    `place`: its place in lists; providers without one come last.
    `needs`: the settings that it needs, and the variable of each, named as in the provider's own documentation.
    `other_variables`: names of settings in the provider's documentation, beside those of `needs`.
    `shares_variables`: other programs use the same variables, so they do not show that this provider is wanted.
    `faults`: yields a setting and what is wrong with it, if the provider is chosen.
    `sandbox`: a domain of the provider's own, for trying it, whose DNS is not the user's.
    `package`: the library that the provider needs, if any; `extra` is the extra of Keyturn's that installs it.
    """

    name: str
    place: int = 100
    settings: type[Section]
    needs: Mapping[str, str]
    other_variables: Mapping[str, str] = {}
    shares_variables: bool = False
    faults: Callable[[Section], Iterator[tuple[str, str]]] = lambda _: iter(())
    reports: Reports | None = None
    spf: Spf | None = None
    dkim: Dkim | None = None
    sandbox: str = ""
    extra: str = ""
    package: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """The setting that each variable of the provider's own documentation sets, as section.key."""
        named = {variable: setting for setting, variable in self.needs.items() if not variable.startswith("KEYTURN_")}
        return {variable: f"{self.name}.{setting}" for variable, setting in {**named, **self.other_variables}.items()}

    def known_as(self, setting: str) -> str:
        """Return how people know a setting: by its variable, unless that is Keyturn's own."""
        variable = self.needs[setting]
        return f"{self.name}.{setting}" if variable.startswith("KEYTURN_") else variable

    def proof(self, section: Section) -> str:
        """Return what proves the provider's reports; "" if it is not set."""
        return getattr(section, self.reports.setting) if self.reports else ""

    def webhook(self, section: Section) -> Webhook | None:
        """Return what reads the provider's reports; None if its proof is not set. Raises ValueError for a bad one."""
        if not self.reports or not (proof := self.proof(section)):
            return None
        return Webhook(self.name, self.reports, self.reports.proof(proof))

    def build(self, section: Section, timeout: timedelta) -> Sender:
        """Return the sender, with a time-out for one call. Slow libraries are imported only then."""
        raise NotImplementedError

    async def check(self, section: Section, sender: CheckedSender) -> Sequence[Finding]:
        """Ask the provider for the doctor. Sends no mail."""
        raise NotImplementedError
