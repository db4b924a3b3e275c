"""Adding, changing and deleting books."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.api.conftest import wait_until
from tests.web.conftest import Site, rows, search, title


def dialog(page: Page, name: str) -> Locator:
    return page.get_by_role("dialog", name=name)


def field(page: Page, name: str) -> Locator:
    return page.get_by_role("dialog").get_by_role("textbox", name=name)


def open_book(page: Page, text: str) -> None:
    """Find a book by its title and open it."""
    search(page, text)
    title(page, text).click()
    expect(dialog(page, "Edit book")).to_be_visible()


def test_a_book_is_added(page: Page, site: Site, word: str) -> None:
    page.get_by_role("button", name="Add a book").click()
    field(page, "Title").fill(f"Added {word}")
    field(page, "Author").fill("Somebody")
    field(page, "Published year").fill("-700")
    field(page, "ISBN").fill("")
    field(page, "Description").fill("Two\nlines")
    page.get_by_role("dialog").get_by_label("Read").check()
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_text(f"Added “Added {word}”")).to_be_visible()
    expect(page.get_by_role("dialog", name="Add a book")).to_have_count(0)
    search(page, word)
    expect(rows(page)).to_contain_text("Somebody, 700 BC")
    book = site.api("GET", f"?q={word}")["items"][0]
    assert (book["published_year"], book["description"], book["read"], book["isbn"]) == (-700, "Two\nlines", True, None)


def test_what_the_api_finds_wrong_stands_at_its_field(page: Page, word: str) -> None:
    page.get_by_role("button", name="Add a book").click()
    for name, value in {"Title": word, "Author": "A", "Published year": "0", "ISBN": "123"}.items():
        field(page, name).fill(value)
    page.get_by_role("button", name="Add", exact=True).click()

    expect(field(page, "ISBN")).to_have_accessible_description(re.compile("should have 10 or 13 digits"))
    expect(field(page, "Published year")).to_have_accessible_description(re.compile("1 BC is -1"))
    expect(field(page, "Title")).to_have_value(word)


def test_a_title_is_asked_for_before_anything_is_sent(page: Page) -> None:
    page.get_by_role("button", name="Add a book").click()
    page.get_by_role("button", name="Add", exact=True).click()

    expect(field(page, "Title")).to_have_accessible_description(re.compile("fill"))


def test_a_book_is_edited(page: Page, site: Site, word: str) -> None:
    book = site.add(f"Old {word}", published_year=1969)
    open_book(page, f"Old {word}")
    field(page, "Title").fill(f"New {word}")
    field(page, "Published year").fill("")
    page.get_by_role("button", name="Save").click()

    expect(title(page, f"New {word}")).to_be_visible()
    assert (site.get(book)["title"], site.get(book)["published_year"]) == (f"New {word}", None)


def test_a_book_is_marked_as_read_in_the_list(page: Page, site: Site, word: str) -> None:
    book = site.add(word)
    search(page, word)
    page.get_by_role("checkbox", name=f"Read: {word}").check()

    wait_until(lambda: site.get(book)["read"])
    expect(page.get_by_role("checkbox", name=f"Read: {word}")).to_be_checked()


def test_a_deleted_book_can_be_kept_and_nothing_of_it_changes(page: Page, site: Site, word: str) -> None:
    book = site.add(word)
    search(page, word)
    page.get_by_role("button", name=f"Delete {word}").click()
    expect(title(page, word)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()

    expect(title(page, word)).to_be_visible()
    expect(page.get_by_text("Deleted “")).to_have_count(0)
    assert site.get(book) == book


def test_a_deleted_book_is_gone_when_the_undo_has_run_out(page: Page, site: Site, word: str) -> None:
    book = site.add(word)
    search(page, word)
    page.get_by_role("button", name=f"Delete {word}").click()
    page.mouse.move(0, 0)

    wait_until(lambda: site.get(book) is None)
    expect(page.locator("#books")).not_to_contain_text(word)


def test_closing_the_news_of_a_deletion_deletes_at_once(page: Page, site: Site, word: str) -> None:
    book = site.add(word)
    search(page, word)
    page.get_by_role("button", name=f"Delete {word}").click()
    page.get_by_role("button", name="Close").click()

    wait_until(lambda: site.get(book) is None, seconds=5)


def test_closing_the_tab_deletes_what_was_deleted(page: Page, site: Site, word: str) -> None:
    book = site.add(word)
    search(page, word)
    page.get_by_role("button", name=f"Delete {word}").click()
    expect(title(page, word)).to_have_count(0)
    page.close(run_before_unload=True)

    wait_until(lambda: site.get(book) is None, seconds=5)


def test_a_book_that_somebody_changed_is_not_deleted(page: Page, site: Site, word: str) -> None:
    book = site.add(word)
    search(page, word)
    site.api("PATCH", f"/{book['id']}", json={"read": True}, headers={"If-Match": "*"})
    page.get_by_role("button", name=f"Delete {word}").click()
    page.get_by_role("button", name="Close").click()

    expect(page.get_by_role("region", name="News").get_by_text(f"“{word}” is not deleted")).to_be_visible()
    assert site.get(book)["read"]
    expect(page.get_by_role("checkbox", name=f"Read: {word}")).to_be_checked()


def test_of_two_who_edit_a_book_the_second_sees_what_changed_and_chooses(
    open_page: Callable[..., Page], site: Site, word: str
) -> None:
    book = site.add(f"Before {word}", description="Old")
    first, second = open_page(), open_page()
    for page in (first, second):
        open_book(page, f"Before {word}")
    field(first, "Title").fill(f"First {word}")
    field(first, "Published year").fill("1999")
    field(first, "Author").fill("First")
    field(second, "Title").fill(f"Second {word}")
    field(second, "Author").fill("Second")
    field(second, "Description").fill("New")
    for page in (first, second):
        page.get_by_role("button", name="Save").click()
        page.get_by_role("dialog", name="Edit book").wait_for(state="detached")

    changed = dialog(second, "This book has changed")
    expect(changed.get_by_role("group")).to_have_count(4)
    expect(changed.get_by_role("group", name="Published year").get_by_label("Theirs: 1999")).to_be_checked()
    expect(changed.get_by_role("group", name="Description").get_by_label("Yours: New")).to_be_checked()
    changed.get_by_label(f"Theirs: First {word}").check()
    changed.get_by_label("Yours: Second").and_(second.locator("[name=author]")).check()
    changed.get_by_role("button", name="Save").click()

    expect(changed).to_have_count(0)
    now = site.get(book)
    assert {name: now[name] for name in ("title", "author", "published_year", "description")} == {
        "title": f"First {word}",
        "author": "Second",
        "published_year": 1999,
        "description": "New",
    }


def test_a_book_that_somebody_deleted_can_be_added_again(page: Page, site: Site, word: str) -> None:
    book = site.add(f"Before {word}")
    open_book(page, f"Before {word}")
    field(page, "Title").fill(f"After {word}")
    site.api("DELETE", f"/{book['id']}", 204, headers={"If-Match": "*"})
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_have_text("Somebody deleted this book.")
    page.get_by_role("button", name="Add it again").click()
    expect(page.get_by_text(f"Added “After {word}”")).to_be_visible()
    assert [found["title"] for found in site.api("GET", f"?q={word}")["items"]] == [f"After {word}"]


def test_what_is_typed_outlives_the_dialog_and_a_reload(page: Page, site: Site, word: str) -> None:
    site.add(f"Before {word}")
    open_book(page, f"Before {word}")
    field(page, "Description").fill("A long text")
    page.keyboard.press("Escape")
    expect(dialog(page, "Edit book")).to_have_count(0)
    page.reload()

    title(page, f"Before {word}").click()
    expect(page.get_by_text("What you typed is here again.")).to_be_visible()
    expect(field(page, "Description")).to_have_value("A long text")
    page.get_by_role("button", name="Discard it").click()
    expect(field(page, "Description")).to_have_value("")
    page.get_by_role("button", name="Cancel").click()
    title(page, f"Before {word}").click()
    expect(field(page, "Title")).to_be_visible()
    expect(page.get_by_text("What you typed is here again.")).to_have_count(0)


def test_another_person_s_tab_has_drafts_of_its_own(open_page: Callable[..., Page], word: str) -> None:
    first, second = open_page(), open_page()
    first.get_by_role("button", name="Add a book").click()
    field(first, "Title").fill(word)
    second.get_by_role("button", name="Add a book").click()

    expect(field(second, "Title")).to_have_value("")
