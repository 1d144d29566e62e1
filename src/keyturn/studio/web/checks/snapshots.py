"""The mails that differ from their snapshots: their number, what changed, and accepting the
changes.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery import MailName
from keyturn.studio.gallery.discovery import FileState
from keyturn.studio.gallery.gallery import Fingerprint, fingerprint, fingerprints
from keyturn.studio.renderers import LimitExceeded, Runner
from keyturn.studio.snapshots import Comparison, Snapshots
from keyturn.studio.snapshots.comparison import Differ, State
from keyturn.studio.snapshots.difference import Difference, Line, LinePiece, difference, replacement
from keyturn.studio.web.rendering.latest_values import MOMENT, LatestValues
from keyturn.studio.web.rendering.rendition import MailRenderer

_SECONDS = 1.0  # for the differences of a part
_EXCERPT = 6  # lines
_AROUND = 48  # characters at each end of a piece

_ORDER: Mapping[State, int] = {"broken": 0, "changed": 1, "new": 2, "gone": 3}


def difference_within_limits(runner: Runner[MailRenderer]) -> Differ:
    """Return a function that finds differences in a renderer: many equal lines take time that grows
    with their square.

    Beyond the limits, a text is replaced as a whole.
    """

    def differ(before: str, after: str) -> Difference:
        if before == after:
            return difference(before, after)
        try:
            return runner.run_for(_SECONDS, _difference, before, after)
        except (LimitExceeded, RecursionError):
            return replacement(before, after)

    return differ


def _difference(_: MailRenderer, before: str, after: str) -> Difference:
    return difference(before, after)


class Stale(Exception):
    """A mail has changed since the reader looked at it."""


class ComparedMail(Struct, frozen=True):
    """The outcome of a comparison; of a changed mail also the removed and added lines of its parts,
    and its edits.
    """

    name: MailName
    verdict: State
    id: str
    fault: TemplateInvalid | None = None
    html: tuple[int, int] = (0, 0)
    text: tuple[int, int] = (0, 0)
    edits: tuple[frozenset[tuple[str, str]], ...] | None = None
    excerpt: tuple[Line, ...] = ()

    @classmethod
    def of(cls, comparison: Comparison) -> "ComparedMail":
        """Return what the pages show of a comparison."""
        mail = cls(comparison.name, comparison.state, comparison.id, comparison.fault)
        if comparison.state != "changed":
            return mail
        parts = comparison.differences
        html, text, _ = parts
        return replace(
            mail,
            html=(html.removed, html.added),
            text=(text.removed, text.added),
            edits=tuple(part.edits for part in parts),
            excerpt=tuple(map(_shorten_line, islice(_changed_lines(parts), _EXCERPT))),
        )


def _changed_lines(parts: Iterable[Difference]) -> Iterator[Line]:
    for part in parts:
        for line in part.lines:
            if line.kind != "same":
                yield line


def _shorten_line(line: Line) -> Line:
    """Return the line with both ends of each piece: lines of compiled HTML are long."""
    pieces = []
    for piece in line.pieces:
        text = piece.text
        if len(text) > 2 * _AROUND + 1:
            text = f"{text[:_AROUND]}…{text[-_AROUND:]}"
        pieces.append(LinePiece(text, piece.changed))
    return line._replace(pieces=tuple(pieces))


class Review:
    """Compares the mails with their snapshots for every page, and keeps the outcomes until a file
    changes.
    """

    def __init__(self, snapshots: Snapshots) -> None:
        self.snapshots = snapshots
        self._names: list[MailName] = []
        self._known: LatestValues[MailName, ComparedMail] = LatestValues()
        self._one_at_a_time = threading.Lock()

    @property
    def mails(self) -> list[ComparedMail]:
        """The mails that were compared so far, and the snapshots without a mail."""
        compared = map(self._known.get, self._names)
        return [mail for mail in compared if mail]

    def waiting_mails(self) -> list[MailName]:
        return [mail.name for mail in self.mails if mail.verdict not in ("same", "broken")]

    def look(self, seconds: float = MOMENT) -> bool:
        """Compare some mails that may have changed since the last comparison; return whether any
        are left.
        """
        with self._one_at_a_time:
            files = self._fingerprints()
            with self.snapshots.gallery.one_look():
                self._names = self.snapshots.names()
                of_mails = {name: files[name.template] for name in self._names}
                return self._known.renew(of_mails, self._compare, seconds) > 0

    def _compare(self, name: MailName) -> ComparedMail:
        return ComparedMail.of(self.snapshots.compare(name))

    def look_at_all(self) -> list[ComparedMail]:
        """Compare all mails that may differ: also those that differed, whose files elsewhere may
        have changed.
        """
        for mail in self.mails:
            if mail.verdict != "same":
                self._known.put(mail.name, mail)  # without its files
        self.look(float("inf"))
        return self.mails

    def accept(self, ids: Iterable[str], *, deletes: bool = False) -> None:
        """Write the snapshots of the mails with these ids, or delete those of removed mails.

        Raises Stale, before anything is written, if a mail is not what the reader saw.
        """
        self.look(float("inf"))
        seen = {mail.id: mail.name for mail in self.mails}
        with self._one_at_a_time:
            wanted = set(ids)
            accepted = []
            for mail_id in wanted & seen.keys():
                comparison = self.snapshots.compare(seen[mail_id])
                # Without its files, so that the next look compares it again.
                self._known.put(comparison.name, ComparedMail.of(comparison))
                mail_is_gone = comparison.state == "gone"
                # It was compared anew: another id means that the reader saw another mail.
                is_as_seen = comparison.id == mail_id
                if is_as_seen and comparison.acceptable and mail_is_gone == deletes:
                    accepted.append(comparison)
            if len(accepted) < len(wanted):
                raise Stale
            for comparison in accepted:
                self.snapshots.accept(comparison)

    def _fingerprints(self) -> Mapping[str, Fingerprint]:
        """Return the fingerprint of each template with its snapshots."""
        files = defaultdict(Fingerprint, fingerprints(self.snapshots.gallery))
        stored: dict[str, set[FileState]] = defaultdict(set)
        for file in fingerprint(self.snapshots.stored.folder):
            template, _, _ = file[0].rpartition("/")
            stored[template].add(file)
        for template, snapshots in stored.items():
            files[template] |= snapshots
        return files


class ChangeGroup(Struct, frozen=True):
    """The mails that were changed in the same way. `ids`: theirs, with blanks between them."""

    verdict: State
    changes: list[ComparedMail]
    ids: str


def group_changes(mails: Iterable[ComparedMail]) -> list[ChangeGroup]:
    """Return the changes in groups of the same edit, so that a reader looks at each edit once.

    Of one verdict, the edit of the most mails comes first.
    """
    by_edit: dict[object, list[ComparedMail]] = defaultdict(list)
    for mail in mails:
        if mail.verdict != "same":
            by_edit[mail.verdict, mail.edits].append(mail)
    groups = []
    for changes in by_edit.values():
        ids = " ".join(change.id for change in changes)
        groups.append(ChangeGroup(changes[0].verdict, changes, ids))
    return sorted(groups, key=_rank)


def _rank(group: ChangeGroup) -> tuple[int, int]:
    return _ORDER[group.verdict], -len(group.changes)
