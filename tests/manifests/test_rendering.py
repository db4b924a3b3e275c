"""Every overlay and component renders, the same with kustomize and kubectl, and without a warning."""

from pathlib import Path

import pytest

from tests.manifests.conftest import KUBECTL, KUSTOMIZE, build


def test_kustomize_and_kubectl_print_the_same(folder: Path) -> None:
    assert build(folder, KUSTOMIZE) == build(folder, KUBECTL)


@pytest.mark.parametrize("command", [KUSTOMIZE, KUBECTL], ids=" ".join)
def test_a_deprecated_field_of_a_kustomization_fails(command: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("commonLabels: {app: bookshelf}")

    with pytest.raises(AssertionError, match="'commonLabels' is deprecated"):
        build(tmp_path, command)
