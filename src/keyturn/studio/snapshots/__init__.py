"""Every mail beside its snapshot: its state now, and its state when a reader accepted it.

Snapshots are plain files, which people can open and version control can show. `comparison` renders every
mail and compares it, and `difference` finds the differences, for the studio, for `keyturn.testing` and for the
terminal. The id of a comparison is a hash of both sides, so a reader accepts exactly what was shown.
"""

from keyturn.studio.gallery import MailName
from keyturn.studio.snapshots.comparison import Comparison, Snapshot, SnapshotFolder, Snapshots

__all__ = ["Comparison", "MailName", "Snapshot", "SnapshotFolder", "Snapshots"]
