"""What the alerts and the dashboard of k8s/components/monitoring ask for is in /metrics."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import BOOKS, LEFT_HAND, Gunicorn
from tests.manifests.conftest import K8S, build, with_component
from tests.manifests.queries import WORDS, expressions, grouped, others, selectors

# Prometheus itself gives each series the labels of its pod, and makes `up`.
PODS = {"job", "namespace", "pod"}
UP = "up"


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    made = with_component(K8S / "components" / "monitoring", tmp_path_factory.mktemp("component"))
    return expressions(list(yaml.safe_load_all(build(made))))


@pytest.fixture(scope="module")
def exposed(gunicorn: Gunicorn) -> dict[str, list[dict[str, str]]]:
    """The labels of every series, by metric, after a request of each kind."""
    for method, path, body in (
        ("GET", BOOKS, None),
        ("POST", BOOKS, LEFT_HAND),
        ("GET", f"{BOOKS}/999999", None),
        ("POST", f"{BOOKS}/import", None),
        ("GET", "/readyz", None),
    ):
        requests.request(method, gunicorn.url + path, json=body, timeout=9)
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(requests.get(f"{gunicorn.url}/metrics", timeout=9).text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def matches(operator: str, value: str, label: str) -> bool:
    same = bool(re.fullmatch(value, label)) if "~" in operator else value == label
    return same != operator.startswith("!")


def asked(queries: list[str]) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    for query in queries:
        for selector in selectors(query):
            if selector.metric != UP:
                yield selector.metric, [matcher for matcher in selector.matchers if matcher[0] not in PODS]


def test_every_metric_is_there(queries: list[str], exposed: dict[str, Any]) -> None:
    assert {metric for metric, _ in asked(queries)} <= exposed.keys()


def test_nothing_is_asked_for_without_a_selector(queries: list[str]) -> None:
    assert {word for query in queries for word in others(query)} == set()


def test_every_label_is_there(queries: list[str], exposed: dict[str, Any]) -> None:
    for query in queries:
        names = {selector.metric for selector in selectors(query)} - {UP}
        labels = {label for name in names for series in exposed[name] for label in series} | PODS
        wanted = {label for selector in selectors(query) for label, _, _ in selector.matchers} | grouped(query)
        assert wanted <= labels, query


def test_every_route_is_there_and_every_status_can_be(queries: list[str], exposed: dict[str, Any]) -> None:
    for metric, matchers in asked(queries):
        for label, operator, value in matchers:
            if label == "status":  # A test can't have the server fail in all ways.
                assert any(matches(operator, value, str(status)) for status in range(200, 600)), value
            else:
                assert any(matches(operator, value, series[label]) for series in exposed[metric]), value


@pytest.mark.parametrize("query", ["sum(requests_total)", "rate(http_requests[5m])", 'up{job="x"} / requests'])
def test_a_metric_without_a_selector_is_found(query: str) -> None:
    assert others(query) and not others(query) & WORDS
