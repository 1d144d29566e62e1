"""Runs the migrations on the connection that `keyturn.database.migrations` hands over."""

from alembic import context

import keyturn.accounts.builtin
import keyturn.mail.sending.pace
import keyturn.outbox.models
import keyturn.reset.limits.postgresql_windows
import keyturn.reset.proofs.altcha
import keyturn.reset.proofs.second_step.models
import keyturn.reset.records.codes
import keyturn.reset.records.models  # noqa: F401 - so that the metadata is complete
from keyturn.database import Model

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Model.metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
