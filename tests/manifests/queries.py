"""The queries of the component monitoring: those of its alerts, and those of its dashboard."""

import json
import re
from dataclasses import dataclass
from typing import Any

DASHBOARD = "grafana-dashboard"

# What stands in a query before a parenthesis, or between two expressions.
WORDS = {
    "absent",
    "and",
    "by",
    "count",
    "group_left",
    "histogram_quantile",
    "increase",
    "on",
    "or",
    "rate",
    "sum",
    "vector",
}


@dataclass(frozen=True)
class Selector:
    """A metric, and what is asked of its labels: name, operator and value."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


def rules(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The alerts, as in a file of Prometheus."""
    [rule] = [thing for thing in objects if thing["kind"] == "PrometheusRule"]
    return json.loads(json.dumps(rule["spec"]))


def dashboard(objects: list[dict[str, Any]]) -> dict[str, Any]:
    [made] = [thing for thing in objects if (thing["kind"], thing["metadata"]["name"]) == ("ConfigMap", DASHBOARD)]
    [text] = made["data"].values()
    return json.loads(text)


def expressions(objects: list[dict[str, Any]]) -> list[str]:
    """All queries, with values in place of Grafana's variables."""
    found = [rule["expr"] for group in rules(objects)["groups"] for rule in group["rules"]]
    for panel in dashboard(objects)["panels"]:
        found += [target["expr"] for target in panel["targets"]]
    return [text.replace("$__rate_interval", "5m").replace("$namespace", "bookshelf") for text in found]


def selectors(expression: str) -> list[Selector]:
    return [
        Selector(metric, tuple(re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', matchers)))
        for metric, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expression)
    ]


def grouped(expression: str) -> set[str]:
    """The labels in by (...) and on (...)."""
    lists = re.findall(r"\b(?:by|on|group_left)\s*\(([^)]*)\)", expression)
    return {name.strip() for names in lists for name in names.split(",") if name.strip()}


def others(expression: str) -> set[str]:
    """The words that are neither a metric with its selector nor a label nor PromQL: there should be none."""
    rest = re.sub(r"[a-zA-Z_:][\w:]*\{[^}]*\}|\[[^]]*\]|\b(by|on|group_left)\s*\([^)]*\)", " ", expression)
    return set(re.findall(r"[a-zA-Z_:][\w:]*", rest)) - WORDS
