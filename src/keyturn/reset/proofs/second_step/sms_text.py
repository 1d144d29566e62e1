"""What a message says that brings a code."""

from collections.abc import Mapping
from datetime import timedelta

from keyturn.reset.delivery.theme import Theme
from keyturn.reset.proofs.second_step.port import SecondStepTry


class SmsText:
    """Writes it in the language and under the name that mails to the account have.

    `kinds` are the themes of the kinds of accounts that have one of their own.
    """

    def __init__(self, general: Theme, kinds: Mapping[str, Theme]) -> None:
        self._general = general
        self._kinds = kinds

    def __call__(self, host: str, life: timedelta, trial: SecondStepTry, code: str) -> str:
        """Return it. The last line is for phones, which offer the code on the pages of `host` alone.

        https://wicg.github.io/sms-one-time-codes/
        """
        account = trial.account
        theme = self._kinds.get(account.kind, self._general)
        language = theme.languages.choose(account.locale, trial.client.languages)
        text = language.gettext(
            "%(code)s is your code for a new %(brand)s password. It works for %(lifetime)s. Tell it to nobody.",
            code=code,
            brand=theme.brand.name,
            lifetime=language.duration(life),
        )
        return f"{text}\n\n@{host} #{code}"
