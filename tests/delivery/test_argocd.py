"""What `kubectl apply -k argocd/...` gives to Argo CD, held against what the overlays render."""

import functools
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.delivery.conftest import ROOT
from tests.manifests.conftest import COMPONENTS, KUBECTL, OVERLAYS, build

ARGOCD = ROOT / "argocd"
ENVIRONMENTS = sorted(folder for folder in ARGOCD.iterdir() if folder.name != "base")
SERVER = "https://kubernetes.default.svc"

# Made by what is in git. Argo CD shows only kinds that are allowed.
SHOWN = {("", "Pod", None), ("apps", "ReplicaSet", None)}
# Kinds that are no longer in git: Argo CD removes the last object of a kind only while the kind is allowed.
LEAVING: dict[str, set[tuple[str, str, str | None]]] = {}

# Argo CD would wait for these before it makes the API, without which they are never healthy.
NEED_THE_API = {"HorizontalPodAutoscaler", "Ingress"}

CLUSTER_SCOPED = {"Namespace", "PersistentVolume", "StorageClass", "PriorityClass"}

environments = pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda folder: folder.name)
overlays = pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda folder: folder.name)


@functools.cache
def rendered(folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(build(folder)))


def find(things: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    [found] = [thing for thing in things if (thing["kind"], thing["metadata"]["name"]) == (kind, name)]
    return found


def group(thing: dict[str, Any]) -> str:
    return thing["apiVersion"].rpartition("/")[0]


def project(overlay: Path) -> dict[str, Any]:
    return find(rendered(ARGOCD / overlay.name), "AppProject", f"bookshelf-{overlay.name}")["spec"]


def annotation(thing: dict[str, Any], name: str) -> str:
    return thing["metadata"].get("annotations", {}).get(f"argocd.argoproj.io/{name}", "")


@environments
def test_kustomize_and_kubectl_print_the_same(environment: Path) -> None:
    assert build(environment) == build(environment, KUBECTL)


@environments
def test_it_is_two_projects_and_two_applications(environment: Path) -> None:
    names = [f"bookshelf-{environment.name}", f"bookshelf-root-{environment.name}"]
    found = [(thing["kind"], thing["metadata"]["name"]) for thing in rendered(environment)]
    assert found == [(kind, name) for kind in ("AppProject", "Application") for name in names]
    assert {thing["metadata"]["namespace"] for thing in rendered(environment)} == {"argocd"}


@environments
def test_each_application_has_its_folder_and_a_project_that_allows_it(environment: Path) -> None:
    folders = {"bookshelf": f"k8s/overlays/{environment.name}", "bookshelf-root": f"argocd/{environment.name}"}
    for name, folder in folders.items():
        application = find(rendered(environment), "Application", f"{name}-{environment.name}")["spec"]
        assert application["source"]["path"] == folder
        allowed = find(rendered(environment), "AppProject", application["project"])["spec"]
        assert application["destination"] in allowed["destinations"]
        assert allowed["sourceRepos"] == [application["source"]["repoURL"]]


@environments
def test_the_address_and_the_revision_stand_in_one_place(environment: Path, tmp_path: Path) -> None:
    address = yaml.safe_load((ARGOCD / "base" / "repository.yaml").read_text())["data"]["address"]
    files = [file for file in ARGOCD.rglob("*") if file.is_file() and address in file.read_text()]
    assert files == [ARGOCD / "base" / "repository.yaml"]

    copy = shutil.copytree(ARGOCD, tmp_path / "argocd")
    text = (copy / "base" / "repository.yaml").read_text()
    changed = re.sub("revision: .*", "revision: stable", text.replace(address, "https://git.example.com/mine"))
    (copy / "base" / "repository.yaml").write_text(changed)

    for thing in yaml.safe_load_all(build(copy / environment.name)):
        if thing["kind"] == "AppProject":
            assert thing["spec"]["sourceRepos"] == ["https://git.example.com/mine"]
        else:
            assert thing["spec"]["source"]["repoURL"] == "https://git.example.com/mine"
            assert thing["spec"]["source"]["targetRevision"] == "stable"


@environments
def test_git_is_followed_in_both_directions_but_an_empty_folder_removes_nothing(environment: Path) -> None:
    for thing in rendered(environment):
        if thing["kind"] == "Application":
            policy = thing["spec"]["syncPolicy"]
            assert policy["automated"] == {"prune": True, "selfHeal": True}  # Without allowEmpty.
            assert set(policy["syncOptions"]) == {"ServerSideApply=true", "PruneLast=true"}
            assert policy["retry"]["refresh"] is True


@environments
def test_the_root_project_allows_nothing_but_argo_cds_own_objects(environment: Path) -> None:
    allowed = find(rendered(environment), "AppProject", f"bookshelf-root-{environment.name}")["spec"]
    assert allowed["destinations"] == [{"server": SERVER, "namespace": "argocd"}]
    assert allowed["clusterResourceWhitelist"] == []
    kinds = {(kind["group"], kind["kind"]) for kind in allowed["namespaceResourceWhitelist"]}
    assert kinds == {("argoproj.io", "Application"), ("argoproj.io", "AppProject")}


@overlays
def test_the_project_allows_exactly_the_kinds_that_the_overlay_renders(overlay: Path) -> None:
    used = {
        (group(thing), thing["kind"], thing["metadata"]["name"] if thing["kind"] in CLUSTER_SCOPED else None)
        for thing in rendered(overlay)
    }
    lists = project(overlay)
    cluster = {(kind["group"], kind["kind"], kind["name"]) for kind in lists["clusterResourceWhitelist"]}
    namespaced = {(kind["group"], kind["kind"], None) for kind in lists["namespaceResourceWhitelist"]}
    assert cluster | namespaced == used | SHOWN | LEAVING.get(overlay.name, set())
    assert {kind for _, kind, _ in cluster} <= CLUSTER_SCOPED


@overlays
def test_the_project_allows_exactly_the_namespaces_that_the_overlay_uses(overlay: Path) -> None:
    used = {thing["metadata"]["namespace"] for thing in rendered(overlay) if thing["kind"] not in CLUSTER_SCOPED}
    assert project(overlay)["destinations"] == [{"server": SERVER, "namespace": name} for name in sorted(used)]


@environments
def test_the_application_cleans_up_after_itself_and_the_root_leaves_the_rest_running(environment: Path) -> None:
    finalizers = {
        thing["metadata"]["name"].removesuffix(f"-{environment.name}"): thing["metadata"].get("finalizers")
        for thing in rendered(environment)
        if thing["kind"] == "Application"
    }
    assert finalizers == {"bookshelf": ["resources-finalizer.argocd.argoproj.io"], "bookshelf-root": None}


@overlays
def test_what_holds_the_books_is_neither_pruned_nor_deleted(overlay: Path) -> None:
    namespaces = {
        thing["metadata"]["namespace"]
        for thing in rendered(overlay)
        if thing["kind"] == "StatefulSet" and thing["spec"].get("volumeClaimTemplates")
    }
    holding = [thing for thing in rendered(overlay) if thing["kind"] == "Namespace"]
    holding = [thing for thing in holding if thing["metadata"]["name"] in namespaces]
    holding += [
        thing
        for thing in rendered(overlay)
        if thing["kind"] == "PersistentVolume" and thing["spec"]["claimRef"]["namespace"] in namespaces
    ]
    for thing in holding:
        assert set(annotation(thing, "sync-options").split(",")) >= {"Prune=false", "Delete=false"}, thing["metadata"]


@overlays
def test_the_api_comes_after_the_database_and_the_page_with_it(overlay: Path) -> None:
    waves = {
        (thing["kind"], thing["metadata"]["name"]): int(annotation(thing, "sync-wave") or 0)
        for thing in rendered(overlay)
    }
    api = waves.pop(("Deployment", "api"))
    assert waves.pop(("Deployment", "web")) == api
    for (kind, name), wave in waves.items():
        assert wave == api if kind in NEED_THE_API else wave < api, (kind, name)


def test_the_components_that_are_not_healthy_without_the_api_come_with_it() -> None:
    found = []
    for component in COMPONENTS:
        for file in component.glob("*.yaml"):
            thing = yaml.safe_load(file.read_text())
            if thing["kind"] in NEED_THE_API:
                found.append(annotation(thing, "sync-wave"))
    assert set(found) == {"1"}
    assert set(found) == {"1"}
