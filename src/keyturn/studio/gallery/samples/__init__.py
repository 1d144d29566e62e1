"""The data that mails are rendered with: read, written, made hostile; and their names."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from msgspec import Struct


class MailName(NamedTuple):
    """The name of a mail.

    `sample`: empty for all. `language`: a tag; empty for the only one, or the templates' own.
    """

    template: str
    sample: str = ""
    language: str = ""

    def __str__(self) -> str:
        name = self.template
        if self.sample:
            name += f"/{self.sample}"
        if self.language:
            name += f" {self.language}"
        return name


class Branch(NamedTuple):
    """An outcome of a decision of a template: a test is true, or a loop has some entries.

    `number`: of the decision in the syntax tree of its file.
    """

    file: str
    number: int
    holds: bool


class Lines(NamedTuple):
    """Lines of a file from 1, both ends included."""

    file: str
    first: int
    last: int


class Sample(Struct, frozen=True):
    """Values for a mail.

    `kind`: "typed" values fit the props of the template, "plain" ones come from a file without a
    type, "guessed" ones are made up from the template. `file`: relative to the folder of templates,
    or empty.
    `forced`: outcomes of decisions. `adds`: the lines that these outcomes add; only findings in
    these lines count.
    `filled`: names of a written sample that have made-up values, or such a part, behind forced
    decisions.
    """

    name: str
    values: Mapping[str, Any]
    kind: Literal["typed", "plain", "guessed"] = "plain"
    file: str = ""
    forced: tuple[Branch, ...] = ()
    adds: tuple[Lines, ...] = ()
    filled: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether an author wrote all values.

        Then a name that it lacks is a mistake, not a gap in guessed values.
        """
        return self.kind != "guessed" and not self.forced

    @property
    def made_up_names(self) -> tuple[str, ...]:
        """The names whose values Keyturn made up."""
        return tuple(self.values) if self.kind == "guessed" else self.filled
