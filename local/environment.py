"""Makes a virtual environment of a lock file: `python local/environment.py .venv requirements-dev.lock`.

Makes it again when the lock file or Python changes, or when the last time was interrupted.

Runs on the Python that the user has, so it says in one line what that Python lacks.
"""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent


def fail(reason: str) -> NoReturn:
    """End with one line."""
    sys.exit("bookshelf: " + reason)


def main() -> None:
    """Make the environment, if it is not there as the lock file says."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        fail(
            "Python 3.11, 3.12 or 3.13 is needed, and this is {}.{}: make PYTHON=python3.13 ...".format(
                *sys.version_info
            )
        )
    folder, lock = (ROOT / name for name in sys.argv[1:])
    made_of = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    complete = folder / "complete"  # Written last: without it, the environment is half-made.
    if complete.exists() and complete.read_text() == made_of and (folder / "bin" / "python").exists():
        return
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        fail("this Python can't make virtual environments: install python3-venv (apt install python3-venv)")
    print(f"Installing into {folder.name} (once; about a minute) ...", flush=True)
    try:
        venv.create(folder, clear=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"can't make {folder}: {error}")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if subprocess.call([*pip, "--require-hashes", "--only-binary=:all:", "-r", str(lock)]):
        fail(f"pip could not install {lock.name}, see above: is the package index reachable?")
    complete.write_text(made_of)


main()
