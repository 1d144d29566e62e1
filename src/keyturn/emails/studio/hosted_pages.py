"""What the studio wants of the pages that go with the mails. Whoever starts it brings them: it knows no service."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class HostedPages(Protocol):
    """Draws pages, each in any of its states."""

    @property
    def states(self) -> Sequence[tuple[str, str, str]]:
        """The name of each state, what people call it, and its template, in the order of a list."""
        ...

    @property
    def watched_folders(self) -> Sequence[Path]:
        """The folders in which a save changes a page."""
        ...

    def page(self, state: str, language: str, brand: str, prefix: str) -> str:
        """Return a page whose links, and the files that it loads, are below the path `prefix`.

        The files are at `{prefix}/keyturn-assets/{version}/{name}`, the other pages at `{prefix}/{state}`. Raises
        LookupError for a state or a brand that does not exist, TemplateInvalid, ValueError for a file that is gone.
        """
        ...

    def file(self, name: str) -> tuple[bytes, str]:
        """Return what a page loads under a name, and its media type. Raises LookupError."""
        ...
