"""Bookshelf: a book catalogue over HTTP."""

__version__ = "0.1.0"

from bookshelf.app import create_app

__all__ = ["__version__", "create_app"]
