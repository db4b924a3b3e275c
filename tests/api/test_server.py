"""The service under Gunicorn when things go wrong: shutdowns, crashes, and a database that is gone or frozen."""

import contextlib
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from local.postgres import Server
from tests.api.conftest import BOOKS, LEFT_HAND, Gunicorn, execute, flask, wait_until


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Server]:
    """A database that the test may kill."""
    server = Server(tmp_path / "postgres")
    server.start()
    assert flask(server.url(), "db", "upgrade").returncode == 0
    yield server
    if server.pid:
        os.kill(server.pid, signal.SIGCONT)
    server.stop()


class Creators:
    """Clients that create books under keys of their own, each again and again until it is acknowledged."""

    def __init__(self, server: Gunicorn, clients: int = 4) -> None:
        self._server = server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._create) for _ in range(clients)]
        self.acknowledged: list[int] = []
        self.failures = 0

    def _create(self) -> None:
        while not self._stop.is_set():
            key = str(uuid.uuid4())
            deadline = time.monotonic() + 40
            while time.monotonic() < deadline:
                try:
                    response = requests.post(
                        self._server.url + BOOKS, json=LEFT_HAND, headers={"Idempotency-Key": key}, timeout=10
                    )
                except requests.RequestException:
                    self.failures += 1
                    continue
                if response.status_code == 201:
                    self.acknowledged.append(response.json()["id"])
                    break
                assert response.status_code == 503, response.text
                self.failures += 1

    def __enter__(self) -> "Creators":
        for thread in self._threads:
            thread.start()
        wait_until(lambda: len(self.acknowledged) > 20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def go_on(self) -> None:
        """Wait until a good many more creations were acknowledged."""
        enough = len(self.acknowledged) + 30
        wait_until(lambda: len(self.acknowledged) > enough, seconds=40)


def assert_rows_are_what_was_acknowledged(database_url: str, creators: Creators) -> None:
    rows = [book_id for (book_id,) in execute(database_url, "SELECT id FROM books")]
    assert sorted(rows) == sorted(creators.acknowledged)


def test_no_acknowledged_book_is_lost_or_doubled_when_workers_are_killed(own_postgres: Server, tmp_path: Path) -> None:
    with Gunicorn(own_postgres.url(), tmp_path / "log") as server:
        with Creators(server) as creators:
            for _ in range(3):
                os.kill(server.workers[0], signal.SIGKILL)
                creators.go_on()
        assert_rows_are_what_was_acknowledged(own_postgres.url(), creators)


def test_no_acknowledged_book_is_lost_or_doubled_when_the_database_is_killed(
    own_postgres: Server, tmp_path: Path
) -> None:
    with Gunicorn(own_postgres.url(), tmp_path / "log") as server:
        with Creators(server) as creators:
            for _ in range(2):
                own_postgres.kill()
                wait_until(lambda: requests.get(f"{server.url}/readyz", timeout=9).status_code == 503)
                own_postgres.start()
                creators.go_on()
        assert creators.failures > 0
        assert_rows_are_what_was_acknowledged(own_postgres.url(), creators)


def assert_503_soon(server: Gunicorn, send: Callable[[], requests.Response]) -> None:
    """Within 3 seconds, on every thread of every worker at once."""
    answers: list[tuple[int, float]] = []

    def ask() -> None:
        start = time.monotonic()
        response = send()
        answers.append((response.status_code, time.monotonic() - start))
        assert response.headers["Retry-After"]

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in answers] == [503] * 6
    assert max(seconds for _, seconds in answers) < 3.5  # 3 s, and what a busy machine adds.


@pytest.mark.parametrize("way", ["stopped", "frozen"])
def test_without_its_database_the_server_answers_503_soon_and_recovers_by_itself(
    own_postgres: Server, tmp_path: Path, way: str
) -> None:
    with Gunicorn(own_postgres.url(), tmp_path / "log") as server:
        book = server.url + requests.post(server.url + BOOKS, json=LEFT_HAND, timeout=9).headers["Location"]
        backends = execute(own_postgres.url(), "SELECT pid FROM pg_stat_activity WHERE backend_type <> 'x'")
        frozen = [pid for (pid,) in backends] + [own_postgres.pid or 0]
        if way == "stopped":
            own_postgres.stop()
        else:
            for pid in frozen:
                kill_quietly(pid, signal.SIGSTOP)
        try:
            assert_503_soon(server, lambda: requests.get(book, timeout=9))
            assert_503_soon(server, lambda: requests.post(server.url + BOOKS, json=LEFT_HAND, timeout=9))
            assert requests.get(f"{server.url}/livez", timeout=1).status_code == 200
            assert requests.get(f"{server.url}/readyz", timeout=9).status_code == 503
        finally:
            for pid in frozen:
                kill_quietly(pid, signal.SIGCONT)
        if way == "stopped":
            own_postgres.start()
        wait_until(lambda: [requests.get(book, timeout=9).status_code for _ in range(20)] == [200] * 20)


def kill_quietly(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def test_a_restart_of_the_database_fails_no_request_afterwards(own_postgres: Server, tmp_path: Path) -> None:
    with Gunicorn(own_postgres.url(), tmp_path / "log") as server:
        assert {requests.get(server.url + BOOKS, timeout=9).status_code for _ in range(20)} == {200}
        own_postgres.stop()
        own_postgres.start()

        assert {requests.get(server.url + BOOKS, timeout=9).status_code for _ in range(20)} == {200}


def slow_upload(server: Gunicorn) -> socket.socket:
    """An import whose body has begun and not ended."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    head = f"POST {BOOKS}/import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 22\r\n\r\n"
    connection.sendall(head.encode() + b"title,author\n")
    return connection


def test_sigterm_turns_readiness_false_lets_requests_end_and_exits(
    database_url: str, empty: None, tmp_path: Path
) -> None:
    with Gunicorn(database_url, tmp_path / "log", DRAIN_SECONDS="1.5") as server:
        upload = slow_upload(server)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "shutting down" in requests.get(f"{server.url}/readyz", timeout=9).text)
        answer = requests.get(server.url + BOOKS, timeout=9)
        assert answer.status_code == 200
        assert answer.headers["Connection"] == "close"
        upload.sendall(b"A,B\nC,D\n\n")

        assert upload.recv(4096).startswith(b"HTTP/1.1 200")
        assert server.process.wait(20) == 0
    assert execute(database_url, "SELECT count(*) FROM books") == [(2,)]


def test_an_import_that_is_cut_off_leaves_nothing(database_url: str, empty: None, gunicorn: Gunicorn) -> None:
    def statuses() -> list[int]:
        return [line["status"] for line in gunicorn.lines() if line.get("path") == f"{BOOKS}/import"]

    before = statuses()
    upload = slow_upload(gunicorn)
    upload.sendall(b"A,B\n")
    upload.close()

    wait_until(lambda: len(statuses()) > len(before))
    assert statuses()[len(before) :] == [400]
    assert execute(database_url, "SELECT count(*) FROM books") == [(0,)]
