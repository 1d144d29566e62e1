"""One interface to SQLite and PostgreSQL: transactions, migrations, and statements for both.

**A transaction is a plain function** (`DatabaseAccess.transact`). It cannot await, so no lock is
held while a mail is sent, a password is hashed or another system is called. **Each decision is one
guarded statement**, never a read and then a write.

**Waiting requests share a statement** (`Batcher`), and 202 means committed. **Each caller has a
deadline, counted from its arrival** (`DatabaseAccess.in_time`). The pool is SQLAlchemy's, which
pings a connection before it is used. A statement whose connection is lost is not repeated, since
its outcome is unknown.

**Frequent statements are built once**: building one takes several times as long as the database
takes to answer it.

Declined: Advanced Alchemy's repositories, since the statements here are few, guarded and batched.
Its Alembic command, since it starts an event loop of its own, while a migration must run on the
connection that holds the lock. Its configuration of engines, since the engine for SQLite is a
synchronous one: an asynchronous driver takes three times the processor time.
"""

from keyturn.service.database.database import Database, Model, Moment, Store
from keyturn.service.database.unready import unready_where_unreachable

__all__ = ["Database", "Model", "Moment", "Store", "unready_where_unreachable"]
