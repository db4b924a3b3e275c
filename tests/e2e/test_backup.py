"""The drill: back up, lose the volume, restore, count the books."""

import json
import sys

import requests

from tests.e2e.conftest import (
    AT_OTHER_URL,
    OTHER_URL,
    ROOT,
    environment,
    get,
    kubectl,
    run,
    wait_for_rollout,
    wait_until,
)

NAMESPACE = "bookshelf-backup"
URL = f"{OTHER_URL}/api/v1/books"
BOOKS = 200


def restore(*arguments: str, check: bool = True) -> str:
    """Run make restore's command in our namespace, and give what it says, in either way."""
    context = kubectl("config", "current-context").strip()
    command = [sys.executable, "-m", "local.restore", f"--to={context}", f"--namespace={NAMESPACE}", *arguments]
    done = run(*command, check=check, cwd=ROOT)
    return done.stdout + done.stderr


def back_up(name: str) -> str:
    """Run the CronJob now, and give what it says."""
    kubectl("-n", NAMESPACE, "create", "job", name, "--from=cronjob/backup")
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Complete", f"job/{name}", "--timeout=120s")
    return kubectl("-n", NAMESPACE, "logs", f"job/{name}")


def titles() -> list[str]:
    """The titles of all books, by way of the export."""
    answer = requests.get(f"{URL}/export?format=jsonl", timeout=20)
    return sorted(json.loads(line)["title"] for line in answer.text.splitlines()) if answer.ok else []


def write(names: list[str]) -> None:
    lines = "\n".join(json.dumps({"title": name, "author": "Nobody"}) for name in names)
    headers = {"Content-Type": "application/x-ndjson"}
    answer = requests.post(f"{URL}/import", data=lines.encode(), headers=headers, timeout=60)
    assert answer.ok, answer.text


def test_the_books_are_there_again_after_the_volume_was_lost(image: str) -> None:
    written = sorted(f"Kept {number:03}" for number in range(BOOKS))
    with environment(NAMESPACE, image, "backup", patches=[AT_OTHER_URL]) as folder:
        wait_for_rollout(NAMESPACE)
        wait_until(lambda: requests.get(URL, timeout=10).ok, seconds=30, what="the node's port")
        write(written)
        said = back_up("by-hand")
        assert f": {BOOKS} books, " in said
        name = said.split(":")[0]
        write(["Written after the backup"])

        volume = get("persistentvolumeclaim", "data-database-0", "-n", NAMESPACE)["spec"]["volumeName"]
        kubectl("-n", NAMESPACE, "delete", "statefulset/database", "persistentvolumeclaim/data-database-0")
        kubectl("wait", "--for=delete", f"persistentvolume/{volume}", "--timeout=60s")
        kubectl("apply", "-k", folder)
        kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/api")  # Its migrations, on the new database.
        wait_for_rollout(NAMESPACE)
        wait_until(lambda: requests.get(URL, timeout=10).ok, seconds=30, what="the node's port")
        assert titles() == []

        assert name in restore(check=False).splitlines()
        assert f"{name}: {BOOKS} books\n" in restore(name)

        wait_until(lambda: titles() == written, seconds=30, what="the books of the backup")
        deployment = get("deployment", "api", "-n", NAMESPACE)
        assert deployment["spec"]["replicas"] == deployment["status"]["readyReplicas"] == 2
        assert "bookshelf/replicas" not in deployment["metadata"]["annotations"]


def test_a_restore_that_fails_starts_the_api_again_with_its_books(image: str) -> None:
    with environment(NAMESPACE, image, "backup", patches=[AT_OTHER_URL]):
        wait_for_rollout(NAMESPACE)
        wait_until(lambda: requests.get(URL, timeout=10).ok, seconds=30, what="the node's port")
        write(["Kept"])
        name = back_up("first").split(":")[0]
        # A session that holds on to the table: the restore gives up, and everything is as before.
        holding = "BEGIN; LOCK TABLE books; SELECT pg_sleep(60)"
        password = "PGPASSWORD=$(cat /run/secrets/database/password)"
        kubectl(
            *("-n", NAMESPACE, "exec", "database-0", "--", "bash", "-c"),
            f'{password} nohup psql -h 127.0.0.1 -U bookshelf bookshelf -c "{holding}" > /dev/null 2>&1 &',
        )

        assert "lock timeout" in restore(name, check=False)

        wait_for_rollout(NAMESPACE)
        assert get("deployment", "api", "-n", NAMESPACE)["spec"]["replicas"] == 2
        wait_until(lambda: titles() == ["Kept"], seconds=90, what="the books, when the table is free again")
