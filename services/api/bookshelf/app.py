"""Puts the application together."""

import sys
from collections.abc import Callable
from typing import Any

from flask_migrate import Migrate
from flask_openapi3 import Info, OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

from bookshelf import __version__, books, docs, errors, health, logs, metrics
from bookshelf.database import db, engine_options, prepare
from bookshelf.requests import JSONRequest
from bookshelf.settings import Settings, SettingsError, load_settings

MAX_BODY_BYTES = 1024 * 1024
"""The largest body of a request, an import excepted."""


class Application(OpenAPI):
    """Flask with OpenAPI."""

    request_class = JSONRequest

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No function here is a coroutine; Flask would look again at each one in each request."""
        return func


def create_app(settings: Settings | None = None) -> OpenAPI:
    """The Flask application, ready to serve.

    Args:
        settings: read from the environment where not given; a bad one ends the process with one line.
    """
    if settings is None:
        try:
            settings = load_settings()
        except SettingsError as error:
            sys.exit(f"bookshelf: {error}")
    app = Application(
        "bookshelf",
        info=Info(title="Bookshelf", version=__version__, description="A catalogue of books."),
        security_schemes={"token": {"type": "http", "scheme": "bearer"}},
        validation_error_model=errors.Problem,
        validation_error_callback=errors.validation_problem,
        doc_ui=False,
        static_folder=None,
    )
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.threads),
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        API_TOKEN_HASHES=settings.api_token_hashes,
        GIT_COMMIT=settings.git_commit,
    )
    logs.configure(settings.log_level)
    metrics.register(app)
    logs.register(app)
    errors.register(app)
    health.register(app)
    docs.register(app)
    books.register(app)
    db.init_app(app)
    with app.app_context():
        prepare(db.engine)
    Migrate(app, db, directory=str(health.MIGRATIONS), compare_type=True)
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)  # type: ignore
    return app
