"""Prometheus metrics that are correct across Gunicorn's workers."""

import os
import time

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_START = "bookshelf.start"

SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time until the answer began; its _count is the number of requests.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def _start() -> None:
    request.environ[_START] = time.perf_counter()


def _observe(response: Response) -> Response:
    environ, rule = request.environ, request.url_rule
    # Any word may be sent as a method or a path, and each new value of a label would take memory for good.
    method, route = (environ["REQUEST_METHOD"], rule.rule) if rule else ("any", "unmatched")
    SECONDS.labels(method, route, response.status_code).observe(time.perf_counter() - environ[_START])
    return response


def _metrics() -> Response:
    """All workers' metrics: each worker writes to files that whichever is asked adds up."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def register(app: Flask) -> None:
    """Measure each request of `app`, and serve `/metrics`."""
    app.before_request(_start)
    app.after_request(_observe)
    app.add_url_rule("/metrics", view_func=_metrics)
