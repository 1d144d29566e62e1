"""One engine for both databases, and what is built on it: migrations, shared statements, an app's own pool.

**A transaction is visible**: `async with database.transaction() as session`, and a commit by name. Nothing commits
behind a caller's back. **Whatever decides is one guarded statement**; no read decides a later write.

**One statement for all who wait** (`batching`): requests that arrive while a commit is under way share the next one.
An idle server answers at once, a busy one commits in groups. 202 means committed, with `synchronous = FULL` on
SQLite. A trip to SQLite takes this process's own time: there the event loop comes round first, while that brings more.

**One trip where one is enough** (`Database.fetch`, `execute`, `transact`): on SQLite all of it, from
BEGIN to COMMIT, runs in one of a few threads (`sqlite_threads`), since each hop to a thread costs more than a small
statement, and since the file has one writer, for whom all others wait. A statement by itself is a transaction on both.
Connections stay out of the pool between two trips (`sqlite_threads`, `kept_connections`): to take one and to give it
back costs SQLAlchemy what the statement does. None is pinged before each use (`lost_connections`); a read whose
connection is lost is asked once more, and a write, whose outcome is not known, is not.

**What is asked often is built once**, with parameters for what differs (`Database.is_one_of`, `many_rows`): to build a
statement, or to see that one is the same as the last, takes several times what a database takes to answer it.

**A shared pool, not shared options** (`host_database`): an engine over an app's pool carries isolation, schema and
hidden parameters of its own; of an app's SQLite file, Keyturn has connections of its own.

**Leases and locks are by the database's clock** (`Database.clock`): that of a machine may be an hour off.

Declined: Advanced Alchemy's repositories, since the statements here are few, guarded and batched, and are written as
such; its Alembic command, which starts an event loop of its own, where a migration must run on the connection that
holds the lock; its engine configuration and its type for times, since the first name that is imported brings all of it,
a fifth of a start. An app's own configuration by it is taken as it is (`host_database`).
"""

from keyturn.database.database import Database, Model, Moment, now
from keyturn.database.engines import refuse_what_no_driver_takes
from keyturn.database.unready import unready_where_unreachable

__all__ = ["Database", "Model", "Moment", "now", "refuse_what_no_driver_takes", "unready_where_unreachable"]
