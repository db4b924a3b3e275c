"""What kustomize makes of the overlays, for `make promote` and `make diff`. These need nothing but Python."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OVERLAYS = Path("k8s", "overlays")


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """Run a command and give what it printed.

    Raises:
        SystemExit: it failed or is not installed; the message is what it said.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        raise SystemExit(f"bookshelf: {command[0]} is not installed") from None
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        raise SystemExit(f"bookshelf: {' '.join(map(str, command))} failed: {said}")
    return done.stdout


def overlays(checkout: Path = ROOT) -> list[str]:
    """The names of the overlays in a checkout: the environments that there are."""
    return sorted(file.parent.name for file in (checkout / OVERLAYS).glob("*/kustomization.yaml"))


def render(overlay: str, checkout: Path = ROOT) -> str:
    """The objects of an overlay, as YAML documents.

    Raises:
        SystemExit: it does not render.
    """
    command = ("kustomize", "build") if shutil.which("kustomize") else ("kubectl", "kustomize")
    return run(*command, OVERLAYS / overlay, folder=checkout)
