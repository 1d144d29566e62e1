"""A mail provider: its settings, a sender, reports, and a check.

Each module in `mail/providers/` holds one `Provider`. It is loaded with the settings, so it imports
slow modules (an HTTP client, cryptography) in functions.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from keyturn.mail.port.check_result import CheckResult, CheckVerdict
from keyturn.mail.port.email import Sender
from keyturn.mail.port.reports import Reports, Webhook

Rate = Annotated[float, Meta(gt=0)]
"""Calls a second, of all workers together."""


class Spf(msgspec.Struct, frozen=True, kw_only=True):
    """The SPF record at `host` below the sending domain, with `term` in it; `missing`: the verdict
    if there is none.
    """

    host: str = ""
    term: str = ""
    missing: CheckVerdict


class Dkim(msgspec.Struct, frozen=True):
    selector: str
    page: str


class CheckedSender(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    domain: str
    timeout: timedelta


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A mail provider: its fields are the settings of its section; a subclass sends and checks with
    them.

    `name`: the value of `mail.transport`, the section of its settings, and the path of its reports.
    `place`: its place in lists; providers without one come last.
    `needs`: the settings that it needs, and the variable of each, named as in the provider's own
    documentation.
    `other_variables`: names of settings in the provider's documentation, beside those of `needs`.
    `shares_variables`: other programs use the same variables, so they do not show that this
    provider is wanted.
    `sandbox`: a domain of the provider's own, for trying it, whose DNS is not the user's.
    `last_answer`: how much longer than the time-out of a call the answer to a mail may take.
    `package`: the library that the provider needs, if any; `extra` is the extra of Keyturn's that
    installs it.
    """

    name: ClassVar[str]
    place: ClassVar[int] = 100
    needs: ClassVar[Mapping[str, str]]
    other_variables: ClassVar[Mapping[str, str]] = {}
    shares_variables: ClassVar[bool] = False
    reports: ClassVar[Reports | None] = None
    spf: ClassVar[Spf | None] = None
    dkim: ClassVar[Dkim | None] = None
    sandbox: ClassVar[str] = ""
    last_answer: ClassVar[timedelta] = timedelta(0)
    extra: ClassVar[str] = ""
    package: ClassVar[str] = ""

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the setting that each variable of the provider's own documentation sets, as
        section.key.
        """
        named = {
            variable: setting
            for setting, variable in cls.needs.items()
            if not variable.startswith("KEYTURN_")
        }
        return {
            variable: f"{cls.name}.{setting}"
            for variable, setting in {**named, **cls.other_variables}.items()
        }

    @classmethod
    def known_as(cls, setting: str) -> str:
        """Return how people know a setting: by its variable, unless that is Keyturn's own."""
        variable = cls.needs[setting]
        return f"{cls.name}.{setting}" if variable.startswith("KEYTURN_") else variable

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield a setting and what is wrong with it, if the provider is chosen."""
        return iter(())

    @property
    def proof(self) -> str:
        """What proves the provider's reports; "" if it is not set."""
        return getattr(self, self.reports.setting) if self.reports else ""

    def webhook(self) -> Webhook | None:
        """Return what reads the provider's reports; None if its proof is not set.

        Raises ValueError for a bad one.
        """
        reports, proof = self.reports, self.proof
        return Webhook(self.name, reports, reports.proof(proof)) if reports and proof else None

    def build(self, timeout: timedelta) -> Sender:
        """Return the sender, with a time-out for one call.

        Slow libraries are imported only then.
        """
        raise NotImplementedError

    async def check(self, sender: CheckedSender) -> Sequence[CheckResult]:
        """Ask the provider for the doctor. Sends no mail."""
        raise NotImplementedError
