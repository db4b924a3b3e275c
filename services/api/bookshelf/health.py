"""Probes: liveness asks whether this process is stuck, readiness whether it may have traffic."""

import mmap
import socket
from http import HTTPStatus
from pathlib import Path

import psycopg2
import psycopg2.errors
import sqlalchemy.exc
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Blueprint, Flask, current_app

from bookshelf import __version__, database
from bookshelf.errors import ProblemError

MIGRATIONS = Path(__file__).parent.parent / "migrations"

_draining = mmap.mmap(-1, 1)  # Shared by Gunicorn's master, which gets the SIGTERM, and its workers.

blueprint = Blueprint("health", __name__)


def drain() -> None:
    """Turn readiness false in every worker, for good."""
    _draining[0] = 1


def is_draining() -> bool:
    """Whether this server is about to stop."""
    return bool(_draining[0])


def _unready(reason: str) -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, reason, headers={"Retry-After": "2"})


@blueprint.get("/livez")
def livez() -> dict[str, str]:
    """The process answers. Nothing else is asked: a restart would not bring a lost database back."""
    return {"status": "alive"}


@blueprint.get("/readyz")
def readyz() -> dict[str, str]:
    """Not shutting down, the database reachable, and its migrations at this version's head or beyond it."""
    if is_draining():
        raise _unready("The server is shutting down.")
    try:
        with database.statement() as cursor:
            cursor.execute("SELECT version_num FROM alembic_version")
            applied = {revision for (revision,) in cursor.fetchall()}
    except psycopg2.errors.UndefinedTable:
        raise _unready("The database has no tables yet: run flask db upgrade.") from None
    except (psycopg2.OperationalError, psycopg2.InterfaceError, sqlalchemy.exc.TimeoutError):
        raise _unready("The database does not answer.") from None
    # A revision that this version does not know is a newer one, whose schema this version can live with.
    behind = applied & current_app.extensions["bookshelf.revisions"]
    if not applied or behind:
        raise _unready("The database waits for migrations: run flask db upgrade.")
    return {"status": "ready"}


@blueprint.get("/version")
def version() -> dict[str, str]:
    """What runs here."""
    return {
        "version": __version__,
        "commit": current_app.config["GIT_COMMIT"],
        "hostname": socket.gethostname(),
    }


def register(app: Flask) -> None:
    """Serve the probes from `app`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    heads = scripts.get_heads()
    app.extensions["bookshelf.revisions"] = {script.revision for script in scripts.walk_revisions()} - set(heads)
    app.register_blueprint(blueprint)
