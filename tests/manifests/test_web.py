"""The page's pods: as confined as the API's, at one address with it, and reaching only what their proxy needs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.conftest import K8S, build, with_component

DNS = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
}
API = {
    "to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/component": "api"}}}],
    "ports": [{"port": 8000, "protocol": "TCP"}],
}


def find(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    [found] = [thing for thing in objects if (thing["kind"], thing["metadata"]["name"]) == (kind, name)]
    return found


def pod(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return find(objects, "Deployment", name)["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def base() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(build(K8S / "base")))


@pytest.fixture(scope="module")
def with_proxy(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    made = with_component(K8S / "components" / "api-proxy", tmp_path_factory.mktemp("component"))
    return list(yaml.safe_load_all(build(made)))


@pytest.mark.parametrize("field", ["startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "securityContext"])
def test_its_container_is_watched_ended_and_confined_as_the_api_s(base: list[dict[str, Any]], field: str) -> None:
    [api], [web] = pod(base, "api")["containers"], pod(base, "web")["containers"]
    assert web[field] == api[field]


def test_its_pods_are_confined_and_disrupted_as_the_api_s(base: list[dict[str, Any]]) -> None:
    api, web = pod(base, "api"), pod(base, "web")
    for field in ("automountServiceAccountToken", "enableServiceLinks", "terminationGracePeriodSeconds"):
        assert web[field] == api[field]
    own = {"runAsUser", "runAsGroup", "fsGroup"}
    assert {k: v for k, v in web["securityContext"].items() if k not in own} == {
        k: v for k, v in api["securityContext"].items() if k not in own
    }
    budgets = [find(base, "PodDisruptionBudget", name)["spec"] for name in ("api", "web")]
    assert len({budget.pop("selector")["matchLabels"]["app.kubernetes.io/component"] for budget in budgets}) == 2
    assert budgets[0] == budgets[1]


def test_it_reaches_nothing_but_what_the_proxy_needs(
    base: list[dict[str, Any]], with_proxy: list[dict[str, Any]]
) -> None:
    alone, proxy = (find(objects, "NetworkPolicy", "web")["spec"] for objects in (base, with_proxy))
    assert alone["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in alone
    assert proxy == alone | {"egress": [API, DNS]}


def test_the_api_trusts_the_proxy_s_headers(with_proxy: list[dict[str, Any]]) -> None:
    [settings] = [
        thing["data"] for thing in with_proxy if thing["kind"] == "ConfigMap" and "DATABASE_URL" in thing["data"]
    ]
    assert settings["PROXY_HOPS"] == "1"


@pytest.mark.parametrize("folder", [K8S / "overlays" / "eks", K8S / "components" / "ingress"], ids=["eks", "ingress"])
def test_an_ingress_routes_the_api_to_the_api_and_all_else_to_the_page(folder: Path, tmp_path: Path) -> None:
    built = build(folder if "overlays" in folder.parts else with_component(folder, tmp_path))
    [rule] = find(list(yaml.safe_load_all(built)), "Ingress", "bookshelf")["spec"]["rules"]
    assert [(path["path"], path["pathType"], path["backend"]["service"]["name"]) for path in rule["http"]["paths"]] == [
        ("/api", "Prefix", "api"),
        ("/", "Prefix", "web"),
    ]


def test_the_node_s_port_on_minikube_is_the_page_s_alone() -> None:
    objects = list(yaml.safe_load_all(build(K8S / "overlays" / "minikube")))
    ports = {
        thing["metadata"]["name"]: thing["spec"]["ports"][0]["nodePort"]
        for thing in objects
        if thing["kind"] == "Service" and thing["spec"].get("type") == "NodePort"
    }
    assert ports == {"web": 30080}
