"""The common interface to both databases: transactions, migrations, shared statements.

**A transaction is a plain function** (`DatabaseAccess.transact`): it cannot await, so a lock is
never held during a mail, a hash or a call to another system. **Each decision is one guarded
statement**, never a read and then a write.

**Waiting requests share a statement** (`Batcher`), and 202 means committed. **Each caller has a
deadline, from its arrival** (`DatabaseAccess.in_time`). The pool is SQLAlchemy's, which pings a
connection before it lends it. A statement whose connection is lost is not repeated: its outcome is
unknown.

**Frequent statements are built once**: to build one takes several times as long as the database
takes to answer it.

Declined: Advanced Alchemy's repositories, since the statements here are few, guarded and batched.
Its Alembic command, which starts its own event loop, while a migration must run on the connection
that holds the lock. Its configuration of
engines: SQLite's is not an asynchronous one. An asynchronous driver for SQLite takes three times
the processor time.
"""

from keyturn.service.database.database import Database, Model, Moment, Store
from keyturn.service.database.unready import unready_where_unreachable

__all__ = ["Database", "Model", "Moment", "Store", "unready_where_unreachable"]
