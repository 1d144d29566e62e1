"""The data that mails are rendered with: read, written, made hostile."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from keyturn.studio.gallery.branches.points import Branch, Lines


class Sample(Struct, frozen=True):
    """Values for a mail.

    `kind`: "typed" values fit the props of the template, "plain" ones come from a file without a type, "guessed" ones
    are made up from the template. `origin`: their place, "file" or "file:line" relative to the folder of templates, or
    empty. `forced`: the outcomes of decisions that rendering it forces. `adds`: the lines that it adds so; findings on
    it count in them alone.
    """

    name: str
    values: Mapping[str, Any]
    kind: Literal["typed", "plain", "guessed"] = "plain"
    origin: str = ""
    forced: tuple[Branch, ...] = ()
    adds: tuple[Lines, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether somebody wrote the values and what they lead to, so that any other name is a mistake."""
        return self.kind != "guessed" and not self.forced
