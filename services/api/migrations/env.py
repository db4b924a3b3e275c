"""Runs the migrations, one process at a time."""

from alembic import context
from bookshelf.database import db
from sqlalchemy import create_engine, text

LOCK = 0x626F6F6B  # "book": any number of replicas may start at once, and one migrates while the others wait.


def run() -> None:
    engine = create_engine(db.engine.url, connect_args={"connect_timeout": 5, "application_name": "bookshelf-migrate"})
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.configure(connection=connection, target_metadata=db.metadata, compare_type=True)
        context.run_migrations()


run()
