"""The page's packages: `python -m local.page` checks the code in services/web and builds it into services/web/dist."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent.parent / "services" / "web"
VITE = WEB / "node_modules" / ".bin" / "vite"
NODE = (20, 19)
"""The oldest Node.js that Vite runs on."""


class PageError(Exception):
    """The page can't be built; the message is one line that says what to do."""


def main() -> int:
    """Check and build the page; without Node.js say so, since nothing else needs it."""
    try:
        install()
    except PageError as error:
        print(f"The page is neither checked nor built: {error}", file=sys.stderr)
        return 0
    for script in ("check", "build"):
        done = subprocess.run(["npm", "run", "--silent", script], cwd=WEB, capture_output=True, text=True)
        if done.returncode:
            print(done.stdout + done.stderr, f"bookshelf: npm run {script} failed in services/web", file=sys.stderr)
            return 1
    return 0


def install(folder: Path = WEB) -> None:
    """Install the packages of `folder` where they are not as its lock file says.

    Raises:
        PageError: no Node.js that does, or no packages.
    """
    there = shutil.which("node") and shutil.which("npm")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip() if there else ""
    if tuple(int(number) for number in re.findall(r"\d+", said)[:2]) < NODE:
        found = f"this is {said}" if said else "there is none here"
        needed = f"it needs Node.js {NODE[0]}.{NODE[1]} or later with npm"
        raise PageError(f"{needed}, and {found}: https://nodejs.org/en/download")
    installed = folder / "node_modules" / ".package-lock.json"
    with (folder / "package-lock.json").open() as wanted:
        fcntl.flock(wanted, fcntl.LOCK_EX)  # Tests that run side by side may want the same packages.
        if installed.exists() and installed.stat().st_mtime >= os.fstat(wanted.fileno()).st_mtime:
            return
        print("Installing the page's packages (once; about half a minute) ...", flush=True)
        if subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder).returncode:
            raise PageError("npm ci failed, see above: is the package registry reachable?")


if __name__ == "__main__":
    sys.exit(main())
