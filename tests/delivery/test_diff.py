"""`make diff`, in a throw-away repository."""

import re

import pytest

from tests.delivery.conftest import OVERLAY, Repository

KUSTOMIZATION = OVERLAY / "kustomization.yaml"
SETTING = "ALLOW_ANONYMOUS_WRITES=true"


def diff(repository: Repository, *arguments: str) -> str:
    done = repository.make("diff", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def add_overlay(repository: Repository) -> None:
    folder = repository.folder / OVERLAY.with_name("other")
    folder.mkdir()
    (folder / "kustomization.yaml").write_text("resources: [../minikube/folder]\n")


@pytest.mark.parametrize(("form", "said"), [("text", "minikube: no change"), ("markdown", "**minikube**: no change.")])
def test_no_change_is_said_plainly(repository: Repository, form: str, said: str) -> None:
    repository.edit("Makefile", "help:", "help :")
    assert said in diff(repository, f"FORMAT={form}").splitlines()


@pytest.mark.parametrize("committed", [True, False])
def test_a_changed_setting_is_one_change_in_spite_of_its_new_name(repository: Repository, committed: bool) -> None:
    repository.git("switch", "--quiet", "--create", "branch")
    repository.edit(KUSTOMIZATION, SETTING, f"{SETTING}\n      - LOG_LEVEL=debug")
    if committed:
        repository.commit()
    said = diff(repository)
    assert "minikube: 2 changed\n" in said
    assert "  ConfigMap bookshelf/api: changed\n" in said
    assert "  Deployment bookshelf/api: changed\n" in said  # It names the ConfigMap.
    assert "    +  LOG_LEVEL: debug\n" in said


def test_markdown_folds_each_overlay(repository: Repository) -> None:
    repository.edit(KUSTOMIZATION, SETTING, f"{SETTING}\n      - LOG_LEVEL=debug")
    said = diff(repository, "FORMAT=markdown")
    assert said.startswith("<!-- rendered manifests -->\n")
    assert (
        "<details><summary><b>minikube</b>: 2 changed</summary>\n\n```diff\n# ConfigMap bookshelf/api: changed\n"
        in said
    )
    assert said.endswith("\n```\n\n</details>\n")


def test_backticks_do_not_end_the_block(repository: Repository) -> None:
    repository.edit(KUSTOMIZATION, SETTING, f"{SETTING}\n      - LOG_LEVEL=````")
    assert "\n`````diff\n" in diff(repository, "FORMAT=markdown")


def test_a_comment_is_never_longer_than_github_allows(repository: Repository) -> None:
    settings = "".join(f"\n      - SETTING_{number}={'long ' * 20}" for number in range(1000))
    repository.edit(KUSTOMIZATION, SETTING, SETTING + settings)
    said = diff(repository, "FORMAT=markdown")
    assert 50_000 < len(said) <= 65_536
    assert said.endswith("\n# Too long for a comment. All of it: make diff\n```\n\n</details>\n")


def test_a_new_overlay_is_all_added(repository: Repository) -> None:
    add_overlay(repository)
    assert re.search(r"^other: \d+ added$", diff(repository), re.MULTILINE)


def test_a_removed_overlay_is_all_removed(repository: Repository) -> None:
    add_overlay(repository)
    repository.commit()
    repository.git("rm", "--quiet", "-r", str(OVERLAY.with_name("other")))
    assert re.search(r"^other: \d+ removed$", diff(repository), re.MULTILINE)


def test_what_others_did_on_main_meanwhile_is_not_shown(repository: Repository) -> None:
    repository.git("branch", "branch")
    repository.edit(KUSTOMIZATION, SETTING, f"{SETTING}\n      - LOG_LEVEL=debug")
    repository.commit()
    repository.git("switch", "--quiet", "branch")
    assert "minikube: no change\n" in diff(repository)


@pytest.mark.parametrize(("argument", "said"), [("BASE=nowhere", "nowhere"), ("FORMAT=poem", "text or markdown")])
def test_a_bad_argument_is_named(repository: Repository, argument: str, said: str) -> None:
    done = repository.make("diff", argument)
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[0]
