"""SQL in and out; HTTP is not known here.

Each function takes a cursor from `bookshelf.database`. PostgreSQL renders books as JSON itself, which for a page of 100
takes half the time that Python needs (docs/performance.md).
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import psycopg2
import psycopg2.errors

from bookshelf.books.schemas import BookIn, ListQuery
from bookshelf.database import Cursor

_MEMBERS = "id, title, author, description, isbn, published_year, read, created_at, updated_at, version"

MOST_RANKED = 10_000
"""A search ranks this many of the books that it matches, the newest; so a common word takes no longer than others."""


_OPERATORS = r'(^|\s)-|"|\sor\s'
"""Where these stand in a search, its words are meant as they are."""


class StoredBook(NamedTuple):
    """A book as PostgreSQL rendered it."""

    id: int
    version: int
    body: str
    """The book as a JSON object."""


class DuplicateISBNError(Exception):
    """Another book has this ISBN."""


class StaleVersionError(Exception):
    """The book has another version than those that the caller knows."""

    def __init__(self, version: int) -> None:
        """`version` is the one that the book has."""
        super().__init__(version)
        self.version = version


class BadCursorError(Exception):
    """A cursor that no page of this list gave."""


class KeyReusedError(Exception):
    """The idempotency key came before, with another request."""


@dataclass(frozen=True)
class PageCursor:
    """Where a page ended (keyset pagination): the sort key and the id of its last book."""

    sort: str
    key: str
    id: int
    words: str | None = None
    """The query that the search went on with, where it had to correct the words that were typed."""

    def encode(self) -> str:
        """Opaque to clients: base64url of JSON."""
        return base64.urlsafe_b64encode(json.dumps([self.sort, self.key, self.id, self.words]).encode()).decode()

    @classmethod
    def decode(cls, text: str) -> "PageCursor":
        """Read what `encode` gave.

        Raises:
            BadCursorError: it is something else.
        """
        try:
            sort, key, book_id, words = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        except (ValueError, TypeError, RecursionError):
            raise BadCursorError from None
        if not (isinstance(sort, str) and isinstance(key, str) and type(book_id) is int and "\0" not in key):
            raise BadCursorError
        if not (words is None or (isinstance(words, str) and "\0" not in words)):
            raise BadCursorError
        return cls(sort, key, book_id, words)


class Page(NamedTuple):
    """One page of a list."""

    items: list[str]
    """Each book as a JSON object."""
    next: PageCursor | None


class _Order(NamedTuple):
    key: str
    type: str
    direction: str

    @property
    def after(self) -> str:
        sign = ">" if self.direction == "ASC" else "<"
        return f"({self.key}, id) {sign} (%(key)s::{self.type}, %(id)s)"


_ORDERS = {
    "title": _Order("title_key", "text", "ASC"),
    "-title": _Order("title_key", "text", "DESC"),
    "author": _Order("author_key", "text", "ASC"),
    "-author": _Order("author_key", "text", "DESC"),
    "year": _Order("coalesce(published_year, 9999)", "integer", "ASC"),
    "-year": _Order("coalesce(published_year, -9999)", "integer", "DESC"),
    "created": _Order("created_at", "timestamptz", "ASC"),
    "-created": _Order("created_at", "timestamptz", "DESC"),
    "relevance": _Order("rank", "float8", "DESC"),
}

_FILTERS = {
    "author": "search @@ author_query(%(author)s)",
    "read": "read = %(read)s",
    "year_min": "published_year >= %(year_min)s",
    "year_max": "published_year <= %(year_max)s",
}

# For each word, itself, its neighbours by trigrams, and it with two letters exchanged, which trigrams don't see in a
# short word ("Giun" and "Guin" share only the first letter). Of up to three letters, too many words are neighbours.
_NEAREST_WORDS = """
SELECT typed, array_agg(DISTINCT near.word)
FROM unnest(tsvector_to_array(to_tsvector('simple', fold(%(q)s)))) AS typed, LATERAL (
    SELECT typed AS word
    UNION ALL
    (SELECT word FROM (
        SELECT word, similarity(word, typed) AS likeness, max(similarity(word, typed)) OVER () AS best
        FROM words WHERE char_length(typed) > 3 AND word %% typed
    ) AS similar_words WHERE likeness >= best - 0.1 ORDER BY likeness DESC, word LIMIT 5)
    UNION ALL
    SELECT word FROM words WHERE word = ANY (ARRAY(
        SELECT overlay(typed PLACING reverse(substr(typed, place, 2)) FROM place FOR 2)
        FROM generate_series(1, char_length(typed) - 1) AS place
    ))
) AS near
GROUP BY typed
"""


def get_book(cursor: Cursor, book_id: int) -> StoredBook | None:
    """The book with this id, if there is one."""
    cursor.execute(
        f"SELECT id, version, row_to_json(book)::text FROM (SELECT {_MEMBERS} FROM books WHERE id = %s) AS book",
        (book_id,),
    )
    return _stored(cursor)


def list_books(cursor: Cursor, query: ListQuery) -> Page:
    """A page of the books that `query` describes.

    Raises:
        BadCursorError: `query.cursor` is not from a page of this list.
    """
    wanted = query.sort or ("relevance" if query.q else "-created")
    after = PageCursor.decode(query.cursor) if query.cursor else None
    if after and (after.sort != wanted or (after.words and not query.q)):
        raise BadCursorError
    page = _page(cursor, query, wanted, after, after.words if after else None)
    may_correct = query.q and not page.items and not after and not re.search(_OPERATORS, query.q)
    if may_correct and (corrected := _corrected(cursor, query.q or "")):
        page = _page(cursor, query, wanted, None, corrected)
    return page


def _page(cursor: Cursor, query: ListQuery, sort: str, after: PageCursor | None, words: str | None) -> Page:
    order = _ORDERS[sort]
    conditions = [sql for name, sql in _FILTERS.items() if getattr(query, name) is not None]
    if query.q:
        conditions.append("search @@ %(words)s::tsquery" if words else "search @@ typed_query(%(q)s)")
    source = "books"
    if sort == "relevance":
        typed = "%(words)s::tsquery" if words else "typed_query(%(q)s)"
        source = f"""(
            SELECT *, ts_rank(search, {typed})::float8 AS rank
            FROM (SELECT * FROM books {_where(conditions)} ORDER BY id DESC LIMIT {MOST_RANKED}) AS matching
        ) AS ranked"""
        conditions = []
    if after:
        conditions.append(order.after)
    sql = f"""
        SELECT row_to_json(book)::text, page.key, page.id
        FROM (
            SELECT {_MEMBERS}, {order.key}::text AS key FROM {source} {_where(conditions)}
            ORDER BY {order.key} {order.direction}, id {order.direction} LIMIT {query.limit + 1}
        ) AS page CROSS JOIN LATERAL (SELECT {", ".join(f"page.{name}" for name in _MEMBERS.split(", "))}) AS book
    """
    parameters = {**query.__dict__, "words": words, **({"key": after.key, "id": after.id} if after else {})}
    try:
        cursor.execute(sql, parameters)
    except (psycopg2.DataError, psycopg2.errors.SyntaxError, UnicodeEncodeError):
        if after:  # Not a cursor of ours.
            raise BadCursorError from None
        raise
    rows = cursor.fetchall()
    last = rows[query.limit - 1] if len(rows) > query.limit else None
    return Page(
        [body for body, _, _ in rows[: query.limit]], PageCursor(sort, last[1], last[2], words) if last else None
    )


def _where(conditions: list[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _corrected(cursor: Cursor, typed: str) -> str | None:
    """The query for the words nearest to those that were typed, as the text of a tsquery."""
    cursor.execute(_NEAREST_WORDS, {"q": typed})
    words = [" | ".join(map(_lexeme, near)) for _, near in cursor.fetchall()]
    return " & ".join(f"({alternatives})" for alternatives in words) or None


def _lexeme(word: str) -> str:
    """`word` quoted for the text of a tsquery (PostgreSQL manual, "Text Search Types")."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def create_book(cursor: Cursor, book: BookIn) -> StoredBook:
    """Add `book`.

    Raises:
        DuplicateISBNError: another book has its ISBN.
    """
    try:
        cursor.execute(
            f"""WITH book AS (
                INSERT INTO books (title, author, description, isbn, published_year, read)
                VALUES (%(title)s, %(author)s, %(description)s, %(isbn)s, %(published_year)s, %(read)s)
                RETURNING {_MEMBERS}
            ) SELECT id, version, row_to_json(book)::text FROM book""",
            book.__dict__,
        )
    except psycopg2.errors.UniqueViolation:
        raise DuplicateISBNError from None
    return cast(StoredBook, _stored(cursor))


def create_book_once(cursor: Cursor, key: str, fingerprint: bytes, book: BookIn) -> tuple[StoredBook, bool]:
    """Add `book`, unless a request with `key` already did: then the book as it was created, and True.

    The key stands in the same transaction as the book, and a second request waits here for the first one's end. Keys
    are kept for a day.

    Raises:
        KeyReusedError: the key came with another fingerprint.
        DuplicateISBNError: another book has its ISBN.
    """
    cursor.execute(
        """INSERT INTO idempotency_keys (key, fingerprint) VALUES (%s, %s)
        ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, created_at = now()
        WHERE idempotency_keys.created_at < now() - interval '1 day' RETURNING key""",
        (key, fingerprint),
    )
    if not cursor.fetchone():
        cursor.execute("SELECT book_id, fingerprint, body FROM idempotency_keys WHERE key = %s", (key,))
        book_id, first_fingerprint, body = cast(tuple[int, memoryview, str], cursor.fetchone())
        if bytes(first_fingerprint) != fingerprint:
            raise KeyReusedError
        return StoredBook(book_id, 1, body), True
    created = create_book(cursor, book)
    cursor.execute(
        "UPDATE idempotency_keys SET book_id = %s, body = %s WHERE key = %s", (created.id, created.body, key)
    )
    cursor.execute(
        """DELETE FROM idempotency_keys WHERE key IN (
            SELECT key FROM idempotency_keys WHERE created_at < now() - interval '1 day'
            LIMIT 100 FOR UPDATE SKIP LOCKED)"""
    )
    return created, False


def update_book(cursor: Cursor, book_id: int, values: dict[str, Any], versions: list[int] | None) -> StoredBook | None:
    """Set `values` (column to value) in the book, if it has one of `versions`; None allows every version.

    Returns:
        The changed book, or None if there is no such book.

    Raises:
        DuplicateISBNError: another book has the new ISBN.
        StaleVersionError: the book has another version.
    """
    assignments = "".join(f"{column} = %({column})s, " for column in values)
    try:
        cursor.execute(
            f"""WITH book AS (
                UPDATE books SET {assignments} updated_at = now(), version = version + 1
                WHERE id = %(id)s {_if_version(versions)} RETURNING {_MEMBERS}
            ) SELECT id, version, row_to_json(book)::text FROM book""",
            {**values, "id": book_id, "versions": versions},
        )
    except psycopg2.errors.UniqueViolation:
        raise DuplicateISBNError from None
    changed = _stored(cursor)
    if changed is None and (stored := get_book(cursor, book_id)):
        raise StaleVersionError(stored.version)
    return changed


def delete_book(cursor: Cursor, book_id: int, versions: list[int] | None) -> bool:
    """Delete the book, if it has one of `versions`; None allows every version.

    Returns:
        Whether there was such a book.

    Raises:
        StaleVersionError: the book has another version.
    """
    cursor.execute(
        f"DELETE FROM books WHERE id = %(id)s {_if_version(versions)}", {"id": book_id, "versions": versions}
    )
    if cursor.rowcount:
        return True
    if stored := get_book(cursor, book_id):
        raise StaleVersionError(stored.version)
    return False


def _if_version(versions: list[int] | None) -> str:
    return "" if versions is None else "AND version = ANY (%(versions)s::bigint[])"


def _stored(cursor: Cursor) -> StoredBook | None:
    row = cursor.fetchone()
    return StoredBook(*row) if row else None
