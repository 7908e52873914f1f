"""What the claim engine counts for `/metrics`."""

from collections import Counter as Count
from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from campaigns.memory import Kind

ANSWERS = Counter("liveshop_claims_total", "Taps answered, by outcome and by who knew it", ["source", "outcome"])
DEPTH = Gauge("liveshop_claim_queue", "Taps that wait for an answer", multiprocess_mode="liveall")
BATCH_SIZE = Histogram("liveshop_claim_batch_taps", "Taps judged by one statement", buckets=(1, 3, 10, 30, 100, 300, 1000))
BATCH_S = Histogram(
    "liveshop_claim_batch_seconds", "Time of one batch, commit and all", buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 15)
)


def note_batch(kind: Kind, codes: Iterable[str], seconds: float, depth: int) -> None:
    """One batch was answered."""
    counted = Count(codes)
    for code, taps in counted.items():
        ANSWERS.labels(kind.name.lower(), code).inc(taps)
    BATCH_SIZE.observe(counted.total())
    BATCH_S.observe(seconds)
    DEPTH.set(depth)


def note_remembered(codes: dict[str, int]) -> None:
    """Answers given from memory since the last call, which empties `codes`."""
    for code, taps in codes.items():
        ANSWERS.labels("memory", code).inc(taps)
    codes.clear()
