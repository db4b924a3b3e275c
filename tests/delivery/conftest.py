"""A throw-away repository with this one's files as they are now."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import unavailable

ROOT = Path(__file__).resolve().parents[2]
OVERLAY = Path("k8s", "overlays", "minikube")


class Repository:
    """A folder with a git repository, and the commands that are run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Nothing of the person's own: no identity, hooks or signing.
        self.environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **environment}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)

    def git(self, *arguments: str) -> str:
        done = self.run("git", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("make", "--silent", *arguments)

    def render(self) -> str:
        done = self.run("kustomize", "build", str(OVERLAY))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def edit(self, file: str | Path, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Test")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    for program in ("git", "make", "kustomize"):
        if not shutil.which(program):
            unavailable(f"{program} is not installed")
    made = Repository(tmp_path / "repository")
    for part in ("k8s", "local"):
        shutil.copytree(ROOT / part, made.folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("Makefile", ".gitignore"):
        shutil.copy(ROOT / part, made.folder)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.git("config", "user.name", "Tester")
    made.git("config", "user.email", "tester@example.com")
    made.commit()
    return made
