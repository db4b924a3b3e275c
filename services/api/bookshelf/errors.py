"""Every failure becomes a problem document (RFC 9457), here and nowhere else."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import psycopg2
import sqlalchemy.exc
from flask import Flask, Response, current_app, request
from gunicorn.http.errors import ParseException
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class InvalidPart(BaseModel):
    """One thing that is wrong with a request. Exactly one of the places is given."""

    detail: str
    pointer: str | None = Field(None, description="JSON pointer into the body, as a URI fragment (RFC 6901).")
    parameter: str | None = Field(None, description="The query parameter.")
    header: str | None = Field(None, description="The header.")
    line: int | None = Field(None, description="The line of an imported file, from 1.")


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(json_schema_extra={"required": ["type", "title", "status", "detail"]})

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[InvalidPart] = []


class ProblemError(Exception):
    """Raised anywhere in a request to answer it with a problem document."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        """`errors` are shaped like `InvalidPart`; `extensions` are further members of the document."""
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.headers, self.extensions = headers, extensions


def problem(error: ProblemError) -> Response:
    """The response that tells of `error`."""
    document = {
        "type": "about:blank",
        "title": error.status.phrase,
        "status": error.status.value,
        "detail": error.detail,
        **({"errors": error.errors} if error.errors else {}),
        **error.extensions,
    }
    return Response(json.dumps(document), error.status, error.headers, content_type=MEDIA_TYPE)


def pointer(location: tuple[int | str, ...]) -> str:
    """The JSON pointer to `location` as a URI fragment (RFC 6901, sections 3 and 6)."""
    return "#" + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


_WORDS = {
    "extra_forbidden": "is not a known name here",
    "missing": "is required",
    "string_pattern_mismatch": "has no visible character, or has a character that is not allowed",
}
"""Clearer than pydantic's own messages, by its names for errors."""


def details(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """Where pydantic found something wrong, and what, in words for the person who sent it."""
    return [
        (found["loc"], _WORDS.get(found["type"], found["msg"].removeprefix("Value error, ")))
        for found in error.errors(include_url=False, include_context=False, include_input=False)
        if found["type"] != "none_required"  # An absent value would do too, which helps nobody who gave one.
    ]


def validation_problem(error: ValidationError) -> Response:
    """Tell which members of a body, or which parameters, are wrong. flask-openapi3 calls this."""
    found = details(error)
    if any(kind["type"] == "json_invalid" for kind in error.errors(include_url=False, include_input=False)):
        return problem(ProblemError(HTTPStatus.BAD_REQUEST, f"The body is not JSON: {found[0][1]}"))
    # The name of the model tells where the values came from.
    if error.title.endswith(("Query", "Path")):
        errors = [{"parameter": str(location[0]), "detail": detail} for location, detail in found]
    else:
        errors = [{"pointer": pointer(location), "detail": detail} for location, detail in found]
    count = "1 thing is" if len(found) == 1 else f"{len(found)} things are"
    return problem(ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{count} wrong, see errors", errors=errors))


def _http_problem(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    headers = {name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")}
    detail = f"There is nothing at {request.path}." if status == HTTPStatus.NOT_FOUND else error.description
    return problem(ProblemError(status, detail or status.phrase, headers=headers))


def _bad_chunks(error: ParseException) -> Response:
    return problem(ProblemError(HTTPStatus.BAD_REQUEST, f"The body is not what its headers say: {error}"))


def _no_database(error: Exception) -> Response:
    current_app.logger.error("no answer from the database: %s", str(error).strip().splitlines()[0])
    return problem(
        ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer. Try again.", headers={"Retry-After": "2"}
        )
    )


def _bug(error: Exception) -> Response:
    current_app.logger.error("unexpected error", exc_info=error)
    return problem(ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "An unexpected error, logged with the X-Request-ID."))


def register(app: Flask) -> None:
    """Have `app` answer every failure with a problem document."""
    app.register_error_handler(ProblemError, problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(ParseException, _bad_chunks)
    for lost in (psycopg2.OperationalError, psycopg2.InterfaceError, sqlalchemy.exc.TimeoutError):
        app.register_error_handler(lost, _no_database)
    app.register_error_handler(sqlalchemy.exc.DBAPIError, _no_database)
    app.register_error_handler(Exception, _bug)
