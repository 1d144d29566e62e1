"""Compares a mail with its golden files, and prints the differences in a test."""

from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from keyturn.emails.snapshots import (  # loads Jinja and MJML, so only tests of mails import it
        Comparison,
        MailName,
        Snapshots,
    )

_STUDIO = "http://127.0.0.1:8001/studio/snapshots"


class MailSnapshot:
    """A template with a sample, in a language; or golden files whose mail is gone."""

    def __init__(self, snapshots: "Snapshots", name: "MailName", *, accepting: bool) -> None:
        self.name = name
        self._snapshots = snapshots
        self._accepting = accepting

    def assert_matches(self) -> None:
        """Fail with a diff unless the mail equals its golden files. With --accept-mails, write them first."""
        comparison = self._snapshots.compare(self.name)
        if self._accepting and comparison.acceptable:
            self._snapshots.accept(comparison)
        elif comparison.state != "same":
            pytest.fail("\n".join(self._report(comparison)), pytrace=False)

    def __str__(self) -> str:
        return str(self.name)

    def _report(self, comparison: "Comparison") -> Iterator[str]:
        match comparison.state:
            case "broken":
                yield f"{self.name} cannot be rendered: {comparison.fault}"
                return
            case "new":
                yield f"{self.name} has no golden files yet."
            case "gone":
                yield f"{self.name} is no mail any more; these files are left of it:"
                yield from map(_typed_path, self._snapshots.goldens.files(self.name))
            case _:
                yield f"{self.name} is not as it was accepted."
                yield from self._yield_diffs(comparison)
        yield ""
        yield f"If it should be so: pytest --accept-mails, or `keyturn studio` and {_STUDIO}"

    def _yield_diffs(self, comparison: "Comparison") -> Iterator[str]:
        files = self._snapshots.goldens.places(self.name)
        for file, before, after in zip(files, comparison.before or (), comparison.after or (), strict=True):
            if before != after:
                yield ""
                lines = before.split("\n"), after.split("\n")
                yield from unified_diff(*lines, _typed_path(file), "rendered now", lineterm="")


def _typed_path(file: Path) -> str:
    """Return a path relative to the working directory, if it is below that."""
    return file.relative_to(Path.cwd()).as_posix() if file.is_relative_to(Path.cwd()) else str(file)
