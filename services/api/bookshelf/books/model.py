"""The tables of the catalogue, for `flask db migrate` to compare the database with.

Queries are written in SQL (docs/decisions/sql.md). What SQLAlchemy can't express stands only in the migrations:
functions, triggers and the expressions of constraints.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Computed, DateTime, Identity, Index, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from bookshelf.database import db


class Book(db.Model):  # type: ignore[name-defined,misc]
    """A book of the catalogue."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    isbn: Mapped[str | None] = mapped_column(Text, unique=True)
    published_year: Mapped[int | None] = mapped_column()
    read: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    version: Mapped[int] = mapped_column(server_default="1")
    title_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("left(fold(title), 64)"))
    author_key: Mapped[str] = mapped_column(Text(collation="C"), Computed("left(fold(author), 64)"))
    search: Mapped[str] = mapped_column(TSVECTOR, Computed("book_search(title, author, description)"))

    __table_args__ = (
        Index("books_created_idx", "created_at", "id"),
        Index("books_title_idx", "title_key", "id"),
        Index("books_author_idx", "author_key", "id"),
        Index("books_year_idx", func.coalesce(published_year, text("9999")), "id"),
        Index("books_year_down_idx", func.coalesce(published_year, text("-9999")), "id"),
        Index("books_search_idx", "search", postgresql_using="gin"),
    )


words = db.Table(
    "words",
    db.Column("word", Text(collation="C"), nullable=False),
    Index("words_word_idx", "word"),
    Index("words_trigrams_idx", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
)
"""Every word of a title or an author."""


class IdempotencyKey(db.Model):  # type: ignore[name-defined,misc]
    """The answer to a creation that may be sent again."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    book_id: Mapped[int | None] = mapped_column(BigInteger)
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (Index("idempotency_keys_created_idx", "created_at"),)
