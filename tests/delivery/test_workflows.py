"""The workflows are valid, and may do no more than they must. Nothing here runs them."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import unavailable
from tests.delivery.conftest import ROOT

FILES = sorted((ROOT / ".github" / "workflows").iterdir())
SHELLCHECK = ROOT / ".venv" / "bin" / "shellcheck"

workflows = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def load(file: Path) -> dict[Any, Any]:
    return yaml.safe_load(file.read_text())


def steps(file: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each step with its job."""
    for job in load(file)["jobs"].values():
        for step in job["steps"]:
            yield job, step


def actionlint(*arguments: str | Path, text: str | None = None) -> str:
    if not shutil.which("actionlint"):
        unavailable("install actionlint (https://github.com/rhysd/actionlint)")
    command = ["actionlint", "-shellcheck", SHELLCHECK, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True).stdout


@workflows
def test_actionlint_and_shellcheck_find_nothing(file: Path) -> None:
    assert actionlint(file) == ""


def test_actionlint_finds_what_is_wrong_in_a_script() -> None:
    job = "{runs-on: ubuntu-24.04, steps: [{run: 'ls $1'}]}"
    assert "SC2086" in actionlint("-", text=f"on: push\njobs: {{bad: {job}}}\n")


@workflows
def test_actions_are_pinned_by_commit_and_tell_their_version(file: Path) -> None:
    for line in file.read_text().splitlines():
        if "uses:" in line:
            assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@workflows
def test_a_workflow_may_do_nothing_but_what_each_job_says(file: Path) -> None:
    assert load(file)["permissions"] == {}
    for job in load(file)["jobs"].values():
        assert isinstance(job["permissions"], dict)
        assert job["permissions"]


@workflows
def test_only_a_job_that_may_push_keeps_its_credentials(file: Path) -> None:
    for job, step in steps(file):
        if step.get("uses", "").startswith("actions/checkout@"):
            kept = step.get("with", {}).get("persist-credentials", True)
            assert kept == (job["permissions"]["contents"] == "write")


@workflows
def test_nothing_from_outside_is_put_into_a_script(file: Path) -> None:
    for _, step in steps(file):
        assert "${{" not in step.get("run", "")


@workflows
def test_a_pull_request_never_runs_with_the_rights_of_main(file: Path) -> None:
    triggers = load(file)[True]  # YAML 1.1 reads "on" so.
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers)


@workflows
def test_runs_do_not_overtake_each_other_and_end(file: Path) -> None:
    assert load(file)["concurrency"]["group"]
    assert all(job["timeout-minutes"] for job in load(file)["jobs"].values())


def test_the_commit_of_a_release_starts_no_other_release() -> None:
    paths = load(ROOT / ".github" / "workflows" / "release.yaml")[True]["push"]["paths"]
    assert paths == ["services/**"]  # And make promote changes k8s/overlays alone.


def test_the_workflow_knows_its_comment_by_the_marker_of_make_diff() -> None:
    from local.diff import MARKER

    assert MARKER in (ROOT / ".github" / "workflows" / "diff.yaml").read_text()
