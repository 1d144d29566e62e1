"""The mails that differ from their snapshots: their number, what changed, and accepting the changes."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice

from msgspec import Struct

from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery import Gallery, MailName
from keyturn.studio.gallery.gallery import Fingerprint, fingerprint, fingerprints
from keyturn.studio.snapshots import Comparison, Snapshots
from keyturn.studio.snapshots.comparison import State as Verdict
from keyturn.studio.snapshots.difference import Line, LinePiece
from keyturn.studio.web.rendering.kept import Kept

# Seconds of one round. Between two rounds a save gets its turn.
_MOMENT = 0.1
_EXCERPT = 6
_AROUND = 48

_ORDER: Mapping[Verdict, int] = {"broken": 0, "changed": 1, "new": 2, "gone": 3}


class Stale(Exception):
    """A mail has changed since the reader looked at it."""


class ChangedMail(Struct, frozen=True):
    """A mail that differs from its snapshot. `edits`, `excerpt`: only of one that existed before and still exists."""

    name: MailName
    verdict: Verdict
    id: str
    html: tuple[int, int]
    text: tuple[int, int]
    edits: tuple[frozenset[tuple[str, str]], ...] | None
    excerpt: tuple[Line, ...]
    fault: TemplateInvalid | None


class ChangeGroup(Struct, frozen=True):
    """Mails with the same change: one look is enough for all of them."""

    verdict: Verdict
    changes: tuple[ChangedMail, ...]

    @property
    def ids(self) -> str:
        return " ".join(change.id for change in self.changes)


class Review:
    """Compares the mails with their snapshots for every page. Only the verdicts are kept, for the count."""

    def __init__(self, snapshots: Snapshots, gallery: Gallery) -> None:
        self.stored = snapshots.stored
        self.snapshots = snapshots
        self._gallery = gallery
        self._names: list[MailName] = []
        self._known: Kept[MailName, Verdict] = Kept()
        self._one_at_a_time = threading.Lock()

    @property
    def total(self) -> int:
        return sum(verdict != "gone" for _, verdict in self._verdicts())

    def waiting_mails(self) -> list[MailName]:
        return [name for name, verdict in self._verdicts() if verdict not in ("same", "broken")]

    def look(self, seconds: float = _MOMENT) -> bool:
        """Compare some mails that may have changed since the last comparison; return whether any are left."""
        with self._one_at_a_time:
            files = self._fingerprints()
            with self._gallery.one_look():
                self._names = self.snapshots.names()
                of_mails = {name: files[name.template] for name in self._names}
                return self._known.renew(of_mails, lambda name: self.snapshots.compare(name).state, seconds) > 0

    def changes(self) -> list[ChangedMail]:
        self.look(float("inf"))
        wanted = [name for name, verdict in self._verdicts() if verdict != "same"]
        comparisons = map(self.snapshots.compare, wanted)
        return [_change_from(comparison) for comparison in comparisons if comparison.state != "same"]

    def accept(self, ids: Iterable[str], *, deletes: bool = False) -> None:
        """Write the snapshots of the mails with these ids, or delete those of removed mails; never both at once.

        Raises Stale, and changes nothing, if one of the mails is not of that kind any more.
        """
        self.look(float("inf"))
        with self._one_at_a_time:
            wanted = set(ids)
            comparisons = map(self.snapshots.compare, self.waiting_mails())
            accepted = [
                comparison
                for comparison in comparisons
                if comparison.acceptable and comparison.id in wanted and (comparison.state == "gone") == deletes
            ]
            if len(accepted) < len(wanted):
                raise Stale
            for comparison in accepted:
                self.snapshots.accept(comparison)

    def _fingerprints(self) -> Mapping[str, Fingerprint]:
        own, stored = fingerprints(self._gallery), defaultdict(set)
        for file in fingerprint(self.stored.folder):
            stored[file[0].rpartition("/")[0]].add(file)
        return defaultdict(frozenset, {name: own.get(name, frozenset()) | stored[name] for name in {*own, *stored}})

    def _verdicts(self) -> list[tuple[MailName, Verdict]]:
        return [(name, verdict) for name in self._names if (verdict := self._known.get(name))]


def group_changes(changes: Iterable[ChangedMail]) -> list[ChangeGroup]:
    """Return the changes in groups of the same edit. The edit of the most mails comes first."""
    groups: dict[object, list[ChangedMail]] = defaultdict(list)
    for change in changes:
        groups[change.verdict, change.edits].append(change)
    ordered = sorted(groups.values(), key=lambda group: (_ORDER[group[0].verdict], -len(group)))
    return [ChangeGroup(group[0].verdict, tuple(group)) for group in ordered]


def _change_from(comparison: Comparison) -> ChangedMail:
    parts = comparison.html, comparison.text, comparison.subject
    whole = comparison.state != "changed"
    lines = (_shorten_line(line) for part in parts for line in part.lines if line.kind != "same")
    return ChangedMail(
        name=comparison.name,
        verdict=comparison.state,
        id=comparison.id,
        html=(comparison.html.removed, comparison.html.added),
        text=(comparison.text.removed, comparison.text.added),
        edits=None if whole else tuple(part.edits for part in parts),
        excerpt=() if whole else tuple(islice(lines, _EXCERPT)),
        fault=comparison.fault,
    )


def _shorten_line(line: Line) -> Line:
    """Return the line without text far from a change: lines of compiled HTML are long."""
    pieces, last = line.pieces, len(line.pieces) - 1
    return line._replace(pieces=tuple(_cut_piece(piece, at > 0, at < last) for at, piece in enumerate(pieces)))


def _cut_piece(piece: LinePiece, after: bool, before: bool) -> LinePiece:
    """Keep the text after and before a change; of an unchanged line its beginning, and both ends of a long change."""
    text = piece.text
    if piece.changed:
        cut = f"{text[: 2 * _AROUND]}…{text[-2 * _AROUND :]}"
        return piece._replace(text=cut) if len(text) > len(cut) else piece
    if len(text) <= (after + before or 2) * _AROUND:
        return piece
    start = text[:_AROUND] if after else "" if before else text[: 2 * _AROUND]
    return LinePiece(f"{start}…{text[-_AROUND:] if before else ''}")
