"""Finding books."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Site, rows, search, title

YEARS = {"Kaum": 1799, "Alt": -30, "Neu": 2020}


@pytest.fixture
def three(site: Site, word: str) -> str:
    """Three books, whose one word in common is given."""
    for name, year in YEARS.items():
        site.add(f"{name} {word}", author=f"Author{name} {word}", published_year=year, read=name == "Alt")
    return word


def test_a_search_finds_books_while_it_is_typed(page: Page, three: str) -> None:
    page.get_by_role("searchbox", name="Search").press_sequentially(f"alt {three[:20]}")

    expect(title(page, f"Alt {three}")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("status").filter(has_text="1 book")).to_be_visible()


def test_a_search_that_finds_nothing_says_so(page: Page, word: str) -> None:
    search(page, f"-a {word} -the")
    page.get_by_role("textbox", name="Author").fill(word)

    expect(page.get_by_text("No books match.")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("")


@pytest.mark.parametrize(
    ("role", "name", "value", "expected"),
    [
        ("textbox", "Author", "AuthorKaum", {"Kaum"}),
        ("combobox", "Status", "Read", {"Alt"}),
        ("combobox", "Status", "Unread", {"Kaum", "Neu"}),
        ("spinbutton", "From year", "1799", {"Kaum", "Neu"}),
        ("spinbutton", "To year", "-1", {"Alt"}),
    ],
)
def test_a_filter_leaves_the_books_that_match(
    page: Page, three: str, role: Any, name: str, value: str, expected: set[str]
) -> None:
    search(page, three)
    expect(rows(page)).to_have_count(3)

    field = page.get_by_role("search").get_by_role(role, name=name)
    if role == "combobox":
        field.select_option(value)
    else:
        field.fill(value)

    expect(rows(page)).to_have_count(len(expected))
    for book in expected:
        expect(title(page, f"{book} {three}")).to_be_visible()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("title", ["Alt", "Kaum", "Neu"]),
        ("-title", ["Neu", "Kaum", "Alt"]),
        ("author", ["Alt", "Kaum", "Neu"]),
        ("-author", ["Neu", "Kaum", "Alt"]),
        ("year", ["Alt", "Kaum", "Neu"]),
        ("-year", ["Neu", "Kaum", "Alt"]),
        ("created", ["Kaum", "Alt", "Neu"]),
        ("-created", ["Neu", "Alt", "Kaum"]),
    ],
)
def test_the_list_is_sorted_as_asked(page: Page, three: str, sort: str, expected: list[str]) -> None:
    search(page, three)

    page.get_by_label("Sort by").select_option(sort)

    page.wait_for_url(f"**sort={sort}")
    for place, name in enumerate(expected):
        expect(rows(page).nth(place)).to_contain_text(f"{name} {three}")


def test_a_reload_keeps_the_search_and_the_address_can_be_sent(page: Page, three: str) -> None:
    search(page, three)
    page.get_by_label("Sort by").select_option("year")
    expect(rows(page).first).to_contain_text("Alt")

    page.reload()

    expect(page.get_by_role("searchbox", name="Search")).to_have_value(three)
    expect(rows(page).first).to_contain_text("Alt")
    expect(rows(page)).to_have_count(3)


def test_a_year_that_the_api_refuses_is_told_of(page: Page) -> None:
    page.get_by_label("From year").fill("99999")

    expect(page.get_by_role("alert")).to_contain_text("less than or equal to 2100")


def test_scrolling_loads_further_books_and_keeps_few_in_the_document(
    site: Site, open_page: Callable[..., Page], word: str
) -> None:
    lines = "".join(f"Book {number:03} {word},Nobody\n" for number in range(350))
    site.api("POST", "/import", data=f"title,author\n{lines}", headers={"Content-Type": "text/csv"})
    page = open_page(f"/?q={word}&sort=title")
    expect(page.get_by_text("More than 100 books")).to_be_visible()

    page.mouse.move(300, 500)
    while not title(page, f"Book 349 {word}").is_visible():
        page.mouse.wheel(0, 2_000)
        expect(rows(page).filter(has_text="Loading")).to_have_count(0)
        assert rows(page).count() < 70

    expect(page.get_by_text("350 books")).to_be_visible()
    expect(title(page, f"Book 000 {word}")).to_have_count(0)
    page.evaluate("scrollTo(0, 0)")
    expect(title(page, f"Book 000 {word}")).to_be_visible()
