"""Connections to PostgreSQL that fail fast, and come back by themselves."""

import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2.extensions
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, MetaData, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import PoolProxiedConnection

PsycopgConnection = psycopg2.extensions.connection
Cursor = psycopg2.extensions.cursor

STATEMENT_SECONDS = 2.0
"""PostgreSQL itself ends a statement after this long, and the request gets 503."""

UNANSWERED_SECONDS = 2.5
"""A connection that leaves a statement without an answer for this long is cut: server frozen, or network gone."""


class Base(DeclarativeBase):
    """Names every constraint alike, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "uq": "%(table_name)s_%(column_0_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        }
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)


def engine_options(threads: int) -> dict[str, Any]:
    """SQLAlchemy engine options for a process that serves `threads` requests at once (a connection for each)."""
    return {
        "isolation_level": "AUTOCOMMIT",
        "pool_size": threads,
        "max_overflow": 0,
        "pool_timeout": 2,
        "pool_use_lifo": True,
        "pool_reset_on_return": None,  # Nothing to reset: `transaction` ends its transactions itself.
        "connect_args": {
            "application_name": "bookshelf",
            "connect_timeout": 2,
            "options": f"-c statement_timeout={int(STATEMENT_SECONDS * 1000)} -c timezone=UTC",
            "tcp_user_timeout": 2000,
            "keepalives_idle": 5,
            "keepalives_interval": 1,
            "keepalives_count": 3,
        },
    }


class _Deadlines:
    """Cuts connections whose server stopped answering.

    libpq waits without a limit for an answer, and `statement_timeout` needs a server that is alive. So a thread looks
    at the connections in use and shuts the socket of an overdue one, which ends the wait with an OperationalError.
    """

    def __init__(self) -> None:
        self._overdue_at: dict[PsycopgConnection, tuple[float, Engine]] = {}
        self._watched_pid = 0
        self._lock = threading.Lock()

    def start(self, connection: PsycopgConnection) -> None:
        if self._watched_pid != os.getpid():  # Threads do not survive the fork of a Gunicorn worker.
            with self._lock:
                if self._watched_pid != os.getpid():
                    self._watched_pid = os.getpid()
                    self._overdue_at.clear()
                    threading.Thread(target=self._watch, name="database-deadlines", daemon=True).start()
        self._overdue_at[connection] = time.monotonic() + UNANSWERED_SECONDS, db.engine

    def end(self, connection: PsycopgConnection) -> None:
        self._overdue_at.pop(connection, None)

    def _watch(self) -> None:
        while True:
            time.sleep(0.2)
            now = time.monotonic()
            for connection, (overdue_at, engine) in list(self._overdue_at.items()):
                if overdue_at < now and self._overdue_at.pop(connection, (0, engine))[0]:
                    try:
                        duplicate = os.dup(connection.fileno())
                    except (psycopg2.InterfaceError, OSError):
                        continue  # Closed in the meantime.
                    with socket.socket(fileno=duplicate) as connected:
                        connected.shutdown(socket.SHUT_RDWR)
                    _give_up_for_a_while(engine)


_deadlines = _Deadlines()


class _ImpatientCursor(Cursor):
    """Gives each statement a deadline of its own; PostgreSQL's own limit comes first, if it is alive."""

    def execute(self, query: Any, vars: Any = None) -> None:
        _deadlines.start(self.connection)
        super().execute(query, vars)


_hopeless_until: dict[Engine, float] = {}


def _give_up_for_a_while(engine: Engine) -> None:
    """Spare the requests that wait for a thread the time that this one lost: they get their 503 at once."""
    _hopeless_until[engine] = time.monotonic() + 1


def _lend() -> PoolProxiedConnection:
    engine = db.engine
    if time.monotonic() < _hopeless_until.get(engine, 0):
        raise psycopg2.OperationalError("it did not answer a moment ago")
    try:
        return engine.raw_connection()
    except psycopg2.OperationalError:
        _give_up_for_a_while(engine)
        raise


def _refuse_closed(connection: PsycopgConnection, _record: object, _proxy: object) -> None:
    """Replace a pooled connection that the server has closed, without asking the server: a closed one is readable."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError


def prepare(engine: Engine) -> None:
    """Have every connection that `engine` lends checked first."""
    event.listen(engine, "checkout", _refuse_closed)


@contextmanager
def statement() -> Iterator[Cursor]:
    """A cursor in which each statement is a transaction of its own.

    Raises:
        psycopg2.OperationalError, sqlalchemy.exc.OperationalError, sqlalchemy.exc.TimeoutError: no database.
    """
    lent = _lend()
    connection: PsycopgConnection = lent.dbapi_connection  # type: ignore[assignment]
    try:
        with connection.cursor(cursor_factory=_ImpatientCursor) as cursor:
            yield cursor
    finally:
        _deadlines.end(connection)
        if connection.closed:
            lent.invalidate()
        lent.close()


@contextmanager
def transaction(*, unhurried: bool = False) -> Iterator[Cursor]:
    """A cursor in one transaction, committed at the end and rolled back by an exception.

    Args:
        unhurried: without the time limits of a request, for an import or an export.

    Raises:
        As `statement`.
    """
    lent = _lend()
    connection: PsycopgConnection = lent.dbapi_connection  # type: ignore[assignment]
    connection.autocommit = False
    factory = Cursor if unhurried else _ImpatientCursor
    try:
        with connection, connection.cursor(cursor_factory=factory) as cursor:
            if unhurried:
                cursor.execute("SET LOCAL statement_timeout = 0")
            yield cursor
    finally:
        _deadlines.end(connection)
        if connection.closed:
            lent.invalidate()
        else:
            connection.autocommit = True
        lent.close()
