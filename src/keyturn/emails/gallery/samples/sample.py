"""The data that a mail is drawn with, under a name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Sample:
    """Values for a mail. `kind` says what is known of them.

    `typed` ones fit the props of the template, `plain` ones come from a file and nothing describes them, `guessed`
    ones were made up from the names that the template prints. `origin` is where they are written, "file" or
    "file:line" relative to the folder of the templates; empty for what is not written anywhere.
    """

    name: str
    values: Mapping[str, Any]
    kind: Literal["typed", "plain", "guessed"] = "plain"
    origin: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether the values are all there is: a name that is not among them is a mistake."""
        return self.kind != "guessed"
