"""A steady load of pages, reads and writes, sent to 127.0.0.1, that counts requests and the books it is promised."""

import json
import threading
import time
import uuid
from types import TracebackType
from typing import Any

import requests

CLIENTS = 4
REQUESTS_PER_SECOND = 10
"""Of each client."""
MAX_SECONDS = 300


class Load:
    """Sends requests from the beginning of a `with` block to its end, and then looks whether every book is there.

    Half of the clients keep their connection, as a service would; half make a new one for each request, as a person's
    command would. Nothing is sent twice: whatever does not get the answer that it should is a failure.
    """

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        """`url` is the page's, on 127.0.0.1, with the API at /api; `headers` go with each request."""
        assert url.startswith("http://127.0.0.1:"), "load goes to this machine and nowhere else"
        self.page = f"{url}/"
        self.books = f"{url}/api/v1/books"
        self._headers = headers
        self.requests = 0
        self.failures: list[str] = []
        self.written: set[str] = set()
        self.lost: set[str] = set()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._clients = [threading.Thread(target=self._run, args=(number % 2 == 0,)) for number in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for client in self._clients:
            client.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for client in self._clients:
            client.join()
        if kind is None:
            export = requests.get(f"{self.books}/export?format=jsonl", timeout=60)
            export.raise_for_status()
            self.lost = self.written - {json.loads(line)["title"] for line in export.text.splitlines()}

    @property
    def summary(self) -> str:
        """What happened, in one line."""
        return (
            f"{self.requests} requests, {len(self.failures)} failed; {len(self.written)} books written, "
            f"{len(self.lost)} lost"
        )

    def _run(self, keeps_connection: bool) -> None:
        ends = time.monotonic() + MAX_SECONDS
        with requests.Session() as session:
            client = session if keeps_connection else requests
            turn = 0
            while not self._stop.wait(1 / REQUESTS_PER_SECOND) and time.monotonic() < ends:
                turn += 1
                if turn % 3 == 0:
                    self._request(client, "GET", self.page, 200)
                elif turn % 3 == 1:
                    title = f"Load {uuid.uuid4()}"
                    book = {"title": title, "author": "Nobody"}
                    if self._request(client, "POST", self.books, 201, json=book):
                        with self._lock:
                            self.written.add(title)
                else:
                    self._request(client, "GET", f"{self.books}?limit=10", 200)

    def _request(self, client: Any, method: str, url: str, expected: int, **options: Any) -> bool:
        problem = ""
        try:
            answer = client.request(method, url, headers=self._headers, timeout=20, **options)
            if answer.status_code != expected:
                problem = f"{method} {answer.status_code} {answer.text[:200]}"
        except requests.RequestException as error:
            problem = f"{method} {error}"
        with self._lock:
            self.requests += 1
            if problem:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {problem}")
        return not problem
