"""The common interface to both databases: transactions, migrations, shared statements, an app's own pool.

**A transaction is a plain function** (`Database.transact`): `def work(connection)` executes its statements and returns;
then they are committed, or rolled back if it raises. It cannot await, so a lock is never held during a mail, a hash or
a call to another system. **Each decision is one guarded statement**; a read never decides a later write.

**Waiting requests share a statement** (`batching`): requests that arrive during a commit share the next one. An idle
server answers at once, a busy one commits in groups. 202 means committed, with `synchronous = FULL` on SQLite. A trip
to SQLite takes this process's own time. So the event loop runs first, for as long as that brings more requests.

**A single trip is enough**: on SQLite a transaction, from BEGIN to COMMIT, is one trip to the thread of the one writer
(`sqlite`). On PostgreSQL it is one piece for the event loop. A single statement is a transaction there, without BEGIN
and COMMIT (`engines`). Connections are not pinged before each use: those that the driver knows to be
lost are replaced, and those that were idle for seconds are pinged. A read whose connection is lost is repeated once. A
write is not, because its outcome is unknown.

**Each caller has its own deadline, from its arrival** (`Database.in_time`). On SQLite the deadline interrupts the
statement in its thread, and abandoned work is not committed afterwards.

**Frequent statements are built once**, with parameters for what differs (`Database.is_one_of`, `many_rows`). To build a
statement, or to see that it equals the last, takes several times as long as the database takes to answer it.

**A shared pool, not shared options** (`engine_for_our_statements`): an engine over an app's pool has its own isolation,
schema and hidden parameters. For an app's SQLite file, Keyturn opens its own connections.

**Leases and locks use the database's clock** (`Database.clock`): a machine's own clock may be an hour off.

**Tables are declared with Advanced Alchemy** (`Model`): its registry, with its names of constraints and its type for
times in UTC, which refuses a time without a zone. An app's configuration by it is used as it is (`service/plugin.py`).

Declined: Advanced Alchemy's repositories, since the statements here are few, guarded and batched, and are written as
such. Its Alembic command, which starts its own event loop, while a migration must run on the connection that holds the
lock. Its configuration of engines for Keyturn's own: it would only repeat the options of SQLAlchemy's function, and
SQLite's engine is not an asynchronous one.
"""

from keyturn.service.database.database import Database, Model, Moment, Store
from keyturn.service.database.engines import refuse_what_no_driver_takes
from keyturn.service.database.unready import unready_where_unreachable

__all__ = ["Database", "Model", "Moment", "Store", "refuse_what_no_driver_takes", "unready_where_unreachable"]
