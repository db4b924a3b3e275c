"""`make promote`, in a throw-away repository and with a stand-in for docker."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local.promote import images
from tests.delivery.conftest import OVERLAY, Repository

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = "registry.example.com/shelf/api:0.2.0"
PINNED = f"{IMAGE}@{DIGEST}"

Docker = Callable[..., None]


@pytest.fixture
def docker(repository: Repository, tmp_path: Path) -> Docker:
    """Say what docker knows: `registry` and `local` are images, `complaint` is what it says of any other."""

    def install(registry: str = "", local: str = "", complaint: str = "not found") -> None:
        program = tmp_path / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(
            "#!/bin/sh\n"
            "for image; do :; done # The last argument.\n"
            'case "$1 $image" in\n'
            f"'buildx {registry}') echo '{json.dumps({'digest': DIGEST})}' ;;\n"
            f"'image {local}') ;;\n"
            f'*) echo "ERROR: $image: {complaint}" >&2; exit 1 ;;\n'
            "esac\n"
        )
        program.chmod(0o755)
        repository.environment["PATH"] = f"{program.parent}:{repository.environment['PATH']}"

    return install


def promote(repository: Repository, image: str, to: str = "minikube") -> str:
    done = repository.make("promote", f"TO={to}", f"IMAGE={image}")
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def refusal(repository: Repository, image: str, to: str = "minikube") -> str:
    """What a refused promotion says. It must leave no trace."""
    before = repository.git("rev-parse", "HEAD"), repository.git("status", "--porcelain")
    done = repository.make("promote", f"TO={to}", f"IMAGE={image}")
    assert done.returncode != 0
    assert (repository.git("rev-parse", "HEAD"), repository.git("status", "--porcelain")) == before
    return done.stderr.splitlines()[0]


def test_a_tag_is_pinned_by_the_digest_that_its_registry_tells(repository: Repository, docker: Docker) -> None:
    docker(registry=IMAGE)
    promote(repository, IMAGE)
    assert repository.render().count(f"image: {PINNED}\n") == 2


def test_a_digest_stays_as_it_is(repository: Repository, docker: Docker) -> None:
    image = f"registry.example.com/shelf/api@{DIGEST}"
    docker(registry=image)
    promote(repository, image)
    assert f"image: {image}\n" in repository.render()


def test_it_is_one_commit_of_one_file_which_says_what_changes(repository: Repository, docker: Docker) -> None:
    docker(registry=IMAGE)
    [before] = images(repository.render()) - {"postgres:17", "busybox:1.37"}
    promote(repository, IMAGE)
    assert repository.git("rev-list", "--count", "HEAD") == "2\n"
    assert repository.git("show", "--name-only", "--format=") == f"{OVERLAY}/image/kustomization.yaml\n"
    message = repository.git("log", "-1", "--format=%B")
    assert message == f"Promote {IMAGE} to minikube\n\n- {before}\n+ {PINNED}\n\n"
    assert not repository.git("status", "--porcelain")


def test_git_revert_takes_it_back(repository: Repository, docker: Docker) -> None:
    docker(registry=IMAGE)
    before = repository.render()
    promote(repository, IMAGE)
    assert repository.render() != before
    repository.git("revert", "--no-edit", "HEAD")
    assert repository.render() == before


def test_what_runs_already_makes_no_commit(repository: Repository, docker: Docker) -> None:
    docker(registry=IMAGE)
    promote(repository, IMAGE)
    assert promote(repository, IMAGE) == f"minikube runs {PINNED} already.\n"
    assert repository.git("rev-list", "--count", "HEAD") == "2\n"


def test_an_image_that_only_docker_here_knows_keeps_its_tag(repository: Repository, docker: Docker) -> None:
    docker(local="bookshelf-api:0.2.0")
    assert "Only Docker here knows bookshelf-api:0.2.0" in promote(repository, "bookshelf-api:0.2.0")
    assert "image: bookshelf-api:0.2.0\n" in repository.render()


def test_where_nobody_can_tell_it_warns_and_goes_on(repository: Repository, docker: Docker) -> None:
    docker(complaint="dial tcp: no such host")
    assert f"Can't tell whether {IMAGE} exists: ERROR: {IMAGE}: dial tcp: no such host" in promote(repository, IMAGE)
    assert f"image: {IMAGE}\n" in repository.render()


def test_an_image_that_does_not_exist_is_refused(repository: Repository, docker: Docker) -> None:
    docker()
    assert f"{IMAGE} is neither in its registry nor in Docker here" in refusal(repository, IMAGE)


@pytest.mark.parametrize("image", ["api", "api:latest", "localhost:5000/api", "localhost:5000/api:latest"])
def test_latest_and_no_tag_are_refused(repository: Repository, image: str) -> None:
    assert "give a tag other than latest" in refusal(repository, image)


def test_half_a_digest_is_refused(repository: Repository) -> None:
    assert "sha256:0123 is no digest" in refusal(repository, "api@sha256:0123")


def test_an_environment_that_is_not_there_is_refused(repository: Repository) -> None:
    assert "no environment moon: k8s/overlays has " in refusal(repository, IMAGE, to="moon")


@pytest.mark.parametrize("file", ["Makefile", "new"])
def test_a_tree_with_changes_is_refused(repository: Repository, file: str) -> None:
    with (repository.folder / file).open("a") as text:
        text.write("\n")
    assert "changes that are not committed" in refusal(repository, IMAGE)


def test_an_overlay_that_does_not_use_the_pin_is_refused(repository: Repository, docker: Docker) -> None:
    docker(registry=IMAGE)
    text = (repository.folder / OVERLAY / "kustomization.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("  - image")]
    (repository.folder / OVERLAY / "kustomization.yaml").write_text("\n".join(lines))
    repository.commit()
    assert f"minikube would not run {PINNED}" in refusal(repository, IMAGE)


def test_without_arguments_it_says_in_a_line_how_to_use_it(repository: Repository) -> None:
    done = repository.make("promote")
    assert done.stderr.splitlines()[0].startswith("usage: make promote TO=")
