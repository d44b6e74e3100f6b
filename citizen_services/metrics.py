"""Figures for operators, in Prometheus' text format: what each process counts, and what is read when somebody asks.

Counted: requests and calls of partners, by every process for itself. Where ``PROMETHEUS_MULTIPROC_DIR`` names a folder
(the library reads it when it is imported), processes of one machine count into files there and any of them shows the
sum; else a process shows what it counted itself. Read: figures out of the database, by functions that rooms register.
No label ever holds anything personal: routes stand by their rules, never by their addresses.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_counted = CollectorRegistry()
_REQUESTS = Counter(
    "citizen_services_http_requests",
    "Requests answered, by method, rule of the route, and status.",
    ["method", "route", "status"],
    registry=_counted,
)
_TOOK = Histogram(
    "citizen_services_http_request_duration_seconds",
    "How long requests took, by method and rule of the route.",
    ["method", "route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=_counted,
)
_CALLS = Counter(
    "citizen_services_partner_calls",
    "Calls of partners: answered, http_5xx, uncertain (an answer lost), unreachable, left_alone (failed too often).",
    ["partner", "operation", "outcome"],
    registry=_counted,
)
_CALL_TOOK = Histogram(
    "citizen_services_partner_call_duration_seconds",
    "How long calls of partners took.",
    ["partner"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_counted,
)
#: Methods by name; whatever else somebody sends is one.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})

Reading = Callable[[], Iterable[Metric]]
_readings: dict[str, Reading] = {}


def reads(name: str, reading: Reading) -> None:
    """Have ``reading`` asked whenever figures are shown; under one name the latest stands."""
    _readings[name] = reading


def readings() -> list[Reading]:
    """What is asked whenever figures are shown."""
    return list(_readings.values())


def gauge(name: str, help_: str, labels: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> GaugeMetricFamily:
    """A figure that is read: ``rows`` hold the labels' values, then the number."""
    family = GaugeMetricFamily(f"citizen_services_{name}", help_, labels=list(labels))
    for *values, number in rows:
        family.add_metric([str(value) for value in values], float(number))
    return family


def called(partner: str, operation: str, outcome: str, seconds: float | None) -> None:
    """Count a call of a partner; ``seconds`` None where nothing was sent."""
    _CALLS.labels(partner, operation, outcome).inc()
    if seconds is not None:
        _CALL_TOOK.labels(partner).observe(seconds)


def watch(app: Flask) -> None:
    """Count every request of this application. Before all other rooms, so that their hooks are within."""

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def _end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule is not None else "none"
        method = request.method if request.method in _METHODS else "other"
        answered, took = _counters(method, route, response.status_code)
        answered.inc()
        if "began" in g:
            took.observe(time.perf_counter() - g.began)
        return response


@cache
def _counters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """What counts a kind of request: found once, since finding costs more than counting."""
    return _REQUESTS.labels(method, route, str(status)), _TOOK.labels(method, route)


class _Read(Collector):
    """Families that were read just now."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """As the library asks."""
        return self._families


def exposition(read: Iterable[Metric]) -> bytes:
    """All figures in the text format: what processes counted, and ``read``."""
    registry = CollectorRegistry()
    registry.register(_Read(read))
    counted = _counted
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    return generate_latest(counted) + generate_latest(registry)
