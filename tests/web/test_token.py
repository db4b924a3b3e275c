"""A server that takes changes only with a token."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import Gunicorn
from tests.web.conftest import Site, title

TOKEN = "a token that only the tests know"


@pytest.fixture(scope="session")
def site(serve: Callable[[str], str], database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    hashes = hashlib.sha256(TOKEN.encode()).hexdigest()
    with Gunicorn(database_url, tmp_path_factory.mktemp("token") / "log", API_TOKEN_HASHES=hashes) as api:
        yield Site(serve(api.url))


def add(page: Page, word: str) -> None:
    page.get_by_role("button", name="Add a book").click()
    page.get_by_role("textbox", name="Title").fill(word)
    page.get_by_role("dialog").get_by_role("textbox", name="Author").fill("Nobody")
    page.get_by_role("button", name="Add", exact=True).click()


def give_token(page: Page, token: str) -> None:
    page.get_by_role("dialog", name="A token is needed").get_by_label("Token").fill(token)
    page.get_by_role("button", name="Use it").click()


def test_a_change_asks_for_the_token_and_a_wrong_one_is_told_of(page: Page, word: str) -> None:
    add(page, word)
    give_token(page, "wrong")
    expect(page.get_by_text("The server does not accept this token.")).to_be_visible()
    give_token(page, TOKEN)

    expect(page.get_by_text(f"Added “{word}”")).to_be_visible()


def test_without_a_token_nothing_is_changed_and_nothing_typed_is_lost(page: Page, site: Site, word: str) -> None:
    add(page, word)
    expect(page.get_by_role("dialog", name="A token is needed")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_role("alert")).to_have_text("Without a token the catalogue takes no changes.")
    expect(page.get_by_role("textbox", name="Title")).to_have_value(word)
    assert site.api("GET", f"?q={word}")["items"] == []


def test_the_token_is_kept_for_the_tab_only(page: Page, open_page: Callable[..., Page], word: str) -> None:
    add(page, word)
    give_token(page, TOKEN)
    expect(page.get_by_text(f"Added “{word}”")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0 and page.context.cookies() == []

    page.reload()
    add(page, f"{word} again")
    expect(page.get_by_text(f"Added “{word} again”")).to_be_visible()

    other_tab = page.context.new_page()
    other_tab.goto("/")
    add(other_tab, f"{word} third")
    expect(other_tab.get_by_role("dialog", name="A token is needed")).to_be_visible()


def test_marking_deleting_and_importing_ask_for_it_too(page: Page, word: str, tmp_path: Path) -> None:
    page.get_by_role("button", name="Import").click()
    page.get_by_label("File").set_input_files(
        {"name": "books.csv", "mimeType": "text/csv", "buffer": f"title,author\n{word},Nobody\n".encode()}
    )
    page.get_by_role("dialog").get_by_role("button", name="Import").click()
    give_token(page, TOKEN)
    expect(page.get_by_text("Imported 1 book.")).to_be_visible()
    page.get_by_role("button", name="Close").click()

    page.evaluate("sessionStorage.clear()")
    page.get_by_role("searchbox", name="Search").fill(word)
    page.get_by_role("checkbox", name=f"Read: {word}").click()
    give_token(page, TOKEN)
    expect(page.get_by_role("checkbox", name=f"Read: {word}")).to_be_checked()

    page.evaluate("sessionStorage.clear()")
    page.get_by_role("button", name=f"Delete {word}").click()
    page.get_by_role("button", name="Close").click()
    give_token(page, TOKEN)
    expect(title(page, word)).to_have_count(0)
    expect(page.get_by_text("No books match.")).to_be_visible()
