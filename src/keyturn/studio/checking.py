"""What the checks say of every mail: found out after a mail was drawn, and kept until one of its files changes."""

import stat
import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from keyturn.languages import Language
from keyturn.lint.finding import Finding
from keyturn.mail.render import Templates
from keyturn.studio.gallery import Gallery
from keyturn.studio.report import Report, Tally

if TYPE_CHECKING:
    from keyturn.studio.examiner import Examiner

# Seconds. Between two moments a save gets its turn.
_MOMENT = 0.1

State = frozenset[tuple[str, int, int]]
"""Path, time and size of every file that may have a part in a mail."""


class _Mail(NamedTuple):
    template: str
    sample: str
    language: str


class Checks:
    def __init__(self, templates: Templates, gallery: Gallery) -> None:
        self._templates = templates
        self._gallery = gallery
        self._known: dict[_Mail, tuple[State, Report]] = {}
        self._one_at_a_time = threading.Lock()

    def last(self, template: str, sample: str, language: Language) -> Report | None:
        """Return what was found last, also if a file has changed since; None where nobody has looked yet."""
        known = self._known.get(_Mail(template, sample, language.tag))
        return known[1] if known else None

    def tallies(self, language: Language) -> Mapping[str, Tally]:
        """Return what is known of each template. What several samples have counts once."""
        found: dict[str, set[Finding]] = {}
        for mail in self._mails(language):
            if known := self._known.get(mail):
                found.setdefault(mail.template, set()).update(known[1].findings)
        return {template: Tally.of(findings) for template, findings in found.items()}

    def check(self, template: str, sample: str, language: Language) -> bool:
        """Check a mail; return False where nothing has changed since it was checked.

        Raises LookupError for a template or a sample that does not exist.
        """
        with self._one_at_a_time:
            states, mail = self._states(), _Mail(template, sample, language.tag)
            if not self._is_new(mail, states):
                return False
            self._examine(mail, language, states)
            return True

    def check_more(self, language: Language) -> bool:
        """Check some of the mails that are new; return whether any is left.

        Nothing is checked that nobody waits for: a page asks again for as long as it is there.
        """
        until = monotonic() + _MOMENT
        with self._one_at_a_time:
            states = self._states()
            waiting = [mail for mail in self._mails(language) if self._is_new(mail, states)]
            for done, mail in enumerate(waiting, 1):
                self._examine(mail, language, states)
                if monotonic() > until:
                    return done < len(waiting)
        return False

    def _examine(self, mail: _Mail, language: Language, states: Mapping[str, State]) -> None:
        report = self._examiner.examine(mail.template, mail.sample, language)
        self._known[mail] = states.get(mail.template, frozenset()), report

    def _mails(self, language: Language) -> Iterator[_Mail]:
        for entry in self._gallery.entries():
            for sample in entry.samples:
                yield _Mail(entry.name, sample, language.tag)

    def _is_new(self, mail: _Mail, states: Mapping[str, State]) -> bool:
        known = self._known.get(mail)
        return known is None or known[0] != states.get(mail.template)

    def _states(self) -> Mapping[str, State]:
        """Return for each template the state of the folder, without the folders of the other templates."""
        names = self._templates.names()
        files = list(_files(self._gallery.folder))
        own = {name: frozenset(file for file in files if file[0].startswith(f"{name}/")) for name in names}
        shared = frozenset(files).difference(*own.values())
        return {name: shared | files for name, files in own.items()}

    @cached_property
    def _examiner(self) -> "Examiner":
        # The checks take longer to load than the studio, and nobody waits for them before the first mail is drawn.
        from keyturn.studio.examiner import Examiner  # noqa: PLC0415

        return Examiner(self._templates, self._gallery)


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in folder.rglob("*"):
        try:
            found = path.stat()
        except OSError:  # gone again, as an editor's half-written file is
            continue
        if stat.S_ISREG(found.st_mode):
            yield path.relative_to(folder).as_posix(), found.st_mtime_ns, found.st_size
