"""`make run`: the API under Gunicorn on an embedded PostgreSQL, and the page by Vite, all stopped by Ctrl-C."""

import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType

from local.page import VITE, WEB, PageError, install
from local.postgres import PostgresError, running

ROOT = Path(__file__).resolve().parent.parent
API = ROOT / "services" / "api"
PAGE_PORT = 5173


def main() -> int:
    """Run one command on the database, or without one the server; see `make help`."""
    parser = argparse.ArgumentParser(prog="python -m local.run", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (default: 8000)")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="folder of the database (default: .data)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="run this on the database instead of the server")
    arguments = parser.parse_args()
    if not arguments.command and is_taken(arguments.port):
        return fail(f"port {arguments.port} is in use: stop what uses it, or make run PORT={arguments.port + 1}")
    given = os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE")
    try:
        with nullcontext(None) if given else running(arguments.data / "postgres") as url:
            environment = {
                **os.environ,
                **({"DATABASE_URL": url} if url else {}),
                "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
                "FLASK_APP": "bookshelf",
                "GIT_COMMIT": commit(),
                "PYTHONPATH": str(API),
            }
            return work(arguments.command, arguments.port, environment)
    except PostgresError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return 130


def work(command: list[str], port: int, environment: dict[str, str]) -> int:
    """Migrate, and run `command` or the server until it ends."""
    migrated = subprocess.run(
        ["flask", "db", "upgrade"], cwd=API, env={**environment, "LOG_LEVEL": "warning"}, text=True, capture_output=True
    )
    if migrated.returncode:
        output = (migrated.stderr + migrated.stdout).strip().splitlines() or ["it says nothing"]
        return fail(f"the migrations failed: {output[-1]}")
    if command:
        return subprocess.run(command, env=environment).returncode
    address = f"http://127.0.0.1:{port}"
    with page(address) as where:
        print(f"Page:          {where}", f"API:           {address}/api/v1/books", sep="\n")
        print(f"Documentation: {address}/api/docs")
        return serve(port, environment)


def serve(port: int, environment: dict[str, str]) -> int:
    """Run the server until it is told to stop."""
    print("Fill it from another terminal with: make seed.  Stop with Ctrl-C.", flush=True)
    # In a session of its own, it gets no Ctrl-C from the terminal, which would cut off requests; we ask it to stop.
    server = subprocess.Popen(
        ["gunicorn"], cwd=API, env={**environment, "BIND": f"127.0.0.1:{port}"}, start_new_session=True
    )
    asked = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        server.send_signal(signal.SIGQUIT if asked else signal.SIGTERM)  # Asked twice: at once.
        asked = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    status = server.wait()
    return 0 if asked else status


@contextmanager
def page(api: str) -> Iterator[str]:
    """Serve the page, for an API at `api`; gives its address, or why it is not served, which stops nothing else."""
    try:
        install()
    except PageError as error:
        yield f"not served: {error}"
        return
    if is_taken(PAGE_PORT):
        yield f"not served: port {PAGE_PORT} is in use: stop what uses it, and make run again"
        return
    # Vite ends with its input, which closes also when this process is killed: not in CI, and only where it is read.
    read_input = ("--import", "data:text/javascript,process.stdin.resume()")
    vite = subprocess.Popen(
        ["node", *read_input, VITE, "--port", str(PAGE_PORT), "--strictPort", "--logLevel", "error"],
        cwd=WEB,
        env={**{name: value for name, value in os.environ.items() if name != "CI"}, "API_URL": api},
        stdin=subprocess.PIPE,
    )
    try:
        yield f"http://127.0.0.1:{PAGE_PORT}"
    finally:
        vite.terminate()
        vite.wait()


def is_taken(port: int) -> bool:
    """Whether something listens on `port` of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def commit() -> str:
    """The commit that is checked out."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return found.stdout.strip() or "unknown"


def fail(reason: str) -> int:
    """Say why in one line."""
    print(f"bookshelf: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
