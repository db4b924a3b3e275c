"""Importing and exporting."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.web.conftest import Site, rows, search

DROP = """(text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], "books.csv", { type: "text/csv" }));
    for (const type of ["dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def import_button(page: Page) -> None:
    page.get_by_role("dialog", name="Import books").get_by_role("button", name="Import").click()


def test_a_file_that_is_dropped_on_the_page_is_imported(page: Page, word: str) -> None:
    page.evaluate(DROP, f"title,author\n{word} one,A\n{word} two,B\n")
    import_button(page)

    expect(page.get_by_text("Imported 2 books.")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    search(page, word)
    expect(rows(page)).to_have_count(2)


def test_a_large_file_shows_its_progress(page: Page, word: str, tmp_path: Path) -> None:
    file = tmp_path / "books.jsonl"
    file.write_text("".join(f'{{"title": "{word} {n}", "author": "A"}}\n' for n in range(5_000)))
    page.get_by_role("button", name="Import").click()
    page.get_by_label("File").set_input_files(file)
    import_button(page)

    expect(page.get_by_role("progressbar", name="Import")).to_be_visible()
    expect(page.get_by_text("Imported 5,000 books.")).to_be_visible()


def test_a_file_with_bad_lines_lists_them_and_adds_nothing(page: Page, site: Site, word: str) -> None:
    page.evaluate(DROP, f"title,author,isbn\n{word},A,\n,B,\n{word},C,123\n")
    import_button(page)

    table = page.get_by_role("table")
    expect(table.get_by_role("columnheader")).to_have_text(["Line", "What is wrong"])
    expect(table.get_by_role("row").nth(1)).to_contain_text("3")
    expect(table.get_by_role("row").nth(2)).to_contain_text("isbn is not an ISBN")
    expect(page.get_by_role("alert")).to_contain_text("2 of 3 lines are bad")
    assert site.api("GET", f"?q={word}")["items"] == []


def test_a_file_of_another_kind_is_refused_before_it_is_sent(page: Page) -> None:
    page.get_by_role("button", name="Import").click()
    page.get_by_label("File").set_input_files({"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"})

    expect(page.get_by_role("alert")).to_contain_text("Only files that end in .csv")
    expect(page.get_by_role("dialog").get_by_role("button", name="Import")).to_be_disabled()


def test_export_downloads_all_books(page: Page, site: Site, word: str) -> None:
    site.add(word)
    for link, name in (("Export CSV", "books.csv"), ("Export JSON Lines", "books.jsonl")):
        with page.expect_download() as download:
            page.get_by_role("link", name=link).click()
        assert download.value.suggested_filename == name
        assert word in Path(download.value.path()).read_text()
