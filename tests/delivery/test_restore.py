"""`make restore`, with a stand-in for kubectl. On a cluster: tests/e2e/test_backup.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.delivery.conftest import ROOT

NAME = "bookshelf-20260131T031700Z.dump"
KUBECTL = """#!{python}
import json, pathlib, sys
here, words = pathlib.Path({folder!r}), sys.argv[1:]
with (here / "log").open("a") as log:
    print(json.dumps(words), file=log)
pod = {{"initContainers": [{{"name": "a", "args": ["backup"]}}], "containers": [{{"name": "b", "args": ["backup"]}}]}}
line = " ".join(words)
if "current-context" in line:
    print({context!r})
elif "get cronjob" in line:
    print(json.dumps({{"spec": {{"jobTemplate": {{"spec": {{"backoffLimit": 2, "template": {{"spec": pod}}}}}}}}}}))
elif "create" in words:
    (here / "job").write_text(sys.stdin.read())
elif "get job" in line:
    failed = {fails!r} and "restore" in line
    ended = {{"type": "Failed" if failed else "Complete", "status": "True"}}
    print(json.dumps({{"status": {{"conditions": [ended]}}}}))
elif "logs" in words:
    print("{name}: 3 books" if "restore" in line else "{name}")
elif "get deployment" in line:
    print(json.dumps({{"metadata": {{"annotations": {annotations!r}}}, "spec": {{"replicas": {replicas!r}}}}}))
"""


class Restore:
    """Runs make restore with a kubectl that answers as it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[str] = []

    def __call__(
        self,
        *arguments: str,
        context: str = "minikube",
        fails: bool = False,
        replicas: int = 3,
        annotations: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        kubectl = self.folder / "kubectl"
        kubectl.write_text(
            KUBECTL.format(
                python=sys.executable,
                folder=str(self.folder),
                context=context,
                fails=fails,
                replicas=replicas,
                annotations=annotations or {},
                name=NAME,
            )
        )
        kubectl.chmod(0o755)
        log = self.folder / "log"
        log.write_text("")
        environment = {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        command = ["make", "--silent", "restore", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        self.calls = [" ".join(json.loads(line)) for line in log.read_text().splitlines()]
        return done


@pytest.fixture
def restore(tmp_path: Path) -> Restore:
    return Restore(tmp_path)


def scaled(calls: list[str]) -> list[str]:
    return [call.rpartition("--replicas=")[2] for call in calls if " scale " in call]


def test_it_stops_the_api_restores_and_starts_as_many_as_before(restore: Restore) -> None:
    done = restore(f"FROM={NAME}")

    assert done.returncode == 0, done.stderr
    assert f"{NAME}: 3 books\n" in done.stdout
    assert scaled(restore.calls) == ["0", "3"]
    order = [restore.calls.index(next(c for c in restore.calls if what in c)) for what in ("=0", "job/backup-restore")]
    assert order == sorted(order)


def test_the_job_is_a_backup_s_with_other_arguments_and_one_try(restore: Restore) -> None:
    restore(f"FROM={NAME}")
    job = json.loads((restore.folder / "job").read_text())["spec"]
    assert job["backoffLimit"] == 0
    pod = job["template"]["spec"]
    assert [c["args"] for c in [*pod["initContainers"], *pod["containers"]]] == [["restore", NAME]] * 2


def test_a_restore_that_fails_starts_the_api_again_and_says_why(restore: Restore) -> None:
    done = restore(f"FROM={NAME}", fails=True)
    assert done.returncode != 0
    assert f"bookshelf: restore {NAME} failed: " in done.stderr
    assert scaled(restore.calls) == ["0", "3"]


def test_after_an_interruption_it_starts_as_many_as_there_were_at_first(restore: Restore) -> None:
    restore(f"FROM={NAME}", replicas=0, annotations={"bookshelf/replicas": "5"})
    assert scaled(restore.calls) == ["0", "5"]


def test_without_a_name_it_lists_what_there_is_and_says_how_to_use_it(restore: Restore) -> None:
    done = restore()
    assert NAME in done.stdout.splitlines()
    assert done.stderr.startswith("usage: make restore FROM=")
    assert not scaled(restore.calls)


def test_a_backup_that_is_not_there_stops_nothing(restore: Restore) -> None:
    done = restore("FROM=bookshelf-other.dump")
    assert "there is no backup bookshelf-other.dump" in done.stderr
    assert not scaled(restore.calls)


@pytest.mark.parametrize("context", ["production", "", "kind"])
def test_a_cluster_that_is_not_for_trying_has_to_be_named(restore: Restore, context: str) -> None:
    done = restore(f"FROM={NAME}", context=context)
    assert done.stderr.startswith(
        f"bookshelf: kubectl's context {context or '(none)'} is neither minikube's nor kind's"
    )
    assert restore.calls == ["config current-context"]


def test_every_call_is_for_the_cluster_that_was_named(restore: Restore) -> None:
    done = restore(f"FROM={NAME}", "TO=production", context="minikube")
    assert done.returncode == 0, done.stderr
    assert all(call.startswith("--context=production --namespace=bookshelf ") for call in restore.calls)
