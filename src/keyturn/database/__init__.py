"""One door to both databases, and what is built on it: migrations, shared statements, an app's own pool.

**A transaction is a plain function** (`Database.transact`): `def work(connection)` executes its statements and returns;
then they are committed, or rolled back if it raises. It cannot await anything, so no lock is held for a mail, a hash or
another system. **Whatever decides is one guarded statement**; no read decides a later write.

**One statement for all who wait** (`batching`): requests that arrive while a commit is under way share the next one.
An idle server answers at once, a busy one commits in groups. 202 means committed, with `synchronous = FULL` on
SQLite. A trip to SQLite takes this process's own time: there the event loop comes round first, while that brings more.

**One trip where one is enough**: on SQLite a transaction, from BEGIN to COMMIT, is one trip to the thread of the one
writer (`sqlite`). On PostgreSQL it is one piece for the event loop, and a statement by itself is a transaction, on
connections that commit each one (`engines`). None is pinged before each use: what the driver has heard of is replaced,
and what was idle for seconds is asked. A read whose connection is lost is asked once more. A write is not: nobody knows
its outcome.

**Each caller has a deadline of its own, from its arrival** (`Database.in_time`). On SQLite it interrupts the statement
in its thread, and what a caller has given up is not committed afterwards.

**What is asked often is built once**, with parameters for what differs (`Database.is_one_of`, `many_rows`): to build a
statement, or to see that one is the same as the last, takes several times what a database takes to answer it.

**A shared pool, not shared options** (`engine_for_our_statements`): an engine over an app's pool carries isolation,
schema and hidden parameters of its own; of an app's SQLite file, Keyturn has connections of its own.

**Leases and locks are by the database's clock** (`Database.clock`): that of a machine may be an hour off.

Declined: Advanced Alchemy's repositories, since the statements here are few, guarded and batched, and are written as
such; its Alembic command, which starts an event loop of its own, where a migration must run on the connection that
holds the lock; its engine configuration and its type for times, since the first name that is imported brings all of it,
a fifth of a start. An app's own configuration by it is taken as it is
(`keyturn.parts.host_database`).
"""

from keyturn.database.database import Database, Model, Moment, now
from keyturn.database.engines import refuse_what_no_driver_takes
from keyturn.database.unready import unready_where_unreachable

__all__ = ["Database", "Model", "Moment", "now", "refuse_what_no_driver_takes", "unready_where_unreachable"]
