"""What Prometheus reads: numbers of calls, cards, silences and feedback; no label says anything of a patient.

Calls are counted by the process that answers them; with several workers they share a folder
(`PROMETHEUS_MULTIPROC_DIR`, set by `serve`), so that any of them can be asked. Silences and
feedback come from the ledger, which all workers share and which outlasts them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from cds_service.screening.entries import FeedbackCount, SuppressionCount
from cds_service.store.opening import Store
from cds_service.web.callers import check_caller

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
OTHER = "other"


class HookMetrics:
    """What is counted of calls, in this process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self._requests = Counter("cds_requests", "Calls answered.", ["service", "status"], registry=own)
        self._cards = Counter("cds_cards", "Cards shown.", ["service"], registry=own)
        self._refused = Counter("cds_refused_calls", "Calls whose token did not hold.", ["reason"], registry=own)
        self._seconds = Histogram(
            "cds_request_seconds", "Time to answer a call.", ["service"], buckets=_SECONDS, registry=own
        )

    def answered(self, service: str, status: int, seconds: float, cards: int = 0) -> None:
        """Count a call that was answered."""
        self._requests.labels(service, str(status)).inc()
        self._seconds.labels(service).observe(seconds)
        if cards:
            self._cards.labels(service).inc(cards)

    def refused(self, reason: str) -> None:
        """Count a call that was not trusted."""
        self._refused.labels(reason).inc()

    def collected(self) -> CollectorRegistry:
        """The registry to read: of all workers, where they share a folder."""
        if not os.environ.get(MULTIPROCESS):
            return self.registry
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library leaves it untyped
        return together


class _LedgerCounts(Collector):
    """Silences and feedback as metrics."""

    def __init__(
        self, suppressions: Sequence[SuppressionCount], feedback: Sequence[FeedbackCount], known_reasons: frozenset[str]
    ) -> None:
        self._suppressions = suppressions
        self._feedback = feedback
        self._known = known_reasons

    def collect(self) -> Iterator[Metric]:
        """The two families."""
        silent = CounterMetricFamily("cds_suppressions", "Cards not shown.", labels=["service", "reason", "role"])
        for one in self._suppressions:
            silent.add_metric([one.service, one.reason, one.role], one.count)
        yield silent
        # A gauge: a card's fate may change, and is then counted elsewhere.
        fates = GaugeMetricFamily("cds_feedback", "Cards by fate.", labels=["hook", "outcome", "reason", "role"])
        for labels, count in self._fates().items():
            fates.add_metric(labels, count)
        yield fates

    def _fates(self) -> dict[tuple[str, ...], int]:
        """The counts, reasons that are not ours under one name: a client may write anything there."""
        summed: dict[tuple[str, ...], int] = {}
        for one in self._feedback:
            reason = one.reason if not one.reason or one.reason in self._known else OTHER
            labels = (one.hook, one.outcome.value, reason, one.role)
            summed[labels] = summed.get(labels, 0) + one.count
        return summed


def metrics_routes(
    metrics: HookMetrics, store: Store, known_reasons: frozenset[str], *, open_to_all: bool
) -> APIRouter:
    """`/metrics`. While calls are unsigned, it too is answered on this machine only."""
    router = APIRouter(tags=["Health"])

    @router.get("/metrics", response_class=Response)
    async def show(request: Request) -> Response:
        """Counts in Prometheus' text format."""
        if not open_to_all:
            check_caller(request)
        ledger = store.ledger
        counts = _LedgerCounts(await ledger.suppressions.counts(), await ledger.feedback.counts(), known_reasons)
        from_ledger = CollectorRegistry()
        from_ledger.register(counts)
        body = generate_latest(metrics.collected()) + generate_latest(from_ledger)
        return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router
