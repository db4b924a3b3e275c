"""What the OpenAPI document can't tell Schemathesis: our own formats and files, and that a cursor has an order."""

from typing import Any

import schemathesis
from bookshelf.books.queries import PageCursor
from hypothesis import strategies


def _isbn(number: int) -> str:
    digits = f"978{number:09}"
    return digits + str(-sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10)


_CURSOR = PageCursor("-created", "2026-01-01 00:00:00+00", 1).encode()
_years = strategies.integers(1, 2100)

schemathesis.openapi.format("isbn", strategies.integers(0, 999_999_999).map(_isbn))
schemathesis.openapi.format("cursor", strategies.just(_CURSOR))
schemathesis.openapi.media_type(
    "text/csv", _years.map(lambda year: f"title,author,published_year\nDune,Frank Herbert,{year}\n".encode())
)
schemathesis.openapi.media_type(
    "application/x-ndjson",
    _years.map(lambda year: b'{"title":"Dune","author":"Frank Herbert","published_year":%d}\n' % year),
)


@schemathesis.hook
def before_call(_context: Any, case: schemathesis.Case, _kwargs: dict[str, Any]) -> None:
    """A valid cursor goes with the order that it came from."""
    if case.query and case.query.get("cursor") == _CURSOR:
        for name in ("sort", "q"):
            case.query.pop(name, None)
