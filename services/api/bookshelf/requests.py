"""How a request's body is read."""

from typing import Any

from flask import Request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType


class JSONRequest(Request):
    """Hands flask-openapi3 the text of a JSON body, which pydantic then parses itself.

    pydantic's parser is faster than `json.loads`, and refuses what PostgreSQL could not store (lone surrogates).
    """

    def __init__(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """`environ` says that its input ends by itself, but a body that a client cuts off ends, too: count it."""
        if environ.get("CONTENT_LENGTH"):
            environ.pop("wsgi.input_terminated", None)
        super().__init__(environ, *args, **kwargs)

    def get_json(self, *_args: Any, **_kwargs: Any) -> str:
        """The body as text.

        Raises:
            UnsupportedMediaType: it does not call itself JSON, or for PATCH a JSON merge patch (RFC 7396).
            BadRequest: it is not UTF-8 (RFC 8259, section 8.1).
        """
        accepted = ["application/json", *(["application/merge-patch+json"] if self.method == "PATCH" else [])]
        if self.mimetype not in accepted:
            raise UnsupportedMediaType(f"Send Content-Type: {' or '.join(accepted)}.")
        try:
            return self.get_data(cache=True).decode()
        except UnicodeDecodeError:
            raise BadRequest("The body is not UTF-8.") from None
