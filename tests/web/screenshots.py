"""`make screenshots`: the pictures of docs/images, made by pytest with the fixtures of the tests."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import ROOT
from tests.web.conftest import Site, rows, search, title

IMAGES = ROOT / "docs" / "images"
WINDOW = {"width": 1000, "height": 700}
TITLE = "The Left Hand of Darkness"


@pytest.fixture(scope="session", autouse=True)
def books(site: Site) -> None:
    """The books of make seed."""
    site.api("POST", "/import", data=(ROOT / "data" / "books.csv").read_bytes(), headers={"Content-Type": "text/csv"})


@pytest.fixture
def start(open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Opens the page, and waits for its books."""

    def start(**options: object) -> Page:
        page = open_page(**{"viewport": WINDOW, **options})
        expect(rows(page).first).to_contain_text("Delete")
        return page

    return start


def take(page: Page, name: str) -> None:
    """Write a picture of what is in the window."""
    page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished))")
    page.screenshot(path=IMAGES / f"page-{name}.png", caret="hide")


def test_list(start: Callable[..., Page]) -> None:
    take(start(), "list")


def test_dark(start: Callable[..., Page]) -> None:
    take(start(color_scheme="dark"), "dark")


def test_phone(start: Callable[..., Page]) -> None:
    take(start(viewport={"width": 360, "height": 740}), "phone")


def test_edit(start: Callable[..., Page]) -> None:
    page = start()
    search(page, TITLE)
    title(page, TITLE).click()
    expect(page.get_by_role("dialog").get_by_role("textbox", name="Title")).to_be_focused()
    take(page, "edit")


def test_conflict(start: Callable[..., Page], site: Site) -> None:
    page = start()
    search(page, TITLE)
    title(page, TITLE).click()
    page.get_by_role("textbox", name="Description").fill("An envoy crosses the ice of a world without fixed sexes.")
    page.get_by_role("textbox", name="Published year").fill("1970")
    (book,) = site.api("GET", "", params={"q": TITLE, "limit": 1})["items"]
    theirs = {"title": f"{TITLE}: A Novel", "description": "Genly Ai is sent to Gethen.", "read": True}
    site.api("PATCH", f"/{book['id']}", json=theirs, headers={"If-Match": "*"})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog", name="This book has changed")).to_be_visible()
    take(page, "conflict")


def test_import(start: Callable[..., Page], tmp_path: Path) -> None:
    file = tmp_path / "summer.csv"
    file.write_text(
        "title,author,isbn,published_year\n"
        "A Wizard of Earthsea,Ursula K. Le Guin,9780547773742,1968\n"
        "The Dispossessed,,9780061054884,1974\n"
        "The Word for World Is Forest,Ursula K. Le Guin,9780765324641,next year\n"
        "Lavinia,Ursula K. Le Guin,123,2008\n"
    )
    page = start()
    page.get_by_role("button", name="Import").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("dialog").get_by_role("button", name="Import").click()
    expect(page.get_by_role("table")).to_be_visible()
    take(page, "import")
