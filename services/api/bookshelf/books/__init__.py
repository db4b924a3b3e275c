"""Everything that knows of books. To keep something else in the catalogue, change this folder and the migrations."""

from flask_openapi3 import OpenAPI

from bookshelf.books import cli, model, routes

__all__ = ["model", "register"]


def register(app: OpenAPI) -> None:
    """Serve books from `app`, and add the command `flask books`."""
    app.register_api(routes.blueprint)
    app.cli.add_command(cli.books)
