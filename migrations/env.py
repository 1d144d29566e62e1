"""Runs the migrations on the connection that `keyturn.service.database.migrations` hands over."""

from alembic import context

from keyturn.service.database import Model

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Model.metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
