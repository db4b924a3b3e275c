"""Settings come from environment variables, are read once at start, and are wrong in one line."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError


class SettingsError(Exception):
    """A setting is missing or bad; the message is one line that names it."""


def _words(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


class Settings(BaseModel, hide_input_in_errors=True, frozen=True, arbitrary_types_allowed=True):
    """Everything that differs between environments. Each field is the variable of the same name in capitals."""

    database_password: SecretStr | None = None
    """The password, where `DATABASE_URL` has none: the address can then be public, and the password a secret."""

    database_url: URL
    """`postgresql://user:password@host:port/name`. Comes after the password, which it takes in."""

    api_token_hashes: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    """SHA-256 of each token that may write, in hexadecimal, separated by commas or spaces."""

    allow_anonymous_writes: bool = False
    """Lets a server without tokens listen on more than loopback."""

    bind: str = Field("127.0.0.1:8000", pattern=r"^(\S+:\d{1,5}|unix:\S+)$")
    """Address and port to listen on."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    proxy_hops: int = Field(0, ge=0, le=10)
    """How many reverse proxies in front set `X-Forwarded-*`; 0 trusts none of these headers."""

    drain_seconds: float = Field(0, ge=0, le=300)
    """How long to serve on after SIGTERM with readiness already false, for load balancers to notice."""

    web_concurrency: int | None = Field(None, ge=1, le=64)
    """Worker processes; unset, one for each CPU that the container may use."""

    threads: int = Field(4, ge=1, le=64)
    """Requests that a worker process serves at once. Each holds at most one database connection."""

    git_commit: str = "unknown"
    """The commit this was built from, shown by `/version`."""

    @field_validator("database_url", mode="before")
    @classmethod
    def _postgresql(cls, value: object, info: ValidationInfo) -> URL:
        try:
            url = make_url(str(value))
        except ArgumentError:
            raise ValueError("should look like postgresql://user:password@host:5432/name") from None
        if url.drivername not in ("postgresql", "postgres"):
            raise ValueError("should begin with postgresql://")
        if password := info.data.get("database_password"):
            if url.password:
                raise ValueError("has a password, and DATABASE_PASSWORD is set too: keep one of them")
            url = url.set(password=password.get_secret_value())
        return url.set(drivername="postgresql+psycopg2")

    @field_validator("api_token_hashes")
    @classmethod
    def _sha256(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not re.fullmatch(r"[0-9a-fA-F]{64}", token) for token in value):
            raise ValueError('should be SHA-256 hashes of 64 hexadecimal digits: printf %s "$TOKEN" | sha256sum')
        return tuple(token.lower() for token in value)


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read each setting from its variable, or from the file that `NAME_FILE` names (a mounted secret).

    Raises:
        SettingsError: a value is missing, bad, given twice, or its file can't be read. Values are never echoed.
    """
    values = {}
    for field in Settings.model_fields:
        name = field.upper()
        path = environ.get(f"{name}_FILE")
        if path and environ.get(name):
            raise SettingsError(f"{name} and {name}_FILE are both set: keep one of them")
        if path:
            try:
                values[field] = Path(path).read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not text"
                raise SettingsError(f"{name}_FILE: can't read {path}: {reason}") from None
        elif environ.get(name):
            values[field] = environ[name]
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0]).upper()
        if first["type"] == "missing":
            raise SettingsError(f"{name} is not set: give it, or {name}_FILE with a path to it") from None
        raise SettingsError(f"{name} is bad: {first['msg'].removeprefix('Value error, ')}") from None
