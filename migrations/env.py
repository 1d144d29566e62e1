"""Runs the migrations on the connection that `keyturn.service.database.migrations` hands over."""

from alembic import context

from keyturn.service.database import Model

context.configure(target_metadata=Model.metadata, render_as_batch=True, **context.config.attributes)
with context.begin_transaction():
    context.run_migrations()
