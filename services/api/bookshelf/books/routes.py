"""HTTP in and out; the SQL is in `queries` and `transfer`."""

import hashlib
import io
import itertools
import json
import re
from http import HTTPStatus
from typing import Any, BinaryIO, cast
from urllib.parse import urlencode

from flask import Response, request, stream_with_context
from flask_openapi3 import APIBlueprint, Parameter, Tag
from pydantic import Field
from werkzeug.exceptions import UnsupportedMediaType

from bookshelf import auth, database
from bookshelf.books import queries, transfer
from bookshelf.books.schemas import BookIn, BookPage, BookPatch, ListQuery, Schema
from bookshelf.errors import MEDIA_TYPE, ProblemError

MAX_IMPORT_BYTES = 1024**3

_IDEMPOTENCY_KEY = r"^[\x21-\x7E]{1,255}$"

_MAX_ID = 2**63 - 1  # PostgreSQL's bigint.


class BookPath(Schema):
    """Which book."""

    id: int = Field(ge=1, le=_MAX_ID)


class ImportQuery(Schema):
    """How to import."""

    dry_run: bool = Field(False, description="Check every line, and import nothing.")


class ExportQuery(Schema):
    """What to export."""

    format: transfer.Format = "csv"


def _failures(*statuses: HTTPStatus) -> dict[Any, Any]:
    """What an operation answers when it fails, for the OpenAPI document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    always = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    return {status.value: {"description": status.phrase, "content": content} for status in (*always, *statuses)}


def _success(status: HTTPStatus, media_types: dict[str, str], **headers: str) -> dict[Any, Any]:
    """What an operation answers when it succeeds: media type to schema, and header to description."""
    return {
        status.value: {
            "description": status.phrase,
            "content": {
                media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "string"}}
                for media_type, schema in media_types.items()
            },
            "headers": {
                name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
                for name, text in headers.items()
            },
        }
    }


_BODY = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.UNAUTHORIZED
_EDIT = HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED
_A_BOOK = {"application/json": "Book"}
_ETAG = "The version of the book."

blueprint = APIBlueprint(
    "books", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="books")], abp_responses=_failures()
)
blueprint.before_request(auth.require_token)

_writes: Any = {"security": [{"token": []}]}


@blueprint.get("/books", responses={200: BookPage})
def list_books(query: ListQuery) -> Response:
    """List or search books, a page at a time."""
    with database.statement() as cursor:
        try:
            page = queries.list_books(cursor, query)
        except queries.BadCursorError:
            raise ProblemError(
                HTTPStatus.BAD_REQUEST,
                "This cursor is not from a page of this list: begin without one.",
                errors=[{"parameter": "cursor", "detail": "is not from a page of this list"}],
            ) from None
    following = None
    headers = {}
    if page.next:
        arguments = {**request.args.to_dict(), "cursor": page.next.encode()}
        following = f"{request.script_root}{request.path}?{urlencode(arguments)}"
        headers["Link"] = f'<{following}>; rel="next"'
    return Response(
        f'{{"items":[{",".join(page.items)}],"next":{json.dumps(following)}}}',
        headers=headers,
        content_type="application/json",
    )


@blueprint.post(
    "/books",
    responses=_success(HTTPStatus.CREATED, _A_BOOK, ETag=_ETAG, Location="The path of the book.")
    | _failures(*_BODY, HTTPStatus.CONFLICT),
    **_writes,
)
def create_book(body: BookIn) -> Response:
    """Add a book."""
    try:
        if "Idempotency-Key" not in request.headers:
            with database.statement() as cursor:
                book, replayed = queries.create_book(cursor, body), False
        else:
            fingerprint = hashlib.sha256(request.get_data()).digest()
            with database.transaction() as cursor:
                book, replayed = queries.create_book_once(cursor, _idempotency_key(), fingerprint, body)
    except queries.DuplicateISBNError:
        raise _duplicate() from None
    except queries.KeyReusedError:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "This Idempotency-Key came before with another body: use a new key for a new request.",
            errors=[{"header": "Idempotency-Key", "detail": "came before with another body"}],
        ) from None
    response = _book(book, HTTPStatus.CREATED)
    response.headers["Location"] = f"{request.script_root}{request.path}/{book.id}"
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


@blueprint.get(
    "/books/<int:id>",
    responses=_success(HTTPStatus.OK, _A_BOOK, ETag=_ETAG)
    | {304: {"description": "Not changed since the version in If-None-Match."}}
    | _failures(HTTPStatus.NOT_FOUND),
)
def get_book(path: BookPath) -> Response:
    """Get one book."""
    with database.statement() as cursor:
        book = queries.get_book(cursor, path.id)
    if book is None:
        raise _not_found(path.id)
    if "HTTP_IF_NONE_MATCH" in request.environ and request.if_none_match.contains_weak(str(book.version)):
        return Response(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": f'"{book.version}"'})
    return _book(book)


@blueprint.put(
    "/books/<int:id>",
    responses=_success(HTTPStatus.OK, _A_BOOK, ETag=_ETAG) | _failures(*_BODY, *_EDIT, HTTPStatus.CONFLICT),
    **_writes,
)
def replace_book(path: BookPath, body: BookIn) -> Response:
    """Replace a book: members that are left out get their defaults."""
    return _update(path.id, body.__dict__)


@blueprint.patch(
    "/books/<int:id>",
    responses=_success(HTTPStatus.OK, _A_BOOK, ETag=_ETAG) | _failures(*_BODY, *_EDIT, HTTPStatus.CONFLICT),
    **_writes,
)
def patch_book(path: BookPath, body: BookPatch) -> Response:
    """Change some members of a book, by a JSON merge patch (RFC 7396)."""
    return _update(path.id, {name: getattr(body, name) for name in body.model_fields_set})


@blueprint.delete(
    "/books/<int:id>",
    responses={204: {"description": "Deleted."}} | _failures(HTTPStatus.UNAUTHORIZED, *_EDIT),
    **_writes,
)
def delete_book(path: BookPath) -> Response:
    """Delete a book."""
    versions = _known_versions()
    with database.statement() as cursor:
        try:
            found = queries.delete_book(cursor, path.id, versions)
        except queries.StaleVersionError as error:
            raise _stale(error) from None
    if not found:
        raise _not_found(path.id)
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.post(
    "/books/import",
    responses={HTTPStatus.OK.value: transfer.Report} | _failures(*_BODY, HTTPStatus.CONFLICT),
    openapi_extensions={
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": {"type": "string"}} for media_type in transfer.MEDIA_TYPES.values()},
        }
    },
    **_writes,
)
def import_books(query: ImportQuery) -> Response | dict[str, Any]:
    """Add all books of a CSV or JSON Lines file, or none if any line is bad.

    The first line of a CSV file names its columns. A refusal tells of each bad line.
    """
    formats = {media_type: form for form, media_type in transfer.MEDIA_TYPES.items()}
    if request.mimetype not in formats:
        raise UnsupportedMediaType(f"Send Content-Type: {' or '.join(formats)}.")
    request.max_content_length = MAX_IMPORT_BYTES
    stream = cast(BinaryIO, io.BufferedReader(request.stream, 64 * 1024))
    try:
        report = transfer.import_books(stream, formats[request.mimetype], dry_run=query.dry_run)
    except transfer.BadHeaderError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    except queries.DuplicateISBNError:
        raise ProblemError(
            HTTPStatus.CONFLICT, "Somebody added a book with the ISBN of one of these meanwhile. Import again."
        ) from None
    if report.bad_lines:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{report.bad_lines} of {report.lines} lines are bad, see errors; nothing was imported.",
            errors=report.errors,
            lines=report.lines,
            bad_lines=report.bad_lines,
        )
    return report.model_dump(exclude={"errors", "bad_lines"})


@blueprint.get("/books/export", responses=_success(HTTPStatus.OK, dict.fromkeys(transfer.MEDIA_TYPES.values(), "")))
def export_books(query: ExportQuery) -> Response:
    """Download all books, in the form that import takes."""
    chunks = stream_with_context(transfer.export_books(query.format))
    first = next(chunks, b"")  # A lost database shows here, while the answer can still be a 503.
    response = Response(
        itertools.chain([first], chunks),
        content_type=f"{transfer.MEDIA_TYPES[query.format]}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="books.{query.format}"'},
    )
    response.call_on_close(chunks.close)  # type: ignore[attr-defined]
    return response


def _update(book_id: int, values: dict[str, Any]) -> Response:
    versions = _known_versions()
    with database.statement() as cursor:
        try:
            book = queries.update_book(cursor, book_id, values, versions)
        except queries.DuplicateISBNError:
            raise _duplicate() from None
        except queries.StaleVersionError as error:
            raise _stale(error) from None
    if book is None:
        raise _not_found(book_id)
    return _book(book)


def _book(book: queries.StoredBook, status: HTTPStatus = HTTPStatus.OK) -> Response:
    headers = [("ETag", f'"{book.version}"'), ("Content-Type", "application/json")]
    return Response(book.body, status.value, headers)


def _idempotency_key() -> str:
    key = request.headers["Idempotency-Key"]
    if not re.fullmatch(_IDEMPOTENCY_KEY, key):
        detail = "should be 1 to 255 visible ASCII characters"
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"Idempotency-Key {detail}.",
            errors=[{"header": "Idempotency-Key", "detail": detail}],
        )
    return key


def _known_versions() -> list[int] | None:
    """The versions in If-Match, or None for any.

    Raises:
        ProblemError: 428 without the header (RFC 6585, section 3), so that nobody overwrites what they haven't seen.
    """
    if "If-Match" not in request.headers:
        raise ProblemError(
            HTTPStatus.PRECONDITION_REQUIRED,
            "Send If-Match with the ETag of the version that you change, or If-Match: * for whichever there is.",
            errors=[{"header": "If-Match", "detail": "is missing"}],
        )
    if request.if_match.star_tag:
        return None
    return [int(tag) for tag in request.if_match.as_set() if tag and re.fullmatch(r"[0-9]{1,18}", tag)]


def _stale(error: queries.StaleVersionError) -> ProblemError:
    return ProblemError(
        HTTPStatus.PRECONDITION_FAILED,
        f"The book has changed: it is at version {error.version}. Get it, and decide what to keep.",
        headers={"ETag": f'"{error.version}"'},
    )


def _not_found(book_id: int) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, f"There is no book {book_id}.")


def _duplicate() -> ProblemError:
    detail = "is the ISBN of another book"
    return ProblemError(
        HTTPStatus.CONFLICT, "Another book has this ISBN.", errors=[{"pointer": "#/isbn", "detail": detail}]
    )


def _document_header(method: str, path: str, name: str, description: str, **schema: Any) -> None:
    """Tell of a header in the OpenAPI document.

    As a model, which flask-openapi3 offers, it would cost every request the validation of all its headers.
    """
    operation = getattr(blueprint.paths[f"{blueprint.url_prefix}{path}"], method)
    required = schema.pop("required", False)
    header = {"name": name, "in": "header", "description": description, "required": required}
    parameter = Parameter.model_validate({**header, "schema": {"type": "string", **schema}})
    operation.parameters = [*(operation.parameters or []), parameter]


for _method in ("put", "patch", "delete"):
    _document_header(
        _method,
        "/books/{id}",
        "If-Match",
        "The ETag of the version that is changed, or * for whichever there is.",
        required=True,
    )
_document_header("get", "/books/{id}", "If-None-Match", "ETags that the client has; 304 if one of them is current.")
_document_header(
    "post",
    "/books",
    "Idempotency-Key",
    "Sent again with the same key and body within a day, the request gets the same answer, and adds nothing.",
    pattern=_IDEMPOTENCY_KEY,
)
