"""One engine for both databases, and what is built on it: migrations, shared statements, an app's own pool."""

from keyturn.database.database import Database, Model, now, refuse_what_no_driver_takes, unready_where_unreachable

__all__ = ["Database", "Model", "now", "refuse_what_no_driver_takes", "unready_where_unreachable"]
