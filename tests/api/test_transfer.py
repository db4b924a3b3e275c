"""Import and export, over HTTP and on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import BOOKS, LEFT_HAND, ROOT, execute, flask

HEADER = "title,author,description,isbn,published_year,read\n"
TRICKY = {
    "title": 'Commas, "quotes" and é',
    "author": "A",
    "description": 'First line\nsecond, "line"\r\n\\.\n\\N\ttab',
    "isbn": "9780441478125",
    "published_year": -44,
    "read": True,
}


def send(client: FlaskClient, body: str | bytes, media_type: str = "text/csv", **query: Any) -> Any:
    return client.post(f"{BOOKS}/import", data=body, content_type=media_type, query_string=query)


def count(database_url: str) -> int:
    return int(execute(database_url, "SELECT count(*) FROM books")[0][0])


def test_the_seed_file_is_several_hundred_good_books(client: FlaskClient, database_url: str) -> None:
    response = send(client, (ROOT / "data" / "books.csv").read_bytes())

    assert response.status_code == 200, response.text
    assert response.json["imported"] == response.json["lines"] == count(database_url) > 400


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_exported_can_be_imported_unchanged(client: FlaskClient, database_url: str, form: str) -> None:
    client.post(BOOKS, json=LEFT_HAND)
    client.post(BOOKS, json=TRICKY)
    first = client.get(f"{BOOKS}/export", query_string={"format": form}, buffered=True)
    execute(database_url, "TRUNCATE books")

    response = send(client, first.data, first.mimetype)

    assert response.status_code == 200, response.text
    assert client.get(f"{BOOKS}/export", query_string={"format": form}, buffered=True).data == first.data
    assert client.get(BOOKS, query_string={"author": "A"}).json["items"][0].items() >= TRICKY.items()


def test_an_export_names_its_file_and_type(client: FlaskClient) -> None:
    response = client.get(f"{BOOKS}/export?format=jsonl", buffered=True)

    assert response.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="books.jsonl"'


def test_csv_columns_may_stand_in_any_order_and_optional_ones_be_missing(client: FlaskClient) -> None:
    response = send(client, "\ufeffauthor,title\r\nFrank Herbert,Dune\r\n")

    assert response.json == {"dry_run": False, "lines": 1, "imported": 1}
    assert client.get(BOOKS).json["items"][0]["title"] == "Dune"


def test_json_lines_may_have_empty_lines(client: FlaskClient) -> None:
    response = send(client, f"\n{json.dumps(LEFT_HAND)}\n\n{json.dumps(LEFT_HAND)}", "application/x-ndjson")

    assert response.json["imported"] == 2


def test_a_dry_run_imports_nothing(client: FlaskClient, database_url: str) -> None:
    response = send(client, HEADER + "Dune,Frank Herbert,,,1965,true\n", dry_run="true")

    assert response.json == {"dry_run": True, "lines": 1, "imported": 0}
    assert count(database_url) == 0


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_each_bad_line_is_told_with_its_number_and_nothing_is_imported(
    client: FlaskClient, database_url: str, dry_run: str
) -> None:
    body = (
        HEADER
        + "Dune,Frank Herbert,,,1965,true\n"  # 2
        + ",Nobody,,,1965,true\n"  # 3
        + '"Two\nlines",A,,,1,false\n'  # 4 and 5: a title has no line ends
        + "Emma,Jane Austen,,,1815\n"  # 6
        + "Emma,Jane Austen,,123,year,perhaps\n"  # 7
        + 'Emma,Jane Austen,"in\ntwo lines",,1815,false\n'  # 8 and 9: good
        + "Emma,Jane Austen,,,0,false\n"  # 10
    )

    response = send(client, body, dry_run=dry_run)

    assert response.status_code == 422
    told = [(error["line"], error.get("pointer")) for error in response.json["errors"]]
    assert told == [
        (3, "#/title"),
        (4, "#/title"),
        (6, None),
        (7, "#/isbn"),
        (7, "#/published_year"),
        (7, "#/read"),
        (10, "#/published_year"),
    ]
    assert (response.json["lines"], response.json["bad_lines"]) == (7, 5)
    assert count(database_url) == 0


def test_bad_json_lines_are_told_with_their_numbers(client: FlaskClient) -> None:
    lines = [json.dumps(LEFT_HAND), "{", json.dumps({**LEFT_HAND, "x": 1}), "\xff", json.dumps(LEFT_HAND)]

    response = send(client, "\n".join(lines).encode("latin-1"), "application/x-ndjson")

    assert [error["line"] for error in response.json["errors"]] == [2, 3, 4]


def test_an_isbn_that_stands_twice_or_in_the_catalogue_is_a_bad_line(client: FlaskClient, database_url: str) -> None:
    client.post(BOOKS, json={**LEFT_HAND, "isbn": "9780441478125"})

    response = send(client, HEADER + "A,A,,0306406152,,\nB,B,,9780306406157,,\nC,C,,0441478123,,\n")

    assert [(error["line"], error["detail"]) for error in response.json["errors"]] == [
        (3, "ISBN 9780306406157 is already in line 2"),
        (4, "ISBN 9780441478125 is already in the catalogue as book 1"),
    ]
    assert count(database_url) == 1


def test_of_very_many_bad_lines_the_first_are_told_and_all_are_counted(client: FlaskClient) -> None:
    response = send(client, HEADER + "A,,,,,\n" * 3000)

    assert len(response.json["errors"]) == 1000
    assert response.json["bad_lines"] == 3000


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("", "title"),
        ("Dune,Frank Herbert\n", "unknown columns"),
        ("title\nDune\n", "author"),
        ("title,author,price\nDune,A,3\n", "price"),
        ("title,author,title\nDune,A,B\n", "twice"),
        (b"\xff\xfe\n", "UTF-8"),
    ],
)
def test_a_csv_file_without_a_good_first_line_is_refused(client: FlaskClient, body: str | bytes, word: str) -> None:
    response = send(client, body)

    assert response.status_code == 422
    assert word in response.json["detail"]


@pytest.mark.parametrize("line", ['"never closed,B\n' * 3000, "x" * 3_000_000 + ",B\n", 'a "b" c,"d"e\n'])
def test_a_line_that_has_no_end_is_a_bad_line(client: FlaskClient, line: str) -> None:
    response = send(client, "title,author\n" + line + "Dune,Frank Herbert\n")

    assert response.status_code == 422
    assert response.json["bad_lines"] >= 1


def test_another_content_type_is_415(client: FlaskClient) -> None:
    assert send(client, "x", "application/json").status_code == 415


def test_the_commands_export_and_import_files(client: FlaskClient, database_url: str, tmp_path: Path) -> None:
    client.post(BOOKS, json=TRICKY)
    for name in ("books.csv", "books.jsonl"):
        exported = flask(database_url, "books", "export", str(tmp_path / name))
        assert (exported.returncode, exported.stdout) == (0, "Exported 1 books.\n"), exported.stderr
        execute(database_url, "TRUNCATE books")
        imported = flask(database_url, "books", "import", str(tmp_path / name))
        assert (imported.returncode, imported.stdout) == (0, "Imported 1 books.\n"), imported.stderr


def test_the_import_command_names_each_bad_line_and_fails(
    client: FlaskClient, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(HEADER + "Dune,,,,1965,true\n")

    result = flask(database_url, "books", "import", str(file))

    assert result.returncode == 1
    assert f"{file}:2: author: is required" in result.stderr
    assert "1 of 1 lines are bad; nothing was imported." in result.stderr


def test_a_file_of_an_unknown_kind_is_refused_in_one_line(
    client: FlaskClient, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "books.xls"
    file.touch()

    result = flask(database_url, "books", "import", str(file))

    assert result.returncode == 2
    assert "say --format" in result.stderr
