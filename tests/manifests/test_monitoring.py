"""The component monitoring: its alerts fire when they should, and its dashboard shows the four golden signals.

Whether the API has the metrics that they ask for: tests/api/test_monitoring.py.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from bookshelf.settings import Settings

from tests.conftest import unavailable
from tests.manifests.conftest import K8S
from tests.manifests.queries import DASHBOARD, dashboard, expressions, rules

COMPONENT = K8S / "components" / "monitoring"
UNIT_TESTS = Path(__file__).with_name("alerts.yaml")

pytestmark = pytest.mark.parametrize("folder", [COMPONENT], ids=["monitoring"], indirect=True)


def promtool(*arguments: str | Path) -> None:
    if not shutil.which("promtool"):
        unavailable("install promtool (https://prometheus.io/download; Debian's package prometheus)")
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def find(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    [found] = [thing for thing in objects if (thing["kind"], thing["metadata"]["name"]) == (kind, name)]
    return found


def container(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return find(objects, "Deployment", "api")["spec"]["template"]["spec"]["containers"][0]


def test_the_rules_are_valid(objects: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules(objects)))
    promtool("check", "rules", "--lint-fatal", tmp_path / "rules.yaml")


def test_the_alerts_fire_when_they_should(objects: list[dict[str, Any]], tmp_path: Path) -> None:
    groups = rules(objects)
    for group in groups["groups"]:
        for rule in group["rules"]:
            del rule["annotations"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(groups))
    promtool("test", "rules", shutil.copy(UNIT_TESTS, tmp_path))


def test_every_alert_has_a_unit_test_in_which_it_fires_and_one_in_which_it_does_not(
    objects: list[dict[str, Any]],
) -> None:
    cases = [case for test in yaml.safe_load(UNIT_TESTS.read_text())["tests"] for case in test["alert_rule_test"]]
    for fires in (True, False):
        tested = {case["alertname"] for case in cases if bool(case["exp_alerts"]) == fires}
        assert tested == {rule["alert"] for rule in rules(objects)["groups"][0]["rules"]}


def test_every_alert_says_how_bad_it_is_and_what_to_do(objects: list[dict[str, Any]]) -> None:
    for rule in rules(objects)["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert len(rule["annotations"]["summary"]) < 120
        assert len(rule["annotations"]["description"]) > 200


def test_every_pod_is_scraped_at_its_port_and_under_the_name_that_the_queries_have(
    objects: list[dict[str, Any]],
) -> None:
    monitor = find(objects, "PodMonitor", "api")["spec"]
    pod = find(objects, "Deployment", "api")["spec"]["template"]
    assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    [endpoint] = monitor["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in container(objects)["ports"]}
    job = pod["metadata"]["labels"][monitor["jobLabel"]]
    for expression in expressions(objects):
        assert set(re.findall(r'job="([^"]*)"', expression)) == {job}


def test_the_number_of_threads_is_that_of_a_pod(objects: list[dict[str, Any]]) -> None:
    # The name ends in a hash.
    [settings] = [
        thing["data"] for thing in objects if thing["kind"] == "ConfigMap" and "DRAIN_SECONDS" in thing["data"]
    ]
    threads = int(settings["WEB_CONCURRENCY"]) * int(
        settings.get("THREADS", Settings.model_fields["threads"].get_default())
    )
    numbers = [number for text in expressions(objects) for number in re.findall(r"(?<![\w.])(\d+) \*|/ (\d+)$", text)]
    assert {int(before or after) for before, after in numbers} == {threads}


def test_the_queries_of_the_dashboard_are_valid(objects: list[dict[str, Any]], tmp_path: Path) -> None:
    recorded = [
        {"record": f"query:{number}", "expr": expression} for number, expression in enumerate(expressions(objects))
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    promtool("check", "rules", tmp_path / "rules.yaml")


def test_the_dashboard_shows_the_four_golden_signals(objects: list[dict[str, Any]]) -> None:
    shown = dashboard(objects)
    titles = [panel["title"] for panel in shown["panels"]]
    assert titles[:4] == ["Traffic", "Errors", "Latency", "Saturation"]
    assert len({panel["id"] for panel in shown["panels"]}) == len(titles)
    variables = {f"${{{variable['name']}}}" for variable in shown["templating"]["list"]}
    for panel in shown["panels"]:
        assert panel["datasource"]["uid"] in variables
        assert all(target["expr"] for target in panel["targets"])


def test_grafana_finds_the_dashboard(objects: list[dict[str, Any]]) -> None:
    made = find(objects, "ConfigMap", DASHBOARD)
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    [(name, text)] = made["data"].items()
    assert name.endswith(".json")
    assert json.loads(text)["uid"]


def test_the_lines_of_the_dashboard_are_where_the_alerts_are(objects: list[dict[str, Any]]) -> None:
    limits = {rule["alert"]: rule["expr"] for rule in rules(objects)["groups"][0]["rules"]}
    alerts = {"Errors": "BookshelfErrors", "Latency": "BookshelfSlow", "Saturation": "BookshelfSaturated"}
    for panel in dashboard(objects)["panels"]:
        if panel["title"] in alerts:
            line = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]
            assert re.search(rf"> {line}\b", limits[alerts[panel["title"]]]), panel["title"]
