"""Whether everybody can use the page: with assistive technology, in the dark, on a phone, without a mouse."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.conftest import wait_until
from tests.web.conftest import Site, rows, search, title

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"width": 360, "height": 740}
LONG = "Pneumonoultramicroscopicsilicovolcanoconiosis" * 4


@pytest.fixture(scope="session")
def axe(packages: Path) -> str:
    """The source of axe-core."""
    return (packages / "axe-core" / "axe.min.js").read_text()


def show_list(page: Page, site: Site, word: str) -> None:
    site.add(f"{LONG} {word}", author=LONG, published_year=-700, read=True)
    site.add(f"Deleted {word}")
    search(page, word)
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name=f"Delete Deleted {word}").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def show_field_errors(page: Page, site: Site, word: str) -> None:
    page.get_by_role("button", name="Add a book").click()
    for name, value in {"title": LONG, "author": "A", "published_year": "0", "isbn": "123"}.items():
        page.locator(f"[name={name}]").fill(value)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("ISBN is not an ISBN")).to_be_visible()


def show_conflict(page: Page, site: Site, word: str) -> None:
    book = site.add(word)
    search(page, word)
    title(page, word).click()
    page.locator("[name=title]").fill(f"Mine {word} {LONG}")
    site.api("PATCH", f"/{book['id']}", json={"title": f"Theirs {word}", "read": True}, headers={"If-Match": "*"})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog", name="This book has changed")).to_be_visible()


def show_bad_lines(page: Page, site: Site, word: str) -> None:
    text = "title,author,isbn\n" + f",{LONG},123\n" * 20
    page.get_by_role("button", name="Import").click()
    page.get_by_label("File").set_input_files({"name": f"{LONG}.csv", "mimeType": "text/csv", "buffer": text.encode()})
    page.get_by_role("dialog").get_by_role("button", name="Import").click()
    expect(page.get_by_role("table")).to_be_visible()


VIEWS = [show_list, show_field_errors, show_conflict, show_bad_lines]
every_view = pytest.mark.parametrize("show", VIEWS, ids=lambda show: show.__name__.removeprefix("show_"))


def defects(page: Page, axe: str) -> list[str]:
    """What axe-core finds wrong; it is run as the page's own policy allows no script but its own."""
    page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished))")
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate("rules => axe.run({ runOnly: rules }).then((r) => r.violations)", RULES)
    return [f"{rule['id']}: {node['html']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@every_view
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_wrong(
    open_page: Callable[..., Page], site: Site, word: str, axe: str, show: Callable[..., None], colours: str
) -> None:
    page = open_page(color_scheme=colours)
    show(page, site, word)

    assert defects(page, axe) == []


@every_view
def test_axe_finds_nothing_wrong_on_a_phone(
    open_page: Callable[..., Page], site: Site, word: str, axe: str, show: Callable[..., None]
) -> None:
    page = open_page(viewport=PHONE)
    show(page, site, word)

    assert defects(page, axe) == []


@every_view
def test_nothing_scrolls_sideways_on_a_phone(
    open_page: Callable[..., Page], site: Site, word: str, show: Callable[..., None]
) -> None:
    page = open_page(viewport=PHONE)
    show(page, site, word)

    wide = "[...document.querySelectorAll('html, .dialog')].filter((e) => e.scrollWidth > e.clientWidth).length"
    assert page.evaluate(wide) == 0


def focused(page: Page) -> Locator:
    return page.locator(":focus")


def tab_to(page: Page, control: Locator, key: str = "Tab") -> None:
    """Press the key until the control has the focus."""
    for _ in range(40):
        page.keyboard.press(key)
        if control.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{key} does not get to {control}")


def test_a_book_is_added_by_keyboard(page: Page, site: Site, word: str) -> None:
    tab_to(page, page.get_by_role("button", name="Add a book"))
    page.keyboard.press("Enter")
    expect(page.locator("[name=title]")).to_be_focused()
    page.keyboard.type(word)
    page.keyboard.press("Tab")
    page.keyboard.type("Somebody")
    tab_to(page, page.get_by_role("dialog").get_by_label("Read"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("button", name="Add", exact=True))
    page.keyboard.press("Enter")

    expect(page.get_by_role("dialog", name="Add a book")).to_have_count(0)
    expect(page.get_by_role("button", name="Add a book")).to_be_focused()
    (book,) = site.api("GET", f"?q={word}")["items"]
    assert (book["title"], book["author"], book["read"]) == (word, "Somebody", True)


def test_a_book_is_edited_by_keyboard(page: Page, site: Site, word: str) -> None:
    book = site.add(f"Old {word}")
    search(page, word)
    tab_to(page, title(page, f"Old {word}"))
    page.keyboard.press("Enter")
    expect(page.locator("[name=title]")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type(f"New {word}")
    page.keyboard.press("Enter")

    expect(title(page, f"New {word}")).to_be_focused()
    assert site.get(book)["title"] == f"New {word}"


def test_a_book_is_marked_as_read_by_keyboard(page: Page, site: Site, word: str) -> None:
    book = site.add(word)
    search(page, word)
    tab_to(page, page.get_by_role("checkbox", name=f"Read: {word}"))
    page.keyboard.press("Space")

    wait_until(lambda: site.get(book)["read"])
    expect(page.get_by_role("checkbox", name=f"Read: {word}")).to_be_focused()


def test_a_book_that_is_deleted_by_keyboard_is_kept_by_the_same_button(page: Page, site: Site, word: str) -> None:
    book = site.add(word)
    search(page, word)
    tab_to(page, page.get_by_role("button", name=f"Delete {word}"))
    page.keyboard.press("Enter")
    expect(focused(page)).to_have_accessible_name(f"Keep {word}")
    page.keyboard.press("Enter")

    expect(focused(page)).to_have_accessible_name(f"Delete {word}")
    expect(title(page, word)).to_be_visible()
    assert site.get(book) == book


def test_escape_closes_a_dialog_and_the_focus_is_where_it_was(page: Page, site: Site, word: str) -> None:
    site.add(word)
    search(page, word)
    for opener in (
        page.get_by_role("button", name="Add a book"),
        page.get_by_role("button", name="Import"),
        title(page, word),
    ):
        opener.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")

        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(opener).to_be_focused()


@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
@pytest.mark.parametrize("opener", ["Add a book", "Import"])
def test_the_focus_stays_in_a_dialog(page: Page, opener: str, key: str) -> None:
    page.get_by_role("button", name=opener).click()
    for _ in range(20):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog").locator(":focus")).to_have_count(1)


@pytest.mark.parametrize("place", ["header, main", "[role=dialog]"])
def test_whatever_has_the_focus_is_outlined(page: Page, site: Site, word: str, place: str) -> None:
    site.add(word)
    search(page, word)
    tab_to(page, title(page, word))
    if place == "[role=dialog]":
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").locator(":focus")).to_have_count(1)
    controls = page.locator(place).locator("button:enabled, a, input, select, textarea").all()

    assert len(controls) > 5
    for control in controls:
        control.focus()
        expect(control).to_have_css("outline-style", "solid")
        expect(control).to_have_css("outline-width", re.compile("^[2-9]px"))


def test_the_focus_goes_to_the_dialog_that_asks_what_to_keep_and_back(page: Page, site: Site, word: str) -> None:
    show_conflict(page, site, word)
    expect(page.get_by_role("dialog", name="This book has changed").locator(":focus")).to_have_count(1)
    page.keyboard.press("Escape")

    expect(title(page, f"Theirs {word}")).to_be_focused()
