"""One JSON object a line on standard output: the application's messages, Gunicorn's, and one access line a request."""

import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, has_request_context, request
from gunicorn.glogging import Logger as _Logger

REQUEST_ID = "bookshelf.request_id"
"""The key of the request's id in its WSGI environment."""

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._~=+/-]{1,128}")
_STANDARD_OUTPUT = 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class JSONFormatter(logging.Formatter):
    """Renders a record as one JSON object; an exception keeps its traceback in a member of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": _now(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
        }
        if has_request_context():
            line["request_id"] = request.environ.get(REQUEST_ID)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(level: str) -> None:
    """Send every logger of this process to standard output as JSON, from `level` up."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JSONFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(max(logging.INFO, logging.getLogger().level))


class GunicornLogger(_Logger):  # type: ignore[misc]
    """Gunicorn's messages in the same form, and the access line.

    The access line has the path without its query, since people put secrets into queries. It goes out by one write,
    so that lines of several workers never mix.
    """

    def setup(self, cfg: Any) -> None:
        """Send Gunicorn's messages where ours go."""
        self.cfg = cfg
        configure(cfg.loglevel)
        self.loglevel = logging.getLogger().level
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> None:
        """Write the access line of a request that has been answered."""
        line = json.dumps(
            {
                "time": _now(),
                "level": "info",
                "logger": "access",
                "request_id": environ.get(REQUEST_ID),
                "client": environ.get("REMOTE_ADDR"),
                "method": environ.get("REQUEST_METHOD"),
                "path": environ.get("PATH_INFO"),
                "status": int(resp.status.split()[0]),
                "bytes": resp.sent,
                "seconds": round(request_time.total_seconds(), 6),
            }
        )
        os.write(_STANDARD_OUTPUT, line.encode() + b"\n")


def _take_request_id() -> None:
    environ = request.environ
    given = environ.get("HTTP_X_REQUEST_ID", "")
    environ[REQUEST_ID] = given if _ACCEPTED_ID.fullmatch(given) else os.urandom(16).hex()


def _give_request_id(response: Response) -> Response:
    response.headers["X-Request-ID"] = request.environ[REQUEST_ID]
    return response


def register(app: Flask) -> None:
    """Give each request of `app` an id: the client's `X-Request-ID` where it is well-formed, else a new one."""
    app.before_request(_take_request_id)
    app.after_request(_give_request_id)
