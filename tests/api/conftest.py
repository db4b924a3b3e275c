"""A real PostgreSQL for the whole run, the application on it, and Gunicorn where a test needs a server."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests
from bookshelf import create_app
from bookshelf.settings import Settings
from flask.testing import FlaskClient

from local.postgres import Server

ROOT = Path(__file__).resolve().parents[2]
API = ROOT / "services" / "api"
BOOKS = "/api/v1/books"
LEFT_HAND = {"title": "The Left Hand of Darkness", "author": "Ursula K. Le Guin", "published_year": 1969}


def environment(database_url: str, **settings: str) -> dict[str, str]:
    """The environment of a process of ours, with nothing of the person's who runs the tests."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{API}:{ROOT}",
        "FLASK_APP": "bookshelf",
        "DATABASE_URL": database_url,
        **settings,
    }


def flask(database_url: str, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the application."""
    return subprocess.run(
        ["flask", *command], cwd=API, env=environment(database_url, **settings), capture_output=True, text=True
    )


def wait_until(condition: Callable[[], Any], *, seconds: float = 20) -> Any:
    """Wait for `condition` to be true, and give what it gave. A refused connection counts as false."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(requests.RequestException, psycopg2.OperationalError, OSError):
            if result := condition():
                return result
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)  # Between two looks, not instead of one.


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Gunicorn:
    """The service as in production, on a port of its own."""

    def __init__(
        self, database_url: str, log: Path, *, host: str = "127.0.0.1", port: int = 0, **settings: str
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        settings = {"BIND": f"{host}:{self.port}", "WEB_CONCURRENCY": "2"} | settings
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["gunicorn"], cwd=API, env=environment(database_url, **settings), stdout=output, stderr=output
            )

    def __enter__(self) -> "Gunicorn":
        try:
            wait_until(lambda: requests.get(f"{self.url}/livez", timeout=5).ok)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(40)

    @property
    def workers(self) -> list[int]:
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def lines(self) -> list[dict[str, Any]]:
        """The log so far, without a line that is just being written."""
        return [json.loads(line) for line in self.log.read_text().rpartition("\n")[0].splitlines()]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("postgres"), settings={"fsync": "off"})
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def database_url(postgres: Server) -> str:
    migrated = flask(postgres.url(), "db", "upgrade")
    assert migrated.returncode == 0, migrated.stderr + migrated.stdout
    return postgres.url()


@pytest.fixture(scope="session")
def app(database_url: str) -> Any:
    return create_app(Settings(database_url=database_url))


@pytest.fixture
def empty(database_url: str) -> None:
    execute(database_url, "TRUNCATE books, words, idempotency_keys RESTART IDENTITY")


@pytest.fixture
def client(app: Any, empty: None) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def gunicorn(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """A server for the tests that do it no harm."""
    with Gunicorn(database_url, tmp_path_factory.mktemp("gunicorn") / "log") as server:
        yield server


def execute(database_url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement, and give its rows."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows
