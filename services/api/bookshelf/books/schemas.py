"""What is valid: the shapes of books as they come in and go out, and of the queries for them."""

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal

import stdnum.exceptions
import stdnum.isbn
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema


class Schema(BaseModel):
    """Refuses members that it does not know.

    Renders its JSON schema once: flask-openapi3 asks for it at each request, which takes longer than the query.
    """

    model_config = ConfigDict(extra="forbid")

    @classmethod
    @cache
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """As pydantic's."""
        return super().model_json_schema(*args, **kwargs)


def isbn13(value: str) -> str:
    """The ISBN-13 without hyphens that an ISBN-10 or ISBN-13 stands for.

    Raises:
        ValueError: wrong length, digits or check digit.
    """
    try:
        return str(stdnum.isbn.to_isbn13(stdnum.isbn.validate(value)))
    except stdnum.exceptions.InvalidChecksum:
        raise ValueError("is not an ISBN: its check digit is wrong, compare it with the book") from None
    except stdnum.exceptions.ValidationError:
        raise ValueError("is not an ISBN: it should have 10 or 13 digits and begin with 978 or 979 if 13") from None


def _whole(value: object) -> object:
    """JSON knows no integers: 1969.0 is 1969 (JSON Schema, "integer")."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _a_year(value: int) -> int:
    if value == 0:
        raise ValueError("there is no year 0: 1 BC is -1")
    return value


_ONE_LINE = r"^[^\x00-\x1F\x7F]*[^\s\x00-\x1F\x7F][^\x00-\x1F\x7F]*$"
"""At least one visible character, and no control characters."""

_NO_NUL = r"^[^\x00]*$"
"""PostgreSQL can't store NUL characters."""

Title = Annotated[str, StringConstraints(max_length=500, pattern=_ONE_LINE, strip_whitespace=True)]
Author = Annotated[str, StringConstraints(max_length=300, pattern=_ONE_LINE, strip_whitespace=True)]
Description = Annotated[str, StringConstraints(max_length=10_000, pattern=_NO_NUL)]
ISBN = Annotated[
    str,
    StringConstraints(max_length=30),
    AfterValidator(isbn13),
    WithJsonSchema({"type": "string", "format": "isbn", "maxLength": 30}),
]
Year = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=-5000, le=2100),
    AfterValidator(_a_year),
    WithJsonSchema({"type": "integer", "minimum": -5000, "maximum": 2100, "not": {"const": 0}}),
]


class BookIn(Schema):
    """A book, as it is created or replaced."""

    model_config = ConfigDict(strict=True)

    title: Title
    author: Author
    description: Description = ""
    isbn: ISBN | None = Field(None, description="ISBN-10 or ISBN-13, hyphens allowed; kept as ISBN-13.")
    published_year: Year | None = Field(None, description="Negative for BC.")
    read: bool = False


def drop_default(schema: dict[str, Any]) -> None:
    """Keep from the JSON schema that None stands for a parameter that was not sent."""
    schema.pop("default", None)


def _may_be_absent() -> Any:
    """For a member that may be left out. None stands for that, and can't be sent unless the type allows null."""
    return Field(None, json_schema_extra=drop_default)


class BookPatch(Schema):
    """The members of a book to change (JSON merge patch, RFC 7396): null takes the value away."""

    model_config = ConfigDict(strict=True)

    title: Title = _may_be_absent()
    author: Author = _may_be_absent()
    description: Description = _may_be_absent()
    isbn: ISBN | None = _may_be_absent()
    published_year: Year | None = _may_be_absent()
    read: bool = _may_be_absent()


class Book(BookIn):
    """A book of the catalogue."""

    id: int
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="Counts the changes; also the ETag.")

    model_config = ConfigDict(
        json_schema_extra={
            "required": [*BookIn.model_fields, "id", "created_at", "updated_at", "version"],
        }
    )


class BookPage(Schema):
    """One page of a list of books."""

    items: list[Book]
    next: str | None = Field(description="Where the next page is; null on the last one. Also in the Link header.")


Sort = Literal["title", "-title", "author", "-author", "year", "-year", "created", "-created"]

QueryText = Annotated[str, StringConstraints(max_length=200, pattern=_NO_NUL)]


YearBound = Annotated[int, Field(ge=-5000, le=2100)]


class ListQuery(Schema):
    """Which books to list, and in which order."""

    q: QueryText | SkipJsonSchema[None] = Field(
        None,
        json_schema_extra=drop_default,
        description='Words of the title, the author or the description; the last may be unfinished. "A phrase" in '
        "quotes, -word for books without it. When no book has the words as typed, the nearest words are tried. "
        "Case and accents don't matter.",
    )
    author: QueryText | SkipJsonSchema[None] = Field(
        None, json_schema_extra=drop_default, description="Words of the author's name. Case and accents don't matter."
    )
    read: bool | SkipJsonSchema[None] = Field(None, json_schema_extra=drop_default)
    year_min: YearBound | SkipJsonSchema[None] = Field(
        None, json_schema_extra=drop_default, description="Published in this year or later."
    )
    year_max: YearBound | SkipJsonSchema[None] = Field(
        None, json_schema_extra=drop_default, description="Published in this year or before."
    )
    sort: Sort | SkipJsonSchema[None] = Field(
        None,
        json_schema_extra=drop_default,
        description="A minus turns the order round. Unset: relevance with q, else newest first.",
    )
    limit: int = Field(20, ge=1, le=100)
    cursor: str | SkipJsonSchema[None] = Field(
        None, json_schema_extra={"format": "cursor"}, description="From the `next` of the page before."
    )
