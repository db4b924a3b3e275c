"""What kustomize makes of k8s/: each overlay as it is, and each component on the base or on what it is for."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import unavailable

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
OVERLAYS = sorted(folder for folder in (K8S / "overlays").iterdir() if folder.is_dir())
COMPONENTS = sorted(
    file.parent
    for file in (K8S / "components").rglob("kustomization.yaml")
    if yaml.safe_load(file.read_text())["kind"] == "Component"
)
# Components that are for an overlay; all others are for the base.
GROUNDS = {"alb-https": K8S / "overlays" / "eks", "external-secrets": K8S / "overlays" / "eks"}
KUSTOMIZE = ("kustomize", "build")
KUBECTL = ("kubectl", "kustomize")
HOMES = {
    "kustomize": "https://kubectl.docs.kubernetes.io/installation/kustomize",
    "kubectl": "https://kubernetes.io/docs/tasks/tools",
}


def build(folder: Path, command: tuple[str, str] = KUSTOMIZE) -> str:
    """Give what the command prints for the folder. It must have nothing to complain of."""
    if not shutil.which(command[0]):
        unavailable(f"install {command[0]} ({HOMES[command[0]]})")
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def with_component(component: Path, made: Path) -> Path:
    """Make `made` a folder for kustomize, with the component, the components it lies in, and what it is for."""
    parts = [part for part in COMPONENTS if component.is_relative_to(part)]  # Sorted: outermost first.
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        # kustomize refuses absolute paths.
        "resources": [os.path.relpath(GROUNDS.get(component.name, K8S / "base"), made)],
        "components": [os.path.relpath(part, made) for part in parts],
    }
    (made / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return made


@pytest.fixture(scope="session", params=[*OVERLAYS, *COMPONENTS], ids=lambda folder: str(folder.relative_to(K8S)))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for kustomize: an overlay, or one made for a component."""
    if request.param in OVERLAYS:
        return request.param
    return with_component(request.param, tmp_path_factory.mktemp("component"))


@pytest.fixture(scope="session")
def objects(folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(build(folder)))
