"""Every annotation for the AWS Load Balancer Controller is one that it knows, with a value of the right form."""

from typing import Any

import pytest
import yaml

from tests.manifests.alb import DOMAIN, mistakes
from tests.manifests.conftest import GROUNDS, K8S, build, with_component

# Each alone is right.
GOOD = {
    f"{DOMAIN}/scheme": "internet-facing",
    f"{DOMAIN}/ip-address-type": "dualstack",
    f"{DOMAIN}/target-type": "ip",
    f"{DOMAIN}/healthcheck-interval-seconds": "10",
    f"{DOMAIN}/tags": "team=library,stage=production",
    f"{DOMAIN}/load-balancer-attributes": "idle_timeout.timeout_seconds=60,routing.http2.enabled=true",
    f"{DOMAIN}/target-group-attributes": "deregistration_delay.timeout_seconds=30",
    f"{DOMAIN}/actions.redirect": '{"type": "redirect", "redirectConfig": {"port": "443", "statusCode": "HTTP_301"}}',
    f"{DOMAIN}/listener-attributes.HTTPS-443": "routing.http.response.server.enabled=false",
    f"{DOMAIN}/target-control-port.api.80": "3000",
    "argocd.argoproj.io/sync-wave": "1",
}


def of(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [thing for thing in objects if thing["kind"] == kind]


def is_for_the_controller(thing: dict[str, Any]) -> bool:
    return thing["kind"] == "Ingress" and thing["spec"].get("ingressClassName") == "alb"


def test_every_annotation_is_known_and_of_its_form(objects: list[dict[str, Any]]) -> None:
    for thing in objects:
        annotations = thing["metadata"].get("annotations", {})
        if is_for_the_controller(thing):
            assert list(mistakes(annotations)) == []
        else:
            assert not [name for name in annotations if name.startswith(DOMAIN)], thing["metadata"]["name"]


@pytest.mark.parametrize("folder", [K8S / "overlays" / "eks"], ids=["eks"], indirect=True)
def test_there_is_such_an_ingress(objects: list[dict[str, Any]]) -> None:
    assert [thing for thing in objects if is_for_the_controller(thing)]


@pytest.mark.parametrize(("name", "value"), GOOD.items())
def test_a_good_annotation_is_no_mistake(name: str, value: str) -> None:
    assert list(mistakes({name: value})) == []


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({"kubernetes.io/ingress.class": "alb"}, "deprecated: spec.ingressClassName"),
        ({f"{DOMAIN}/web-acl-id": "x"}, "is deprecated"),
        ({f"{DOMAIN}/healthcheck-intervall-seconds": "5"}, "is unknown"),
        ({"alb.ingress.kubernets.io/scheme": "internal"}, "is unknown"),
        ({"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"}, "is unknown"),  # A Service's.
        ({f"{DOMAIN}/connection-idle-timeout": "60"}, "is unknown"),  # Of version 1.
        ({f"{DOMAIN}/actions": "{}"}, "is unknown"),
        ({f"{DOMAIN}/listener-attributes.TCP-80": "routing.http.response.server.enabled=false"}, "is unknown"),
        ({f"{DOMAIN}/target-type": "pod"}, "can't be 'pod'"),
        ({f"{DOMAIN}/scheme": "public"}, "can't be"),
        ({f"{DOMAIN}/healthcheck-path": "readyz"}, "can't be"),
        ({f"{DOMAIN}/healthy-threshold-count": "two"}, "can't be"),
        ({f"{DOMAIN}/healthy-threshold-count": "1"}, "can't be"),
        ({f"{DOMAIN}/load-balancer-attributes": "idle_timeout=60"}, "can't be"),
        ({f"{DOMAIN}/load-balancer-attributes": "idle_timeout.timeout_seconds=4001"}, "can't be"),
        ({f"{DOMAIN}/load-balancer-attributes": "idle_timeout.timeout_seconds"}, "can't be"),
        ({f"{DOMAIN}/target-group-attributes": "deregistration_delay.timeout_seconds=1m"}, "can't be"),
        ({f"{DOMAIN}/target-group-attributes": "idle_timeout.timeout_seconds=60"}, "can't be"),  # The load balancer's.
        ({f"{DOMAIN}/certificate-arn": "bookshelf.example.com"}, "can't be"),
        ({f"{DOMAIN}/ssl-policy": "ELBSecurityPolicy-2016-08"}, "can't be"),
        ({f"{DOMAIN}/listen-ports": '[{"TCP": 80}]'}, "can't be"),
        ({f"{DOMAIN}/listen-ports": '[{"HTTP": 80}, {"HTTPS": 80}]'}, "can't be"),
        ({f"{DOMAIN}/listen-ports": "80"}, "can't be"),
        ({f"{DOMAIN}/listen-ports": '[{"HTTPS": 443}]'}, "no certificate-arn"),
        ({f"{DOMAIN}/ssl-redirect": "443"}, "not in listen-ports"),
        ({f"{DOMAIN}/healthcheck-interval-seconds": "5"}, "not less than"),  # The timeout's default is 5 s.
    ],
)
def test_a_mistake_is_found(annotations: dict[str, str], said: str) -> None:
    assert any(said in mistake for mistake in mistakes(annotations)), list(mistakes(annotations))


@pytest.fixture(scope="module")
def with_https(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    made = with_component(K8S / "components" / "alb-https", tmp_path_factory.mktemp("component"))
    return list(yaml.safe_load_all(build(made)))


def test_with_a_certificate_http_does_nothing_but_redirect(with_https: list[dict[str, Any]]) -> None:
    [ingress] = of(with_https, "Ingress")
    said = ingress["metadata"]["annotations"]
    assert said[f"{DOMAIN}/listen-ports"] == '[{"HTTP": 80}, {"HTTPS": 443}]'
    assert said[f"{DOMAIN}/ssl-redirect"] == "443"
    assert said[f"{DOMAIN}/certificate-arn"].startswith("arn:aws:acm:")


def test_a_certificate_changes_the_ingress_alone(with_https: list[dict[str, Any]]) -> None:
    without = list(yaml.safe_load_all(build(GROUNDS["alb-https"])))
    changed = [new["kind"] for old, new in zip(without, with_https, strict=True) if old != new]
    assert changed == ["Ingress"]
    [old], [new] = of(without, "Ingress"), of(with_https, "Ingress")
    assert new["spec"] == old["spec"]
    assert new["metadata"]["annotations"].items() > old["metadata"]["annotations"].items()
