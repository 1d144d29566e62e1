"""Every mail beside its golden files: what it is now, and what it was when somebody looked at it and said yes."""

from keyturn.emails.snapshots.comparison import Comparison, Snapshots
from keyturn.emails.snapshots.goldens import Goldens, MailName, Snapshot

__all__ = ["Comparison", "Goldens", "MailName", "Snapshot", "Snapshots"]
