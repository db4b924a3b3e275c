"""`flask books`: import and export of files."""

import sys
from pathlib import Path
from typing import Any, BinaryIO

import click
from flask.cli import with_appcontext
from psycopg2 import OperationalError

from bookshelf.books import transfer
from bookshelf.books.queries import DuplicateISBNError

_MOST_PRINTED = 20

_format = click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl"]), help="Told from the file's name where not given."
)


@click.group()
def books() -> None:
    """Import and export books."""


class _Progress:
    """A file that moves a progress bar as it is read."""

    def __init__(self, file: BinaryIO, bar: Any) -> None:
        self._file, self._bar = file, bar

    def readline(self, size: int) -> bytes:
        line = self._file.readline(size)
        self._bar.update(len(line))
        return line


@books.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check every line, and import nothing.")
@_format
@with_appcontext
def import_books(file: Path, dry_run: bool, form: transfer.Format | None) -> None:
    """Add all books of FILE (CSV or JSON Lines), or none if any line is bad."""
    chosen = form or _form(file)
    with file.open("rb") as stream, _bar(file.stat().st_size, "Reading") as bar:
        try:
            report = transfer.import_books(_Progress(stream, bar), chosen, dry_run=dry_run)  # type: ignore[arg-type]
        except (transfer.BadHeaderError, DuplicateISBNError, OperationalError) as error:
            raise click.ClickException(_reason(error)) from None
    if report.bad_lines:
        for bad in report.errors[:_MOST_PRINTED]:
            member = f" {str(bad['pointer']).removeprefix('#/')}:" if "pointer" in bad else ""
            click.echo(f"{file}:{bad['line']}:{member} {bad['detail']}", err=True)
        raise click.ClickException(f"{report.bad_lines} of {report.lines} lines are bad; nothing was imported.")
    click.echo(f"All {report.lines} lines are good." if dry_run else f"Imported {report.imported} books.")


@books.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_format
@with_appcontext
def export_books(file: Path, form: transfer.Format | None) -> None:
    """Write all books to FILE, as CSV or JSON Lines. FILE appears when it is complete."""
    chosen = form or _form(file)
    partial = file.with_name(f".{file.name}.part")
    try:
        with partial.open("wb") as stream, _bar(transfer.count_books(), "Writing") as bar:
            for chunk in transfer.export_books(chosen, bar.update):
                stream.write(chunk)
        partial.replace(file)
    except (OSError, OperationalError) as error:
        raise click.ClickException(_reason(error)) from None
    finally:
        partial.unlink(missing_ok=True)
    click.echo(f"Exported {bar.pos} books.")


def _form(file: Path) -> transfer.Format:
    match file.suffix.lower():
        case ".csv":
            return "csv"
        case ".jsonl" | ".ndjson":
            return "jsonl"
    raise click.UsageError(f"{file.name} ends neither in .csv nor in .jsonl: say --format")


def _bar(length: int, label: str) -> Any:
    return click.progressbar(length=length, label=label, file=sys.stderr)


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error) else type(error).__name__
