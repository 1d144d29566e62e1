"""The common interface to both databases: transactions, migrations, shared statements.

**A transaction is a plain function** (`DatabaseAccess.transact`). It cannot await, so a lock is never held during a
mail, a hash or a call to another system. **Each decision is one guarded statement**, never a read and then a write.

**Waiting requests share a statement** (`batching`): an idle server answers at once, a busy one commits in groups. 202
means committed, with `synchronous = FULL` on SQLite. A trip to SQLite takes this process's own time, so the event loop
runs first, for as long as that brings more requests.

**The pool is SQLAlchemy's** (`servers`, `sqlite`). It pings a connection before it lends it (`pool_pre_ping`), so a
server that restarted, or a firewall that dropped an idle connection, fails no later request. A statement whose
connection is lost is not repeated: its outcome is unknown.

**Each caller has a deadline, from its arrival** (`DatabaseAccess.in_time`). A connection whose statement takes longer
is not used again. Neither are the connections to a server that takes no more writes: the next ones lead to the new
primary. On SQLite a transaction that its caller has given up is not committed.

**Frequent statements are built once**, with parameters for what differs. To build a statement, or to see that it equals
the last, takes several times as long as the database takes to answer it.

**Tables are declared with Advanced Alchemy** (`Model`): its registry, with its names of constraints and its type for
times in UTC, which refuses a time without a zone.

Declined: Advanced Alchemy's repositories, since the statements here are few, guarded and batched. Its Alembic command,
which starts its own event loop, while a migration must run on the connection that holds the lock. Its configuration of
engines: SQLite's is not an asynchronous one. An asynchronous driver for SQLite takes three times the processor time.
"""

from keyturn.service.database.database import Database, Model, Moment, Store
from keyturn.service.database.unready import unready_where_unreachable

__all__ = ["Database", "Model", "Moment", "Store", "unready_where_unreachable"]
