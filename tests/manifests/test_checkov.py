"""Checkov has nothing against any overlay, but for the exceptions here."""

import json
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.manifests.conftest import OVERLAYS, ROOT, build

PYTHON = ROOT / ".venv-policy" / "bin" / "python"

# Overlay, check and object, where * is any: why it may be so.
EXCEPTIONS = {
    "* CKV_K8S_40 StatefulSet.bookshelf.database": "The image knows its user postgres as 999.",
    "* CKV_K8S_40 Deployment.bookshelf.web": "The image knows its user nginx as 101.",
    "* CKV_K8S_15 StatefulSet.bookshelf.database": "A pod should start again while the registry is away.",
    "* CKV_K8S_43 StatefulSet.bookshelf.database": "The tag 17 brings a new node the newest minor release.",
    "minikube CKV_K8S_15 Job.bookshelf-folder.folder": "As the database: also while the registry is away.",
    "minikube CKV_K8S_43 Job.bookshelf-folder.folder": "It runs once, and does nothing but mkdir and chown.",
    "minikube CKV_K8S_23 Job.bookshelf-folder.folder": "The folder belongs to root, and only root can give it away.",
    "minikube CKV_K8S_25 Job.bookshelf-folder.folder": "To give the folder away is what CHOWN is for.",
    "minikube CKV_K8S_40 Job.bookshelf-folder.folder": "Root, as above.",
}

# Needed until make promote pins the images by a digest.
BEFORE_THE_FIRST_PROMOTION = {
    "* CKV_K8S_15 Deployment.bookshelf.*": "In a new clone the image is in no registry: it is loaded into the node.",
    "* CKV_K8S_43 Deployment.bookshelf.*": "Only a registry gives an image its digest.",
}

BAD = """
apiVersion: v1
kind: Pod
metadata: {name: bad, namespace: bad}
spec: {containers: [{name: bad, image: bad, securityContext: {privileged: true}}]}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What checkov finds in each overlay and in a bad example, in one process: its start takes most of the time."""
    if not PYTHON.exists():
        unavailable("checkov is not installed: make venv-policy")
    rendered = {overlay.name: build(overlay) for overlay in OVERLAYS} | {"a bad example": BAD}
    folder = tmp_path_factory.mktemp("checkov")
    for name, text in rendered.items():
        (folder / name).mkdir()
        (folder / name / "objects.yaml").write_text(text)
    done = subprocess.run(
        [PYTHON, Path(__file__).with_name("run_checkov.py"), *rendered], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def excepts(exception: str, overlay: str, finding: str) -> bool:
    return fnmatchcase(f"{overlay} {finding.partition(':')[0]}", exception)


@pytest.mark.parametrize("overlay", [overlay.name for overlay in OVERLAYS])
def test_checkov_finds_nothing(found: dict[str, list[str]], overlay: str) -> None:
    allowed = EXCEPTIONS | BEFORE_THE_FIRST_PROMOTION
    left = [finding for finding in found[overlay] if not any(excepts(entry, overlay, finding) for entry in allowed)]
    assert not left, "\n".join(left)


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_every_exception_is_needed(found: dict[str, list[str]], exception: str) -> None:
    assert any(excepts(exception, overlay.name, finding) for overlay in OVERLAYS for finding in found[overlay.name])


def test_checkov_finds_a_privileged_container(found: dict[str, list[str]]) -> None:
    assert "CKV_K8S_16 Pod.bad.bad: Container should not be privileged" in found["a bad example"]
