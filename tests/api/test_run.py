"""`make run` and its neighbours, as a person uses them."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
import requests

from local.postgres import Server
from local.run import PAGE_PORT, is_taken
from tests.api.conftest import BOOKS, LEFT_HAND, ROOT, environment, execute, free_port, wait_until
from tests.conftest import install_packages


def command(data: Path, port: int, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "local.run", "--port", str(port), "--data", str(data), *arguments]


def variables(**settings: str) -> dict[str, str]:
    """As a person's shell has them, with no database of their own."""
    return {name: value for name, value in environment("", **settings).items() if value}


@contextmanager
def running(data: Path, port: int, **settings: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(data, port),
        cwd=ROOT,
        env=variables(WEB_CONCURRENCY="1", **settings),  # The worker that answers is then the last to have started.
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: requests.get(f"http://127.0.0.1:{port}/readyz", timeout=9).ok, seconds=60)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def fails(data: Path, port: int, *arguments: str) -> str:
    """The one line in which the command says why it can't."""
    result = subprocess.run(
        command(data, port, *arguments), cwd=ROOT, env=variables(), capture_output=True, text=True, timeout=90
    )
    assert result.returncode == 1
    assert result.stderr.startswith("bookshelf: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_says_where_and_stops_with_its_database_and_keeps_the_data(
    tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for books in (0, 1):
        with running(tmp_path, port) as process:
            assert len(requests.get(url + BOOKS, timeout=9).json()["items"]) == books
            assert requests.post(url + BOOKS, json=LEFT_HAND, timeout=9).status_code == 201
            process.send_signal(number)
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0
        assert f"{url}/api/docs" in output
        assert "Traceback" not in output
        assert Server(tmp_path / "postgres").pid is None


def test_a_command_uses_the_database_of_the_running_server_and_leaves_it_running(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, port):
        seeded = subprocess.run(
            command(tmp_path, port, "flask", "books", "import", str(ROOT / "data" / "books.csv")),
            cwd=ROOT,
            env=variables(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert seeded.returncode == 0, seeded.stderr
        assert requests.get(f"http://127.0.0.1:{port}{BOOKS}", timeout=9).json()["next"]


def test_a_database_left_over_from_a_killed_run_is_taken_over(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, port) as process:
        process.kill()
        process.wait()
        left_over = subprocess.run(["pgrep", "gunicorn"], capture_output=True, text=True).stdout.split()
        assert Server(tmp_path / "postgres").pid
        for pid in left_over:
            if f"127.0.0.1:{port}" in environment_of(int(pid)):
                os.kill(int(pid), signal.SIGKILL)
        wait_until(lambda: not listening(port))
    with running(tmp_path, port) as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert Server(tmp_path / "postgres").pid is None


def environment_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text()
    except OSError:
        return ""


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} is in use" in fails(tmp_path, port)


def test_a_damaged_data_folder_is_one_line_that_says_where_and_what(tmp_path: Path) -> None:
    server = Server(tmp_path / "postgres")
    server.start()
    server.stop()
    (server.data / "global" / "pg_control").unlink()

    reason = fails(tmp_path, free_port())

    assert "PostgreSQL can't start" in reason and "pg_control" in reason and str(server.data) in reason


def test_a_data_folder_that_was_never_finished_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data.unfinished" / "base").mkdir(parents=True)
    server = Server(tmp_path / "postgres")

    server.start()
    server.stop()

    assert (server.data / "PG_VERSION").exists()


def test_with_database_url_that_server_is_used_and_no_other_is_started(tmp_path: Path, database_url: str) -> None:
    port = free_port()
    with running(tmp_path, port, DATABASE_URL=database_url):
        assert not (tmp_path / "postgres").exists()


def test_a_database_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    result = subprocess.run(
        command(tmp_path, free_port()),
        cwd=ROOT,
        env=variables(DATABASE_URL="postgresql://127.0.0.1:1/x"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("bookshelf: ") and result.stderr.count("\n") == 1, result.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root has folders that nobody else may enter")
def test_root_can_keep_the_data_in_a_folder_of_its_own(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    server = Server(private / "postgres")
    server.start()
    try:
        assert execute(server.url(), "SELECT 1") == [(1,)]
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert (server.data / "PG_VERSION").stat().st_uid != 0
    finally:
        server.stop()
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(server.url())


def test_an_old_python_is_one_line() -> None:
    pretend = "import runpy, sys; sys.version_info = (3, 10, 1); runpy.run_path('local/environment.py')"
    result = subprocess.run([sys.executable, "-c", pretend], cwd=ROOT, capture_output=True, text=True)

    assert result.returncode == 1
    assert result.stderr.startswith("bookshelf: Python 3.11, 3.12 or 3.13 is needed, and this is 3.10")
    assert result.stderr.count("\n") == 1


def test_make_alone_lists_what_there_is() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True).stdout

    assert {"make run", "make seed", "make test", "make bench"} <= {
        " ".join(line.split()[:2]) for line in listed.splitlines()
    }


def test_it_serves_the_page_with_the_api_behind_it(tmp_path: Path) -> None:
    install_packages()
    with running(tmp_path, free_port()) as process:
        page = f"http://127.0.0.1:{PAGE_PORT}"
        wait_until(lambda: "<title>Bookshelf</title>" in requests.get(page, timeout=9).text, seconds=60)
        assert requests.get(page + BOOKS, timeout=9).json()["items"] == []
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert f"Page:          {page}" in output
    wait_until(lambda: not is_taken(PAGE_PORT))


def test_the_page_goes_with_a_run_that_is_killed() -> None:
    install_packages()
    serve = "from local.run import page, signal\nwith page('http://127.0.0.1:1'): signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", serve], cwd=ROOT)
    wait_until(lambda: is_taken(PAGE_PORT))
    process.kill()
    process.wait()

    wait_until(lambda: not is_taken(PAGE_PORT))


def test_it_says_how_to_get_the_page_where_node_is_too_old(tmp_path: Path) -> None:
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\necho v18.20.4\n")
    node.chmod(0o755)
    with running(tmp_path, free_port(), PATH=f"{node.parent}:{os.environ['PATH']}") as process:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert "Page:          not served: it needs Node.js 20.19 or later with npm, and this is v18.20.4" in output
