"""Our own rules for the files in k8s/ and for what they render to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.conftest import K8S, OVERLAYS

FILES = sorted([*K8S.rglob("*.yaml"), *K8S.rglob("*.yml")])


def images(value: Any) -> Iterator[str]:
    """The images of all containers of an object, whatever its kind."""
    if isinstance(value, dict):
        for name, below in value.items():
            if name == "image" and isinstance(below, str):
                yield below
            else:
                yield from images(below)
    elif isinstance(value, list):
        for item in value:
            yield from images(item)


def is_pinned(image: str) -> bool:
    """Whether the image's name has a tag other than latest, or a digest, after the registry's host and port."""
    return image.rpartition("/")[2].partition(":")[2] not in ("", "latest")


def test_no_secret_has_a_value(objects: list[dict[str, Any]]) -> None:
    secrets = [thing for thing in objects if thing["kind"] == "Secret"]
    assert not [secret for secret in secrets if secret.get("data") or secret.get("stringData")]


# Components are rendered on the base, and there the overlay's tags are missing.
@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name, indirect=True)
def test_every_image_has_a_tag_or_digest(objects: list[dict[str, Any]]) -> None:
    found = list(images(objects))
    assert found
    assert not [image for image in found if not is_pinned(image)]


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("api", False),
        ("api:latest", False),
        ("localhost:5000/api", False),
        ("localhost:5000/api:latest", False),
        ("api:1", True),
        ("localhost:5000/shelf/api:1", True),
        ("ghcr.io/shelf/api@sha256:0123456789abcdef", True),
        ("api:latest@sha256:0123456789abcdef", True),
    ],
)
def test_what_counts_as_a_tag_or_digest(image: str, pinned: bool) -> None:
    assert is_pinned(image) == pinned


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(K8S)))
def test_a_file_holds_one_object(file: Path) -> None:
    assert len(list(yaml.safe_load_all(file.read_text()))) == 1
