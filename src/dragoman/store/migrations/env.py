"""What Alembic runs to apply the steps: on the connection, and in the transaction, that it is given."""

from alembic import context

from dragoman.store.tables import METADATA

# both databases take back changes of tables with the transaction; of SQLite, Alembic has to be told so
context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
