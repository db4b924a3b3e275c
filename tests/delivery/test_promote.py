"""`make promote`, in a throw-away repository and with a stand-in for docker."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local.promote import images
from tests.delivery.conftest import OVERLAY, Repository

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = "registry.example.com/shelf/bookshelf-api:0.2.0"
PINNED = f"{IMAGE}@{DIGEST}"
PAGE = "registry.example.com/shelf/bookshelf-web:0.2.0"

Docker = Callable[..., None]


@pytest.fixture
def docker(repository: Repository, tmp_path: Path) -> Docker:
    """Say what docker knows: `registry` and `local` are images, separated by spaces as those of make promote are, and
    `complaint` is what it says of any other."""

    def install(registry: str = "", local: str = "", complaint: str = "not found") -> None:
        program = tmp_path / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(
            "#!/bin/sh\n"
            "for image; do :; done # The last argument.\n"
            f'case "$1 {registry} " in buildx*" $image "*) echo \'{json.dumps({"digest": DIGEST})}\'; exit ;; esac\n'
            f'case "$1 {local} " in image*" $image "*) exit ;; esac\n'
            f'echo "ERROR: $image: {complaint}" >&2; exit 1\n'
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
    image = f"registry.example.com/shelf/bookshelf-api@{DIGEST}"
    docker(registry=image)
    promote(repository, image)
    assert f"image: {image}\n" in repository.render()


def test_it_is_one_commit_of_one_file_which_says_what_changes(repository: Repository, docker: Docker) -> None:
    docker(registry=IMAGE)
    [before] = [image for image in images(repository.render()) if image.startswith("bookshelf-api")]
    promote(repository, IMAGE)
    assert repository.git("rev-list", "--count", "HEAD") == "2\n"
    assert repository.git("show", "--name-only", "--format=") == f"{OVERLAY}/image/kustomization.yaml\n"
    message = repository.git("log", "-1", "--format=%B")
    assert message == f"Promote bookshelf-api:0.2.0 to minikube\n\n- {before}\n+ {PINNED}\n\n"
    assert not repository.git("status", "--porcelain")


def test_the_page_is_promoted_by_its_name(repository: Repository, docker: Docker) -> None:
    docker(registry=PAGE)
    promote(repository, PAGE)
    assert f"image: {PAGE}@{DIGEST}\n" in repository.render()
    assert PINNED not in repository.render()


def test_both_images_are_promoted_by_one_commit(repository: Repository, docker: Docker) -> None:
    docker(registry=f"{IMAGE} {PAGE}")
    before = sorted(image for image in images(repository.render()) if image.startswith("bookshelf-"))
    promote(repository, f"{PAGE} {IMAGE}")
    assert repository.git("rev-list", "--count", "HEAD") == "2\n"
    subject, _, *changes = repository.git("log", "-1", "--format=%B").strip().splitlines()
    assert subject == "Promote bookshelf-api:0.2.0 and bookshelf-web:0.2.0 to minikube"
    assert changes == [*(f"- {image}" for image in before), f"+ {PINNED}", f"+ {PAGE}@{DIGEST}"]


def test_of_two_images_the_message_names_the_one_that_changes(repository: Repository, docker: Docker) -> None:
    docker(registry=f"{IMAGE} {PAGE}")
    promote(repository, IMAGE)
    promote(repository, f"{IMAGE} {PAGE}")
    assert repository.git("log", "-1", "--format=%s") == "Promote bookshelf-web:0.2.0 to minikube\n"


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


@pytest.mark.parametrize(
    "image", ["bookshelf-api", "bookshelf-web:latest", "host:5000/bookshelf-api", "host:5000/bookshelf-api:latest"]
)
def test_latest_and_no_tag_are_refused(repository: Repository, image: str) -> None:
    assert "give a tag other than latest" in refusal(repository, image)


@pytest.mark.parametrize("image", ["shelf/api:0.2.0", "bookshelf-api/shelf:0.2.0", "my-bookshelf-api:0.2.0"])
def test_an_image_of_another_name_is_refused(repository: Repository, image: str) -> None:
    said = refusal(repository, image)
    assert said == f"bookshelf: the last part of the name of {image} has to be bookshelf-api or bookshelf-web"


def test_two_images_of_one_name_are_refused(repository: Repository) -> None:
    assert "are both bookshelf-web: give one of them" in refusal(repository, f"{PAGE} bookshelf-web:0.1.0")


def test_if_one_of_two_images_is_refused_so_is_the_other(repository: Repository, docker: Docker) -> None:
    docker(registry=IMAGE)
    assert f"{PAGE} is neither in its registry nor in Docker here" in refusal(repository, f"{IMAGE} {PAGE}")


def test_half_a_digest_is_refused(repository: Repository) -> None:
    assert "sha256:0123 is no digest" in refusal(repository, "bookshelf-api@sha256:0123")


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
