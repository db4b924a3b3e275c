"""`make bench`: loads the API and the ceiling in turn on one PostgreSQL, and prints what it measured as Markdown."""

import csv
import itertools
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import psycopg2
from bookshelf.books.queries import PageCursor

from local.postgres import Server
from local.run import API, ROOT

FEW, MANY = 1_000, int(os.environ.get("BENCH_BOOKS", "1_000_000"))
SECONDS = 1
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
"""Short turns, many of them: whatever else the machine does then meets both servers alike."""
CONNECTIONS = 24
MOST_CONNECTIONS = 16
"""Of one worker: else one often accepts all that wrk opens at once, and the other has nothing to do."""
PORT = 8790
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONPATH": f"{API}:{ROOT}",
    "FLASK_APP": "bookshelf",
    "LOG_LEVEL": "warning",
}
SERVERS = {"API": [], "ceiling": ["benchmarks.ceiling:application"]}


class Load(NamedTuple):
    """What wrk saw."""

    rate: float
    p50: float
    p99: float


def main() -> None:
    """Run everything, in about ten minutes."""
    if not shutil.which("wrk"):
        sys.exit("bookshelf: make bench loads the servers with wrk: apt install wrk")
    with tempfile.TemporaryDirectory(prefix="bookshelf-bench-") as folder:
        scratch = Path(folder)
        server = Server(scratch, settings={"shared_buffers": "1GB", "max_wal_size": "4GB"})
        server.start()
        try:
            measure(server, scratch)
        finally:
            server.stop()


def measure(server: Server, scratch: Path) -> None:
    """Every part, each printed when it is done."""
    say(f"making a file of {MANY:,} books")
    write_books(scratch / "few.csv", FEW)
    write_books(scratch / "many.csv", MANY)
    urls = {name: new_database(server, name) for name in ("few", "many", "bare")}
    with gunicorn(urls["few"], []):
        send_file(scratch / "few.csv")
    print_transfer(urls, scratch)
    for url in urls.values():
        execute(url, "VACUUM ANALYZE")
    print_requests(urls["many"], scratch)
    print_growth(urls, scratch)


def print_transfer(urls: dict[str, str], scratch: Path) -> None:
    """Import against a bare COPY into the same table, and what both directions do to memory."""
    say("importing")
    with gunicorn(urls["many"], [], workers=1) as master:
        before = memory(master, "VmRSS")
        import_seconds = timed(lambda: send_file(scratch / "many.csv"))
        import_growth = memory(master, "VmHWM") - before
    say("a bare COPY")
    copy_seconds = timed(lambda: bare_copy(urls["bare"], scratch / "many.csv"))
    say("exporting")
    with gunicorn(urls["many"], [], workers=1) as master:
        before = memory(master, "VmRSS")
        export_seconds = timed(lambda: subprocess.run(
            ["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{PORT}/api/v1/books/export?format=csv"], check=True
        ))  # fmt: skip
        export_growth = memory(master, "VmHWM") - before
    print(f"\n| {MANY:,} books | seconds | of a bare COPY's speed | growth of the process |")
    print("| --- | --- | --- | --- |")
    print(f"| bare `COPY` into the same table | {copy_seconds:.0f} | 1 | |")
    print(f"| import | {import_seconds:.0f} | {copy_seconds / import_seconds:.2f} | {import_growth:.0f} MB |")
    print(f"| export | {export_seconds:.0f} | | {export_growth:.0f} MB |", flush=True)


def print_requests(url: str, scratch: Path) -> None:
    """The API against the ceiling, in a catalogue of MANY."""
    operations = {
        "get one book": script(scratch, "get", "GET", "'/api/v1/books/' .. math.random(1, 1000)"),
        "first page of 100": script(scratch, "first", "GET", "'/api/v1/books?limit=100'"),
        "a page deep in 1,000,000": script(scratch, "deep", "GET", f"'{deep_page(url)}'"),
        "search": script(scratch, "search", "GET", f"'/api/v1/books?{SEARCHES['two words']}'"),
        "create": script(scratch, "create", "POST", "'/api/v1/books'", BODY),
        "patch": script(
            scratch, "patch", "PATCH", f"'/api/v1/books/' .. math.random(1, {MANY // 2})", "'{\"read\":true}'"
        ),
    }
    with ExitStack() as servers:
        ports = {}
        for port, (server, arguments) in enumerate(SERVERS.items(), PORT):
            servers.enter_context(gunicorn(url, arguments, port=port))
            ports[server] = port
        seen = {
            operation: alternate(operation, dict.fromkeys(ports, path), ports) for operation, path in operations.items()
        }
    print("\n| request | API: requests/s | p50 | p99 | ceiling: requests/s | p50 | p99 | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for operation in operations:
        api, ceiling = (seen[operation][server] for server in SERVERS)
        print(f"| {operation} | {row(api)} | {row(ceiling)} | **{api.rate / ceiling.rate:.2f}** |", flush=True)


def print_growth(urls: dict[str, str], scratch: Path) -> None:
    """What a thousand times more books cost."""
    pages = {name: deep_page(urls[name]) for name in ("few", "many")}
    requests = {"a deep page": pages} | {
        f"search: {name}": dict.fromkeys(pages, f"/api/v1/books?{query}") for name, query in SEARCHES.items()
    }
    with ExitStack() as servers:
        ports = {}
        for port, name in enumerate(pages, PORT):
            servers.enter_context(gunicorn(urls[name], [], port=port))
            ports[name] = port
        seen = {
            request: alternate(
                request, {name: script(scratch, name, "GET", f"'{paths[name]}'") for name in paths}, ports
            )
            for request, paths in requests.items()
        }
    print(f"\n| request | p50 in {FEW:,} | p50 in {MANY:,} | times |")
    print("| --- | --- | --- | --- |")
    for request in requests:
        few, many = (seen[request][name].p50 for name in pages)
        print(f"| {request} | {few:.2f} ms | {many:.2f} ms | **{many / few:.2f}** |", flush=True)


SEARCHES = {
    "two words": "q=left%20darkness",
    "with typing errors": "q=darknes%20le%20giun",
    "a word in one title of 50": "q=common",
}

BODY = """'{"title":"Book ' .. math.random(1, 1000000000) .. '","author":"Somebody","published_year":1999}'"""


def write_books(path: Path, count: int) -> None:
    """A file of `count` invented books, the same at each run, whose words are spread as in a language (Zipf)."""
    source = random.Random(7)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il")]
    words = sorted({"".join(source.choices(syllables, k=source.choice((2, 3, 3, 4)))) for _ in range(50_000)})
    source.shuffle(words)
    weights = list(itertools.accumulate(1 / (rank + 20) for rank in range(len(words))))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("title", "author", "description", "isbn", "published_year", "read"))
        writer.writerow(
            (
                "The Left Hand of Darkness",
                "Ursula K. Le Guin",
                "An envoy on a world without fixed sexes.",
                "",
                1969,
                "false",
            )
        )
        for number in range(1, count):
            chosen = source.choices(words, cum_weights=weights, k=12)
            title = " ".join(chosen[:4]).title() + (" Common" if number % 50 == 0 else "")
            author = " ".join(chosen[4:6]).title()
            isbn = isbn13(number) if number % 2 else ""
            writer.writerow((title, author, " ".join(chosen[6:]), isbn, 1800 + number % 220, "false"))


def isbn13(number: int) -> str:
    """The ISBN-13 with this number."""
    digits = f"979{number:09}"
    return digits + str(-sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10)


def new_database(server: Server, name: str) -> str:
    """A database with the tables and no books."""
    execute(server.url(), f"CREATE DATABASE {name}")
    url = server.url(name)
    subprocess.run(["flask", "db", "upgrade"], cwd=API, env={**ENVIRONMENT, "DATABASE_URL": url}, check=True)
    return url


def execute(url: str, statement: str) -> None:
    """Run one statement outside a transaction."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def bare_copy(url: str, path: Path) -> None:
    """What an import comes down to, without any check but the table's own."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor, path.open() as file:
        columns = file.readline().strip()
        cursor.copy_expert(f"COPY books ({columns}) FROM STDIN WITH (FORMAT csv)", file)


def send_file(path: Path) -> None:
    """Import `path` through the API, streamed."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/api/v1/books/import",
        data=path.open("rb"),
        headers={"Content-Type": "text/csv", "Content-Length": str(path.stat().st_size)},
    )
    with urllib.request.urlopen(request, timeout=1800) as response:
        response.read()


def deep_page(url: str) -> str:
    """The path of the page that begins in the middle of the catalogue, by title."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT title_key, id FROM books ORDER BY 1, 2 OFFSET (SELECT count(*) / 2 FROM books) LIMIT 1")
        key, book_id = cursor.fetchone() or ("", 0)
    return f"/api/v1/books?limit=100&sort=title&cursor={quote(PageCursor('title', key, book_id).encode())}"


def alternate(operation: str, scripts: dict[str, Path], ports: dict[str, int]) -> dict[str, Load]:
    """Load the servers by turns, and give the median of what each did."""
    say(operation)
    for name, path in scripts.items():
        load(path, ports[name])  # Warm up.
    turns = [{name: load(path, ports[name]) for name, path in scripts.items()} for _ in range(ROUNDS)]
    return {name: middle([turn[name] for turn in turns]) for name in scripts}


@contextmanager
def gunicorn(url: str, arguments: list[str], *, port: int = PORT, workers: int = 2) -> Iterator[int]:
    """A server with the settings of production, by the number of its main process."""
    environment = {
        **ENVIRONMENT,
        "DATABASE_URL": url,
        "WEB_CONCURRENCY": str(workers),
        "BIND": f"127.0.0.1:{port}",
    }
    command = ["gunicorn", f"--worker-connections={MOST_CONNECTIONS}", *arguments]
    process = subprocess.Popen(command, cwd=API, env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            time.sleep(0.1)
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/books?limit=1").read()
                break
            except OSError:
                continue
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def memory(master: int, field: str) -> float:
    """A field of the one worker's /proc/PID/status, in MB."""
    (worker,) = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    status = Path(f"/proc/{worker}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0


def script(scratch: Path, name: str, method: str, path: str, body: str | None = None) -> Path:
    """What wrk sends: `path` and `body` are Lua expressions, evaluated for each request."""
    file = scratch / f"{name}.lua"
    headers = '{["Content-Type"] = "application/json", ["If-Match"] = "*"}' if body else "{}"
    file.write_text(
        f"math.randomseed(os.time())\nlocal headers = {headers}\n"
        f"request = function() return wrk.format('{method}', {path}, headers, {body or 'nil'}) end\n"
    )
    return file


def load(path: Path, port: int) -> Load:
    """Have wrk send the requests of a script for SECONDS."""
    command = [
        "wrk",
        "--latency",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{SECONDS}s",
        "-s",
        str(path),
        f"http://127.0.0.1:{port}/",
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    time.sleep(0.3)  # wrk leaves requests behind, which are not the next turn's.
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"bookshelf: the load of {path.name} failed:\n{output}")
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    percentiles = {p: float(v) * units[u] for p, v, u in re.findall(r"(\d\d)%\s+([\d.]+)(us|ms|s)", output)}
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    return Load(float(rate[1]) if rate else 0, percentiles["50"], percentiles["99"])


def middle(loads: list[Load]) -> Load:
    """The median of each figure."""
    return Load(*(statistics.median(figures) for figures in zip(*loads, strict=True)))


def row(seen: Load) -> str:
    """The cells of one server."""
    return f"{seen.rate:,.0f} | {seen.p50:.1f} ms | {seen.p99:.1f} ms"


def timed(work) -> float:  # type: ignore[no-untyped-def]
    """The seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def say(step: str) -> None:
    """Progress, apart from the results."""
    print(f"[{time.strftime('%H:%M:%S')}] {step} ...", file=sys.stderr, flush=True)


main()
