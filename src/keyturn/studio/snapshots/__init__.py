"""Every mail beside its snapshot: its state now, and its state when a reader accepted it."""

from keyturn.studio.gallery import MailName
from keyturn.studio.snapshots.comparison import Comparison, Snapshot, SnapshotFolder, Snapshots

__all__ = ["Comparison", "MailName", "Snapshot", "SnapshotFolder", "Snapshots"]
