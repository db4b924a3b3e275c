"""The page in Chromium, on the real API and PostgreSQL."""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from local.page import VITE, WEB, install
from tests.api.conftest import BOOKS, Gunicorn, database_url, free_port, gunicorn, postgres, wait_until
from tests.conftest import CHROMIUM_FLAGS, install_packages

__all__ = ["database_url", "gunicorn", "postgres"]  # Fixtures that the tests of the API have too.


class Site:
    """A place where the page and the API are."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url, self.token = url, token

    def api(self, method: str, path: str = "", expected: int = 200, **options: Any) -> Any:
        """Ask the API, as another person would."""
        headers = {**options.pop("headers", {}), **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        answer = requests.request(method, f"{self.url}{BOOKS}{path}", headers=headers, timeout=20, **options)
        assert answer.status_code == expected, answer.text
        return answer.json() if answer.content else None

    def add(self, title: str, **book: Any) -> Any:
        """Add a book; gives it as the API has it."""
        return self.api("POST", expected=201, json={"title": title, "author": "Nobody", **book})

    def get(self, book: Any) -> Any:
        """The book as it is now, or None."""
        answer = requests.get(f"{self.url}{BOOKS}/{book['id']}", timeout=20)
        return answer.json() if answer.ok else None


@contextmanager
def preview(api: str) -> Iterator[str]:
    """Serve the built page with an API behind it, as nginx does in the cluster; gives its address."""
    install()
    assert (WEB / "dist" / "index.html").exists(), "build the page first, as make test does: make page"
    port = free_port()
    command = [VITE, "preview", "--port", str(port), "--strictPort"]
    server = subprocess.Popen(command, cwd=WEB, env={**os.environ, "API_URL": api}, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: requests.get(url, timeout=5).ok)
        yield url
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[str], str]]:
    """Serves the page with an API behind it, until the tests are over; gives its address."""
    with ExitStack() as servers:

        def start(api: str) -> str:
            install_packages()
            return servers.enter_context(preview(api))

        yield start


@pytest.fixture(scope="session")
def packages() -> Path:
    """The packages that the tests need: package.json."""
    folder = Path(__file__).parent
    install_packages(folder)
    return folder / "node_modules"


@pytest.fixture(scope="session")
def site(serve: Callable[[str], str], gunicorn: Gunicorn) -> Site:
    """Where the tests go. Those on the cluster have another one: tests/e2e."""
    return Site(serve(gunicorn.url))


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests; each has a context of its own, as another person has."""
    expect.set_options(timeout=15_000)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complains of; a test that provokes a failed request empties it."""
    return []


@pytest.fixture
def open_page(browser: Browser, site: Site, complaints: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens the page, as another person each time; options are those of a browser context."""
    contexts: list[BrowserContext] = []

    def start(address: str = "/", **options: Any) -> Page:
        context = browser.new_context(**{"base_url": site.url, **options})
        contexts.append(context)
        context.set_default_timeout(20_000)
        if site.token:
            context.add_init_script(f"sessionStorage.setItem('token', '{site.token}')")
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: check_host(request.url))
        page.goto(address)
        return page

    def check_host(url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "http://127.0.0.1/", "data:", "blob:")):
            complaints.append(f"a request to {url}")

    yield start
    for context in contexts:
        context.close()
    # The browser reports each answer of 4xx and 5xx as an error; tests look at what the page makes of those.
    assert [text for text in complaints if "Failed to load resource" not in text] == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The page, just opened."""
    return open_page()


@pytest.fixture
def word() -> str:
    """A word that only this test's books have."""
    return "w" + uuid.uuid4().hex


def rows(page: Page) -> Locator:
    """The books that the list shows."""
    return page.get_by_role("list", name="Books").get_by_role("listitem")


def title(page: Page, text: str) -> Locator:
    """The button in the list that opens this book."""
    return rows(page).get_by_role("button", name=text, exact=True)


def search(page: Page, text: str) -> None:
    """Type into the search field, and wait until the list shows what it found."""
    page.get_by_role("searchbox", name="Search").fill(text)
    page.locator("#books[aria-busy=false]").wait_for(state="attached")
