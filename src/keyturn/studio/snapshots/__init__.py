"""Every mail beside its snapshot: its state now, and its state when a reader accepted it.

`comparison` renders every mail and compares it, and `difference` finds the differences, for the studio, for
`keyturn.testing` and for the terminal.
"""

from keyturn.studio.gallery import MailName
from keyturn.studio.snapshots.comparison import Comparison, Snapshot, SnapshotFolder, Snapshots

__all__ = ["Comparison", "MailName", "Snapshot", "SnapshotFolder", "Snapshots"]
