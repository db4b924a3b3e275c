"""A change reaches the cluster by a commit and by nothing else."""

import json
import shutil
import time
from collections.abc import Callable

import pytest
import requests

from tests.e2e.conftest import NAMESPACE, ROOT, URL, api_pods, build_and_load, get, kubectl, wait_until
from tests.e2e.load import Load
from tests.gitops.conftest import (
    APPLICATION,
    Repository,
    application,
    synced_and_healthy,
    wait_for_delivery,
)

LIVE_SECONDS = 60
WORKLOADS = [("deployment", "api"), ("statefulset", "database"), ("persistentvolumeclaim", "data-database-0")]
KUSTOMIZATION = "k8s/overlays/minikube/kustomization.yaml"


def running_images() -> set[str]:
    return {container["image"] for pod in api_pods() for container in pod["spec"]["containers"]}


def no_failures(load: Load, record_property: Callable[[str, object], None]) -> None:
    record_property("load", load.summary)
    assert load.failures == []
    assert not load.lost


@pytest.fixture(scope="module")
def broken_image(load_image: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image whose migration fails."""
    folder = tmp_path_factory.mktemp("broken") / "api"
    shutil.copytree(ROOT / "services" / "api", folder)
    (folder / "migrations" / "versions" / "0002_broken.py").write_text(
        "revision = '0002'\ndown_revision = '0001'\n\ndef upgrade():\n    raise RuntimeError('broken on purpose')\n"
    )
    return build_and_load(load_image, folder, "broken")


def test_one_apply_of_the_root_brings_the_overlay_up(repository: Repository) -> None:
    assert synced_and_healthy(repository)
    title = {"title": "Delivered", "author": "Argo CD"}
    written = requests.post(f"{URL}/api/v1/books", json=title, timeout=20)
    assert requests.get(URL + written.headers["Location"], timeout=20).json()["title"] == "Delivered"
    assert 'id="root"' in requests.get(URL, timeout=20).text


def test_a_commit_that_changes_a_setting_is_live_within_60_seconds(
    repository: Repository, record_property: Callable[[str, object], None]
) -> None:
    repository.edit(KUSTOMIZATION, r"^( *)- ALLOW_ANONYMOUS_WRITES=true", r"\1- LOG_LEVEL=warning\n\g<0>")
    repository.commit("Log less")
    pushed_at = time.monotonic()
    repository.push()

    def live() -> bool:
        settings = [pod["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"] for pod in api_pods()]
        maps = get("configmaps", "-n", NAMESPACE)["items"]
        changed = {m["metadata"]["name"] for m in maps if m.get("data", {}).get("LOG_LEVEL") == "warning"}
        return len(settings) == 1 and set(settings) <= changed and synced_and_healthy(repository)

    wait_until(live, seconds=LIVE_SECONDS, what="the pods run with the new ConfigMap")
    record_property("live", f"live after {time.monotonic() - pushed_at:.0f} s")


def test_a_promotion_under_load_fails_no_request(
    repository: Repository, next_image: str, record_property: Callable[[str, object], None]
) -> None:
    with Load(URL) as load:
        repository.promote(next_image)
        repository.push()
        wait_for_delivery(repository)
        wait_until(lambda: running_images() == {next_image}, seconds=60, what="the old pod is gone")
    no_failures(load, record_property)


@pytest.mark.parametrize(
    "change",
    [
        ["delete", "service", "api"],
        ["set", "image", "deployment/api", "api=bookshelf-api:by-hand"],
        ["scale", "deployment/api", "--replicas=3"],
    ],
    ids=["a Service deleted", "an image edited", "a Deployment scaled"],
)
def test_what_is_changed_by_hand_is_put_back(repository: Repository, image: str, change: list[str]) -> None:
    kubectl("-n", NAMESPACE, *change)

    def as_in_git() -> bool:
        deployment = get("deployment", "api", "-n", NAMESPACE)["spec"]
        return (
            bool(kubectl("-n", NAMESPACE, "get", "service", "api", "--ignore-not-found"))
            and deployment["replicas"] == 1
            and deployment["template"]["spec"]["containers"][0]["image"] == image
        )

    wait_until(as_in_git, seconds=90, what="as it is in git")


def test_a_manifest_that_is_removed_is_pruned(repository: Repository) -> None:
    repository.edit("k8s/base/api/kustomization.yaml", "^.*pod-disruption-budget.yaml\n", "")
    repository.commit("No disruption budget")
    repository.push()

    def budgets() -> list[str]:
        return [budget["metadata"]["name"] for budget in get("poddisruptionbudgets", "-n", NAMESPACE)["items"]]

    wait_until(lambda: budgets() == ["web"], seconds=90, what="the API's budget is pruned")


def test_the_volume_is_never_pruned(repository: Repository) -> None:
    volume = get("persistentvolume", "bookshelf-database")["metadata"]["uid"]
    repository.edit(KUSTOMIZATION, "^.*- persistent-volume.yaml\n", "")
    repository.commit("A mistake")
    repository.push()

    wait_until(lambda: application()["status"]["sync"].get("revision") == repository.head, seconds=60, what="a look")
    wait_until(
        lambda: (
            application()["status"].get("operationState", {}).get("syncResult", {}).get("revision") == repository.head
        ),
        seconds=90,
        what="a sync of the mistake",
    )
    metadata = get("persistentvolume", "bookshelf-database")["metadata"]
    assert metadata["uid"] == volume
    assert "deletionTimestamp" not in metadata


def test_an_overlay_that_is_emptied_by_mistake_takes_nothing_away(repository: Repository) -> None:
    (repository.overlay / "nothing.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\n"
        "metadata: {name: nothing, annotations: {config.kubernetes.io/local-config: 'true'}}\n"
    )
    (repository.folder / KUSTOMIZATION).write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [nothing.yaml]\n"
    )
    repository.commit("All gone")
    repository.push()

    wait_until(
        lambda: any("auto-sync" in c.get("message", "") for c in application()["status"].get("conditions", [])),
        seconds=60,
        what="Argo CD says that it would remove all, and does not",
    )
    assert requests.get(f"{URL}/api/v1/books?limit=1", timeout=10).status_code == 200
    assert get("persistentvolume", "bookshelf-database")["status"]["phase"] == "Bound"


def test_an_application_that_is_deleted_cleans_up_and_the_books_outlive_it(repository: Repository) -> None:
    book = requests.post(f"{URL}/api/v1/books", json={"title": "Kept", "author": "Nobody"}, timeout=20)
    before = {kind: get(kind, name, "-n", NAMESPACE)["metadata"]["uid"] for kind, name in WORKLOADS}

    kubectl("-n", "argocd", "delete", "application", APPLICATION)
    wait_until(
        lambda: kubectl("-n", "argocd", "get", "application", APPLICATION, "--ignore-not-found"),
        seconds=60,
        what="the root makes it again",
    )
    wait_for_delivery(repository)

    after = {kind: get(kind, name, "-n", NAMESPACE)["metadata"]["uid"] for kind, name in WORKLOADS}
    assert all(after[kind] != before[kind] for kind in ("deployment", "statefulset"))
    assert after["persistentvolumeclaim"] == before["persistentvolumeclaim"]
    found = URL + book.headers["Location"]
    wait_until(lambda: requests.get(found, timeout=10).ok, seconds=60, what="the book")


@pytest.mark.parametrize("what", ["an image that does not exist", "a migration that fails"])
def test_a_bad_commit_is_degraded_and_the_old_pods_serve_on_until_it_is_reverted(
    repository: Repository, broken_image: str, record_property: Callable[[str, object], None], what: str
) -> None:
    tag = "does-not-exist" if "image" in what else broken_image.partition(":")[2]
    with Load(URL) as load:
        repository.set_tag("bookshelf-api", tag)
        repository.commit(what)
        repository.push()
        wait_until(lambda: application()["status"]["health"].get("status") == "Degraded", seconds=120, what="Degraded")
        assert application()["status"]["sync"]["revision"] == repository.head
        repository.git("revert", "--no-edit", "HEAD")
        repository.push()
        wait_for_delivery(repository)
    no_failures(load, record_property)


@pytest.mark.parametrize(
    ("manifest", "refusal"),
    [
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: bookshelf-takeover}\n"
            "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\n"
            "subjects: [{kind: ServiceAccount, name: api, namespace: bookshelf}]\n",
            "is not permitted in project",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bookshelf-elsewhere, namespace: default}\n",
            "is not permitted in project",
        ),
    ],
    ids=["a ClusterRoleBinding", "another namespace"],
)
def test_the_project_refuses(repository: Repository, manifest: str, refusal: str) -> None:
    (repository.overlay / "more.yaml").write_text(manifest)
    repository.edit(KUSTOMIZATION, "^resources:", "resources:\n  - more.yaml")
    repository.commit("More than the project allows")
    repository.push()

    def refused() -> bool:
        status = application()["status"]
        said = str(status.get("conditions", "")) + str(status.get("operationState", ""))
        return refusal in said

    wait_until(refused, seconds=90, what="the project refuses it")
    kinds = "clusterrolebindings,configmaps"
    assert "bookshelf-" not in kubectl("get", kinds, "-n", "default", "--output=name").replace("kube-root", "")


def test_the_project_refuses_another_repository(repository: Repository) -> None:
    other = application()
    other = {
        "apiVersion": other["apiVersion"],
        "kind": "Application",
        "metadata": {"name": "bookshelf-other", "namespace": "argocd"},
        "spec": other["spec"] | {"source": other["spec"]["source"] | {"repoURL": "https://example.com/other.git"}},
    }
    kubectl("apply", "-f", "-", input=json.dumps(other))
    try:
        wait_until(
            lambda: any(
                "is not permitted in project" in condition["message"]
                for condition in application("bookshelf-other").get("status", {}).get("conditions", [])
            ),
            seconds=60,
            what="the project refuses the repository",
        )
    finally:
        kubectl("-n", "argocd", "delete", "application", "bookshelf-other")
