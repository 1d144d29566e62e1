"""Every mail beside its golden files: what it is now, and what it was when somebody looked at it and said yes.

Golden files are plain files (`goldens`), which a person can open and a version control system can show. `comparison`
renders every mail and holds it against them, `difference` says what differs, for the studio, for `keyturn.testing` and
for the terminal. What is accepted is what was looked at: a comparison's id is a hash of both sides.
`revisions` draws mails from another commit in place of golden files; its files are read as they lie in the repository,
since a filter that the repository's own settings name would be a program of somebody's.
"""

from keyturn.emails.snapshots.comparison import Comparison, Snapshots
from keyturn.emails.snapshots.goldens import Goldens, MailName, Snapshot

__all__ = ["Comparison", "Goldens", "MailName", "Snapshot", "Snapshots"]
