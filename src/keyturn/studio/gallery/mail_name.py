"""The name of a mail: its template, its sample and its language."""

from typing import NamedTuple


class MailName(NamedTuple):
    """The name of a mail. `sample`: empty for what concerns the template with any sample.

    `language`: its tag; empty if the mails have one language, and in a snapshot for the language of the templates.
    """

    template: str
    sample: str = ""
    language: str = ""

    def __str__(self) -> str:
        return f"{self.template}{self.sample and f'/{self.sample}'}{self.language and f' {self.language}'}"
