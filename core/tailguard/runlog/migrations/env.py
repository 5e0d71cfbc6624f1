"""Alembic's entry: migrate over the connection that the run log has open already."""

from alembic import context

connection = context.config.attributes["connection"]
if connection.dialect.name == "duckdb":
    import duckdb_sqlalchemy.alembic_impl  # noqa: F401  registers DuckDB with Alembic
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
