"""`make restore`: puts a backup in place of what the database has, by a Job like those of the CronJob `backup`."""

import argparse
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

USAGE = "usage: make restore FROM=bookshelf-....dump [TO=context]"
REPLICAS = "bookshelf/replicas"  # An annotation: how many pods there were, also where a restore was interrupted.


class Cluster:
    """kubectl, always with the same context and namespace."""

    def __init__(self, context: str, namespace: str) -> None:
        """`context` is one of kubectl's."""
        self._command = ["kubectl", f"--context={context}", f"--namespace={namespace}"]

    def run(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl and give what it printed.

        Raises:
            SystemExit: it failed; the message is what it said.
        """
        done = subprocess.run([*self._command, *arguments], input=given, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bookshelf: kubectl {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """An object, or a list of them."""
        return json.loads(self.run("get", *arguments, "--output=json"))


def main() -> None:
    """Restore the backup FROM, or without one list those that there are.

    Raises:
        SystemExit: it can't be done; the message is one line that says why.
    """
    parser = argparse.ArgumentParser(prog="python -m local.restore", description=__doc__)
    parser.add_argument("--to", default="", help="kubectl's context; needed where it is neither minikube's nor kind's")
    parser.add_argument("--namespace", default="bookshelf")
    parser.add_argument("backup", nargs="?", default="", help="the name of a backup")
    arguments = parser.parse_args()
    context = choose(arguments.to)
    cluster = Cluster(context, arguments.namespace)
    if not arguments.backup:
        print(f"Backups of {arguments.namespace} in {context}:", flush=True)
        print(work(cluster, "list") or "none", end="")
        raise SystemExit(USAGE)
    if arguments.backup not in work(cluster, "list").splitlines():
        raise SystemExit(f"bookshelf: there is no backup {arguments.backup}: make restore lists them")
    with stopped(cluster):
        print(f"Restoring {arguments.backup} in {context} ...", flush=True)
        print(work(cluster, "restore", arguments.backup), end="", flush=True)
    cluster.run("rollout", "status", "deployment/api", "--timeout=180s")
    print("The API serves again.")


def choose(wanted: str) -> str:
    """The context to restore in. A cluster that is not for trying things has to be named.

    Raises:
        SystemExit: kubectl is missing, or its context is one to be named.
    """
    if wanted:
        return wanted
    try:
        found = subprocess.run(["kubectl", "config", "current-context"], capture_output=True, text=True)
    except FileNotFoundError:
        raise SystemExit("bookshelf: kubectl is not installed: https://kubernetes.io/docs/tasks/tools") from None
    current = found.stdout.strip()
    if current == "minikube" or current.startswith("kind-"):
        return current
    raise SystemExit(
        f"bookshelf: kubectl's context {current or '(none)'} is neither minikube's nor kind's: name the one you mean, "
        "as in make restore TO=context"
    )


def work(cluster: Cluster, *command: str) -> str:
    """Run a command of backup.sh in a Job made like a backup's, with its volume, its password and its network policy.

    Raises:
        SystemExit: there is no such CronJob, or the Job failed; then with what it said.
    """
    template = cluster.get("cronjob", "backup")["spec"]["jobTemplate"]["spec"]
    pod = template["template"]["spec"]
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        container["args"] = list(command)
    name = f"backup-{command[0]}-{int(time.time())}"
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": template | {"backoffLimit": 0}}
    cluster.run("create", "--filename=-", given=json.dumps(job))
    try:
        while not (ended := outcome(cluster.get("job", name))):
            time.sleep(1)
        said = cluster.run("logs", f"job/{name}", "--all-containers", "--ignore-errors")
        if ended != "Complete":
            raise SystemExit(f"bookshelf: {' '.join(command)} failed: {said.strip() or 'its pod did not start'}")
        return said
    finally:
        cluster.run("delete", f"job/{name}", "--wait=false")


def outcome(job: Any) -> str | None:
    """Complete or Failed, when it has come to that."""
    conditions = job.get("status", {}).get("conditions", [])
    return next((c["type"] for c in conditions if c["type"] in ("Complete", "Failed") and c["status"] == "True"), None)


@contextmanager
def stopped(cluster: Cluster) -> Iterator[None]:
    """No pods of the API meanwhile, and afterwards as many as before, whatever happened."""
    api = cluster.get("deployment", "api")
    replicas = api["metadata"].get("annotations", {}).get(REPLICAS) or str(api["spec"]["replicas"])
    print("Stopping the API ...", flush=True)
    cluster.run("annotate", "deployment/api", "--overwrite", f"{REPLICAS}={replicas}")
    try:
        cluster.run("scale", "deployment/api", "--replicas=0")
        pods = cluster.run("get", "pods", "--selector=app.kubernetes.io/component=api", "--output=name").split()
        if pods:
            cluster.run("wait", "--for=delete", *pods, "--timeout=120s")
        yield
    finally:
        cluster.run("scale", "deployment/api", f"--replicas={replicas}")
        cluster.run("annotate", "deployment/api", f"{REPLICAS}-")


if __name__ == "__main__":
    main()
