"""Writing can need a bearer token (RFC 6750)."""

import hashlib
import hmac
from http import HTTPStatus

from flask import current_app, request

from bookshelf.errors import ProblemError

_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


def require_token() -> None:
    """Refuse a request that writes without a valid token, where the server has any.

    Raises:
        ProblemError: 401, with the challenge that RFC 6750 (section 3) asks for.
    """
    if request.method in _SAFE_METHODS:
        return
    hashes: tuple[str, ...] = current_app.config["API_TOKEN_HASHES"]
    if not hashes:
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized("Writing needs a token: send Authorization: Bearer TOKEN.", "")
    digest = hashlib.sha256(token.strip().encode()).hexdigest()
    # Every hash is compared, each in constant time: how long it takes tells nothing.
    if not sum(hmac.compare_digest(digest, known) for known in hashes):
        raise _unauthorized("This token is not valid here.", ', error="invalid_token"')


def _unauthorized(detail: str, error: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": f'Bearer realm="bookshelf"{error}'}
    )
