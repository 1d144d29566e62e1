"""The port of a mail provider: its settings, its sender, its reports, and its check.

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

CallsPerSecond = Annotated[float, Meta(gt=0)]
"""Calls a second, of all workers together."""


class Spf(msgspec.Struct, frozen=True, kw_only=True):
    """The SPF record that a provider needs.

    `host`: its place below the sending domain; "" for the domain itself.
    `term`: what it must contain.
    `missing`: the verdict if there is no such record.
    """

    host: str = ""
    term: str = ""
    missing: CheckVerdict


class Dkim(msgspec.Struct, frozen=True):
    """The DKIM key that a provider signs with.

    `page`: where the provider shows its record.
    """

    selector: str
    page: str


class CheckedSender(msgspec.Struct, frozen=True, kw_only=True):
    """The sender whose provider is checked. `timeout`: for one call."""

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
    `other_variables`: the provider's names for settings that it does not need, and the setting of
    each.
    `shares_variables`: other programs use the same variables, so they do not show that this
    provider is wanted.
    `reports`: how its reports are read; None if it sends none.
    `spf`, `dkim`: what the doctor expects in the DNS; None if nothing is expected.
    `sandbox`: a domain of the provider's own, for trying it, whose DNS is not the user's.
    `last_answer`: how much longer than the time-out of a call the answer to a mail may take.
    `package`: the library that the provider needs; "" for none.
    `extra`: the extra of Keyturn's that installs that library.
    `rate`: calls a second of all workers together; None if Keyturn limits none. A provider whose
    customers have different limits has it as a setting.
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

    @property
    def rate(self) -> float | None:
        return None

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the variables of the provider's own documentation, and the setting of each as
        section.key.
        """
        settings = {}
        for setting, variable in cls.needs.items():
            if not variable.startswith("KEYTURN_"):
                settings[variable] = f"{cls.name}.{setting}"
        for variable, setting in cls.other_variables.items():
            settings[variable] = f"{cls.name}.{setting}"
        return settings

    @classmethod
    def known_as(cls, setting: str) -> str:
        """Return the name under which people know a setting: its variable, unless that is
        Keyturn's own.
        """
        variable = cls.needs[setting]
        return f"{cls.name}.{setting}" if variable.startswith("KEYTURN_") else variable

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield each wrong setting and what is wrong with it. Called if the provider is chosen."""
        return iter(())

    @property
    def proof(self) -> str:
        """The setting that proves the provider's reports; "" if it is not set."""
        if not self.reports:
            return ""
        proof: str = getattr(self, self.reports.setting)
        return proof

    def webhook(self) -> Webhook | None:
        """Return the reader of the provider's reports; None if their proof is not set.

        Raises ValueError for a proof that cannot prove anything.
        """
        if not self.reports or not self.proof:
            return None
        return Webhook(self.name, self.reports, self.reports.proof(self.proof))

    def build(self, timeout: timedelta) -> Sender:
        """Return the sender, with a time-out for one call.

        It is called once a mail may be sent, so it may import slow libraries.
        """
        raise NotImplementedError

    async def check(self, sender: CheckedSender) -> Sequence[CheckResult]:
        """Return what the doctor can learn from the provider. Sends no mail."""
        raise NotImplementedError
