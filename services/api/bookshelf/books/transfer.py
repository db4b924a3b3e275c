"""Import and export of whole files, as streams: neither holds more than a little of them in memory."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Literal, cast

import psycopg2.errors
from pydantic import BaseModel, Field, ValidationError

from bookshelf import database
from bookshelf.books.queries import DuplicateISBNError
from bookshelf.books.schemas import BookIn
from bookshelf.database import Cursor
from bookshelf.errors import details, pointer

Format = Literal["csv", "jsonl"]

MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv", "jsonl": "application/x-ndjson"}

MAX_LINE_BYTES = 1024 * 1024

MOST_REPORTED = 1000
"""So many bad lines are told of one by one; the others are counted."""

COLUMNS = tuple(BookIn.model_fields)

_CHUNK = 64 * 1024


class BadHeaderError(Exception):
    """The first line of a CSV file does not name the columns of a book; the message says why."""


class Report(BaseModel):
    """What an import did, or with `dry_run` would have done. With any bad line, nothing was imported."""

    dry_run: bool
    lines: int = Field(default=0, description="Books in the file, good or bad.")
    imported: int = 0
    bad_lines: int = 0
    errors: list[dict[str, object]] = []
    """`line` (from 1), `detail` and where it helps `pointer`; the first `MOST_REPORTED`."""

    def add(self, line: int, detail: str, at: str | None = None) -> None:
        """Tell of one thing that is wrong in a line."""
        if len(self.errors) < MOST_REPORTED:
            self.errors.append({"line": line, "detail": detail, **({"pointer": at} if at else {})})


class _BadLineError(Exception):
    pass


def import_books(stream: BinaryIO, form: Format, *, dry_run: bool) -> Report:
    """Add every book of `stream`, or none, in one transaction.

    Raises:
        BadHeaderError: see there.
        DuplicateISBNError: somebody else added a book with the same ISBN meanwhile; the same import can be tried again.
    """
    report = Report(dry_run=dry_run)
    books = _csv_books(stream) if form == "csv" else _jsonl_books(stream)
    with database.transaction(unhurried=True) as cursor:
        cursor.execute(
            """CREATE TEMPORARY TABLE incoming (line bigint, title text, author text, description text, isbn text,
            published_year integer, read boolean) ON COMMIT DROP"""
        )
        reader = _CSVReader(_valid(books, report))
        try:
            cursor.copy_expert(
                "COPY incoming FROM STDIN WITH (FORMAT csv, FORCE_NOT_NULL (description))",
                reader,  # type: ignore[arg-type]
                size=_CHUNK,
            )
        except psycopg2.errors.QueryCanceled:
            raise reader.error or RuntimeError("the COPY of an import was cancelled") from None
        _refuse_duplicates(cursor, report)
        if report.bad_lines or dry_run:
            cursor.connection.rollback()
            return report
        try:
            columns = ", ".join(COLUMNS)
            cursor.execute(f"INSERT INTO books ({columns}) SELECT {columns} FROM incoming ORDER BY line")
        except psycopg2.errors.UniqueViolation:
            raise DuplicateISBNError from None
        report.imported = cursor.rowcount
        cursor.execute("ANALYZE books, words")  # The planner has to know of a catalogue that has just grown.
    return report


def export_books(form: Format, progress: Callable[[int], object] = lambda books: None) -> Iterator[bytes]:
    """Every book as it was when the export began, in the order of creation, in chunks of the file.

    Args:
        progress: called with the number of books in each chunk.
    """
    columns = ", ".join(COLUMNS)
    line = columns if form == "csv" else f"row_to_json((SELECT book FROM (SELECT {columns}) AS book))::text"
    with database.transaction(unhurried=True) as transaction, transaction.connection.cursor(name="export") as cursor:
        cursor.execute(f"SELECT {line} FROM books ORDER BY id")
        if form == "csv":
            yield (",".join(COLUMNS) + "\r\n").encode()
        while rows := cursor.fetchmany(1000):
            progress(len(rows))
            if form == "csv":
                text = io.StringIO()
                csv.writer(text).writerows((*row[:-1], "true" if row[-1] else "false") for row in rows)
                yield text.getvalue().encode()
            else:
                yield "".join(f"{line}\n" for (line,) in rows).encode()


def count_books() -> int:
    """How many books an export will have."""
    with database.transaction(unhurried=True) as cursor:
        cursor.execute("SELECT count(*) FROM books")
        (count,) = cursor.fetchone() or (0,)
    return int(count)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, str | _BadLineError]]:
    """Each line of `stream` with its number; one that is too long or not UTF-8 comes as an error."""
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            yield number, _BadLineError(f"is longer than {MAX_LINE_BYTES} bytes")
            continue
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            yield number, _BadLineError("is not UTF-8")


def _jsonl_books(stream: BinaryIO) -> Iterator[tuple[int, BookIn | ValidationError | _BadLineError]]:
    for number, line in _lines(stream):
        if isinstance(line, _BadLineError):
            yield number, line
        elif not line.isspace():
            try:
                yield number, BookIn.model_validate_json(line)
            except ValidationError as error:
                yield number, error


def _csv_books(stream: BinaryIO) -> Iterator[tuple[int, BookIn | ValidationError | _BadLineError]]:
    numbered = _lines(stream)
    _, first = next(numbered, (0, ""))
    if isinstance(first, _BadLineError):
        raise BadHeaderError(f"Line 1 {first}.")
    header = next(csv.reader([first]), [])
    if unknown := sorted(set(header) - set(COLUMNS)):
        raise BadHeaderError(f"Line 1 has unknown columns: {', '.join(unknown)[:200]}. Known: {', '.join(COLUMNS)}.")
    if missing := {"title", "author"} - set(header):
        raise BadHeaderError(f"Line 1 should name the columns, and lacks: {', '.join(sorted(missing))}.")
    if len(set(header)) != len(header):
        raise BadHeaderError("Line 1 names a column twice.")
    position = 1

    def texts() -> Iterator[str]:
        nonlocal position
        for position, line in numbered:  # noqa: B007
            if isinstance(line, _BadLineError):
                raise line
            yield line

    while True:
        rows = csv.reader(texts(), strict=True)
        start = position + 1
        try:
            for row in rows:
                if row:
                    yield start, _csv_book(header, row)
                start = position + 1
            return
        except (csv.Error, _BadLineError) as error:
            yield position, _BadLineError(str(error))


def _csv_book(header: list[str], row: list[str]) -> BookIn | ValidationError | _BadLineError:
    if len(row) != len(header):
        return _BadLineError(f"has {len(row)} columns, and line 1 has {len(header)}")
    try:
        values = {column: value for column, value in zip(header, row, strict=True) if value}
        return BookIn.model_validate_strings(values, strict=False)
    except ValidationError as error:
        return error


def _valid(
    books: Iterable[tuple[int, BookIn | ValidationError | _BadLineError]], report: Report
) -> Iterator[tuple[object, ...]]:
    """The good ones of `books`, as rows for `incoming`; the bad ones go into `report`."""
    for line, book in books:
        report.lines += 1
        if isinstance(book, BookIn):
            yield line, book.title, book.author, book.description, book.isbn, book.published_year, book.read
        else:
            report.bad_lines += 1
            if isinstance(book, _BadLineError):
                report.add(line, str(book))
            else:
                for location, detail in details(book):
                    report.add(line, detail, pointer(location) if location else None)


def _refuse_duplicates(cursor: Cursor, report: Report) -> None:
    """Tell of the ISBNs that stand in the file twice, or already in the catalogue."""
    cursor.execute("ANALYZE incoming")
    cursor.execute(
        """SELECT line, isbn, first_line, books.id, count(*) OVER ()
        FROM (SELECT line, isbn, min(line) OVER (PARTITION BY isbn) AS first_line FROM incoming
              WHERE isbn IS NOT NULL) AS given
        LEFT JOIN books USING (isbn)
        WHERE books.id IS NOT NULL OR first_line < line ORDER BY line LIMIT %s""",
        (MOST_REPORTED,),
    )
    rows = cursor.fetchall()
    report.bad_lines += rows[0][-1] if rows else 0
    for line, isbn, first_line, book_id, _ in rows:
        where = f"in the catalogue as book {book_id}" if book_id else f"in line {first_line}"
        report.add(line, f"ISBN {isbn} is already {where}", pointer(("isbn",)))
    report.errors.sort(key=lambda error: cast(int, error["line"]))


class _CSVReader:
    """The file that COPY reads: `rows` as CSV, made as they are asked for."""

    def __init__(self, rows: Iterator[tuple[object, ...]]) -> None:
        self._rows = rows
        self.error: Exception | None = None
        """What went wrong while reading; psycopg2 itself only tells that the COPY was cancelled."""

    def read(self, size: int = _CHUNK, /) -> bytes:
        """At least `size` characters where there are so many, and whole rows."""
        text = io.StringIO()
        write = csv.writer(text).writerow
        try:
            for row in self._rows:
                write(row)
                if text.tell() >= size:
                    break
        except Exception as error:
            self.error = error
            raise
        return text.getvalue().encode()
