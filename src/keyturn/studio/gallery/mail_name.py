"""The name of a mail: its template, its sample and its language."""

from typing import NamedTuple


class MailName(NamedTuple):
    """The name of a mail.

    `sample`: empty for what concerns the template, whatever the sample. `language`: its tag; empty if the mails have
    one language, and in the name of a snapshot for the language of the templates.
    """

    template: str
    sample: str = ""
    language: str = ""

    def __str__(self) -> str:
        return (
            self.template + (f"/{self.sample}" if self.sample else "") + (f" {self.language}" if self.language else "")
        )
