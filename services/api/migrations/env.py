"""Runs the migrations, one process at a time."""

import time

from alembic import context
from bookshelf.database import db
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError

LOCK = 0x626F6F6B  # "book": any number of replicas may start at once, and one migrates while the others wait.


def connect(wait: float) -> Connection:
    """Connect, and for `wait` seconds try again."""
    engine = create_engine(db.engine.url, connect_args={"connect_timeout": 2, "application_name": "bookshelf-migrate"})
    deadline = time.monotonic() + wait
    while True:
        try:
            return engine.connect()
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise
            print(f"Waiting for the database: {error.orig}".strip(), flush=True)
            time.sleep(1)


def run() -> None:
    """Migrate.

    `flask db upgrade -x wait=SECONDS` is for a server's start: it waits for a database that is starting at the same
    time, and it lets a schema be that a newer version has migrated, for this one was started by a rollback.
    """
    wait = context.get_x_argument(as_dictionary=True).get("wait")
    with connect(float(wait or 0)) as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.configure(connection=connection, target_metadata=db.metadata, compare_type=True)
        known = {script.revision for script in context.script.walk_revisions()}
        newer = set(context.get_context().get_current_heads()) - known
        if wait and newer:
            print(f"The database has migrations of a newer version ({', '.join(newer)}): nothing to do.")
            return
        context.run_migrations()


run()
