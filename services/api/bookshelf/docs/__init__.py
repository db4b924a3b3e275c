"""The OpenAPI document and Swagger UI, served from the packages: they work with no internet."""

from functools import cache
from pathlib import Path

import flask_openapi3_swagger
from flask import Blueprint, Response, current_app, json
from flask_openapi3 import OpenAPI

_SWAGGER = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"

blueprint = Blueprint("docs", __name__, url_prefix="/api", static_folder=".", static_url_path="/docs/page")
swagger = Blueprint("swagger", __name__, url_prefix="/api", static_folder=_SWAGGER, static_url_path="/docs/swagger")


@cache
def _document(app: OpenAPI) -> bytes:
    return json.dumps(app.api_doc).encode()


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3.1 document of this API."""
    app: OpenAPI = current_app._get_current_object()  # type: ignore[attr-defined]
    return Response(_document(app), content_type="application/json")


@blueprint.get("/docs")
def page() -> Response:
    """Swagger UI. Nothing is loaded from another origin; its style sheet needs inline styles."""
    response = blueprint.send_static_file("index.html")
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
    )
    return response


def register(app: OpenAPI) -> None:
    """Serve the documentation of `app`."""
    app.register_blueprint(blueprint)
    app.register_blueprint(swagger)
