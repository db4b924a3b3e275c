"""The ceiling: a bare WSGI function on a psycopg2 pool that sends the same statements and answers with the same JSON.

It validates nothing, and knows the statements of the API word for word: they are taken from the API's own queries.
"""

import json
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from bookshelf.books import queries
from bookshelf.books.schemas import BookIn, ListQuery
from psycopg2.pool import ThreadedConnectionPool

_pool: ThreadedConnectionPool | None = None
_pool_lock = threading.Lock()
_lists: dict[str, bytes] = {}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve the requests of the benchmark, and no others."""
    global _pool
    if _pool is None:
        with _pool_lock:
            threads = int(os.environ.get("THREADS", "4"))
            _pool = _pool or ThreadedConnectionPool(threads, threads, os.environ["DATABASE_URL"])
    connection = _pool.getconn()
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            status, body = _answer(cursor, environ)
    finally:
        _pool.putconn(connection)
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _answer(cursor: Any, environ: dict[str, Any]) -> tuple[str, bytes]:
    method, query = environ["REQUEST_METHOD"], environ["QUERY_STRING"]
    if method == "GET" and query:
        if query not in _lists:
            queries.list_books(cursor, ListQuery.model_validate(dict(parse_qsl(query))))
            _lists[query] = cursor.query
        else:
            cursor.execute(_lists[query])
        return "200 OK", f'{{"items":[{",".join(body for body, _, _ in cursor.fetchall())}]}}'.encode()
    book_id = int(environ["PATH_INFO"].rpartition("/")[2]) if method != "POST" else 0
    if method == "GET":
        book = queries.get_book(cursor, book_id)
        return "200 OK", book.body.encode() if book else b""
    values = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    if method == "POST":
        return "201 Created", queries.create_book(cursor, BookIn.model_construct(**values)).body.encode()
    changed = queries.update_book(cursor, book_id, values, None)
    return "200 OK", changed.body.encode() if changed else b""
