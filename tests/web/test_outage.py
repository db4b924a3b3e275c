"""The API is down or slow, and comes back."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import Gunicorn, free_port
from tests.web.conftest import Site, search, title

DOWN = "The catalogue does not answer. Trying again"


class Api:
    """An API that a test stops and starts, always on the same port."""

    def __init__(self, database_url: str, log: Path) -> None:
        self.port = free_port()
        self.database_url, self.log = database_url, log
        self.start()

    def start(self) -> None:
        self.server = Gunicorn(self.database_url, self.log, port=self.port).__enter__()

    def stop(self) -> None:
        self.server.__exit__()

    def signal(self, number: signal.Signals) -> None:
        for worker in self.server.workers:
            os.kill(worker, number)


@pytest.fixture
def api(database_url: str, tmp_path: Path) -> Iterator[Api]:
    api = Api(database_url, tmp_path / "log")
    yield api
    api.signal(signal.SIGCONT)
    api.stop()


@pytest.fixture
def site(serve: Callable[[str], str], api: Api) -> Site:
    return Site(serve(api.server.url))


def type_book(page: Page, word: str) -> None:
    """Fill the form of a new book, which is not sent yet."""
    page.get_by_role("button", name="Add a book").click()
    page.get_by_role("textbox", name="Title").fill(word)
    page.get_by_role("dialog").get_by_role("textbox", name="Author").fill("Nobody")


def test_what_was_typed_is_saved_once_when_the_api_is_back(page: Page, site: Site, api: Api, word: str) -> None:
    type_book(page, word)
    api.stop()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("dialog").get_by_text(DOWN)).to_be_visible()
    expect(page.get_by_role("textbox", name="Title")).to_have_value(word)
    api.start()

    expect(page.get_by_text(f"Added “{word}”")).to_be_visible()
    assert len(site.api("GET", f"?q={word}")["items"]) == 1


def test_a_search_is_answered_when_the_api_is_back(page: Page, site: Site, api: Api, word: str) -> None:
    site.add(word)
    api.stop()
    page.get_by_role("searchbox", name="Search").fill(word)
    expect(page.get_by_text(DOWN)).to_be_visible()
    api.start()

    expect(title(page, word)).to_be_visible()
    expect(page.get_by_text(DOWN)).to_have_count(0)


def test_a_deletion_is_sent_when_the_api_is_back(page: Page, site: Site, api: Api, word: str) -> None:
    site.add(word)
    search(page, word)
    page.get_by_role("button", name=f"Delete {word}").click()
    api.stop()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text(DOWN)).to_be_visible()
    api.start()

    expect(page.get_by_text("No books match.")).to_be_visible()
    assert site.api("GET", f"?q={word}")["items"] == []


def test_an_import_that_breaks_off_says_that_its_outcome_is_unknown(page: Page, api: Api, word: str) -> None:
    page.get_by_role("button", name="Import").click()
    page.get_by_label("File").set_input_files(
        {"name": "books.csv", "mimeType": "text/csv", "buffer": f"title,author\n{word},Nobody\n".encode()}
    )
    api.stop()
    page.get_by_role("dialog").get_by_role("button", name="Import").click()

    expect(page.get_by_role("alert")).to_contain_text("Look whether the books are there")


def test_a_slow_api_is_said_to_be_slow(page: Page, site: Site, api: Api, word: str) -> None:
    site.add(word)
    api.signal(signal.SIGSTOP)
    page.get_by_role("searchbox", name="Search").fill(word)
    expect(page.get_by_text("Still waiting for the catalogue")).to_be_visible()
    api.signal(signal.SIGCONT)

    expect(title(page, word)).to_be_visible()
    expect(page.get_by_text("Still waiting")).to_have_count(0)


def test_a_closed_dialog_sends_nothing_and_keeps_the_text(page: Page, api: Api, word: str) -> None:
    page.clock.install()
    type_book(page, word)
    api.stop()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("dialog").get_by_text(DOWN)).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    api.start()

    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.clock.fast_forward(10_000)  # Past the moment of the next try.
    search(page, word)
    expect(page.get_by_text("No books match.")).to_be_visible()
    page.get_by_role("button", name="Add a book").click()
    expect(page.get_by_role("textbox", name="Title")).to_have_value(word)
    assert set(sent) == {"GET"}
