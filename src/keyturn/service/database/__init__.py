"""The common interface to both databases: transactions, migrations, shared statements, an app's own pool.

**A transaction is a plain function** (`Database.transact`): `def work(connection)` executes its statements and returns;
then they are committed, or rolled back if it raises. It cannot await, so a lock is never held during a mail, a hash or
a call to another system. **Each decision is one guarded statement**; a read never decides a later write.

**Waiting requests share a statement** (`batching`): requests that arrive during a commit share the next one. An idle
server answers at once, a busy one commits in groups. 202 means committed, with `synchronous = FULL` on SQLite. A trip
to SQLite takes this process's own time. So the event loop runs first, for as long as that brings more requests.

**The pool is SQLAlchemy's** (`servers`, `sqlite`). It pings a connection before it lends it (`pool_pre_ping`), so a
server that restarted, or a firewall that dropped an idle connection, fails no later request. A statement whose
connection is lost is not repeated: its outcome is unknown. On SQLite, SQLAlchemy's synchronous engine runs in threads,
and one thread writes.

**Each caller has a deadline, from its arrival** (`DatabaseAccess.in_time`). A connection whose statement takes longer
is closed and not used again. So are the connections to a server that takes no more writes: after a failover, the next
ones lead to the new primary. On SQLite a transaction that its caller has given up is not committed.

**Frequent statements are built once**, with parameters for what differs (`Database.is_one_of`). To build a
statement, or to see that it equals the last, takes several times as long as the database takes to answer it.

**A shared pool, not shared options** (`engine_for_our_statements`): an engine over an app's pool has its own isolation,
schema and hidden parameters. For an app's SQLite file, Keyturn opens its own connections.

**Leases and locks use the database's clock** (`Database.clock`): a machine's own clock may be an hour off.

**Tables are declared with Advanced Alchemy** (`Model`): its registry, with its names of constraints and its type for
times in UTC, which refuses a time without a zone. An app's configuration by it is used as it is (`service/plugin.py`).

Declined: Advanced Alchemy's repositories, since the statements here are few, guarded and batched, and are written as
such. Its Alembic command, which starts its own event loop, while a migration must run on the connection that holds the
lock. Its configuration of engines for Keyturn's own: it would only repeat the options of SQLAlchemy's function, and
SQLite's engine is not an asynchronous one. An asynchronous driver for SQLite: it takes three times the processor time.
"""

from keyturn.service.database.database import Database, Model, Moment, Store
from keyturn.service.database.unready import unready_where_unreachable

__all__ = ["Database", "Model", "Moment", "Store", "unready_where_unreachable"]
