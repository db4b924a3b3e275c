"""What Lighthouse says of the page."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import CHROMIUM_FLAGS
from tests.web.conftest import Site


@pytest.mark.parametrize("device", ["mobile", "desktop"])
def test_lighthouse_gives_full_marks(site: Site, chromium: str, packages: Path, word: str, device: str) -> None:
    for number in range(10):
        site.add(f"Book {number} {word}")

    command = [
        *(packages / ".bin" / "lighthouse", f"{site.url}/?q={word}"),
        *("--only-categories=accessibility,best-practices", "--output=json", "--quiet", "--no-enable-error-reporting"),
        f"--chrome-flags={' '.join(('--headless=new', *CHROMIUM_FLAGS))}",
        *(["--preset=desktop"] if device == "desktop" else []),
    ]
    done = subprocess.run(
        command, env={**os.environ, "CHROME_PATH": chromium}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)

    failed = [audit for audit in report["audits"].values() if audit["score"] not in (None, 1)]
    scores = {name: category["score"] for name, category in report["categories"].items()}
    assert scores == {"accessibility": 1, "best-practices": 1}, json.dumps(failed, indent=2)
