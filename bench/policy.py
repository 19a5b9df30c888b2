"""Policy evaluation against reading and writing the same document as plain JSON, in the same run.

    python bench/policy.py [--repeats 200]

20 policies with 60 rules over a document of some 20 kB (150 groups, 80 metrics), one core. Prints medians of
processor time and leaves with status 1 when one is beyond its mark: an evaluation with messages and the facts shown
may take 5 ms, a back-test of one policy of 5 rules must judge 1,000 stored decisions a second from their stored text.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from governance.gates.evaluate import evaluate  # noqa: E402
from governance.gates.facts import canonical_bytes, parse_facts  # noqa: E402
from governance.gates.policy import Policy, load_policy  # noqa: E402
from governance.gates.stored import evaluate_stored  # noqa: E402

EVALUATION_MARK = 0.005
BACKTEST_MARK = 1000
HEAD = """apiVersion: gatehouse/v1
kind: Policy
metadata: {{name: {name}, owner: risk, description: A policy of the benchmark.}}
appliesTo: {{riskTier: [high, limited], target: [production]}}
params: {{floor: {{type: double, default: 0.8}}, least: {{type: int, default: 100}}}}
"""
# What a house has: policies on groups, on metrics, and on single facts. Three rules each.
GROUPS = """variables:
  - {{name: judged, expression: "facts.bias.filter(b, b.n >= params.least)"}}
  - {{name: low, expression: "variables.judged.filter(b, b.ratio < params.floor)"}}
rules:
  - id: judged
    require: "variables.judged.size() > 0"
    message: "'No group has %d people.'.format([params.least])"
  - id: reached
    require: "variables.judged.all(b, b.ratio >= params.floor - {step})"
    otherwise: {{when: "variables.low.size() < 5", verdict: ask, role: fairness}}
    message: "'Below: %s.'.format([variables.low.map(b, '%s %.3f'.format([b.group, b.ratio])).join(', ')])"
  - id: error-rates
    require: "facts.bias.all(b, b.gap_tpr <= 0.3 + {step} && b.gap_fpr <= 0.3)"
    message: "'Error rates drift apart.'"
"""
METRICS = """variables:
  - {{name: accuracy, expression: "facts.metrics.filter(m, m.name == 'm{number}' && m.split == 'test')"}}
rules:
  - id: floor
    require: "variables.accuracy.all(m, m.value >= params.floor)"
    message: "'Too low: %s.'.format([variables.accuracy.map(m, '%.4f'.format([m.value])).join(', ')])"
  - id: enough-rows
    require: "facts.metrics.all(m, m.n >= params.least)"
    message: "'A metric was measured on too few rows.'"
  - id: interval
    require: "!facts.metrics.exists(m, m.upper - m.lower > 0.2 + {step})"
    message: "'An interval is too wide.'"
"""
SINGLE = """rules:
  - id: card
    require: "facts.card.complete && facts.card.missing.size() == 0"
    emptyPasses: Nothing missing is what the rule asks for.
    message: "'The card lacks %s.'.format([facts.card.missing.join(', ')])"
  - id: region
    require: "facts.training.region.startsWith('eu-') && facts.endpoint.regions.all(r, r.startsWith('eu-'))"
    message: "'Trained in %s.'.format([facts.training.region])"
  - id: latency
    require: "facts.endpoint.slo.p95_ms <= 300.0 + {step}"
    message: "'%.0f ms.'.format([facts.endpoint.slo.p95_ms])"
"""
FIVE = """variables:
  - {{name: judged, expression: "facts.bias.filter(b, b.n >= params.least)"}}
rules:
  - {{id: a, require: "variables.judged.all(b, b.ratio >= params.floor)", message: "'a'"}}
  - {{id: b, require: "facts.bias.all(b, b.gap_tpr <= 0.3)", message: "'b'"}}
  - {{id: c, require: "facts.metrics.all(m, m.value >= 0.2)", message: "'c'"}}
  - {{id: d, require: "facts.card.complete", message: "'d'"}}
  - {{id: e, require: "facts.model.risk_tier in ['high', 'limited']", message: "'e'"}}
"""


def policies() -> list[Policy]:
    """20 policies with 60 rules: 4 on groups, 6 on metrics, 10 on single facts."""
    kinds = [GROUPS] * 4 + [METRICS] * 6 + [SINGLE] * 10
    return [_policy(f"p{place}", kind, place) for place, kind in enumerate(kinds)]


def _policy(name: str, body: str, place: int) -> Policy:
    return load_policy((HEAD + body).format(name=name, number=place, step=place / 1000))


def document(seed: int = 0) -> dict[str, Any]:
    """150 groups and 80 metrics; `seed` makes another document of it."""
    groups = [
        {
            "attribute": f"attribute_{i % 5}",
            "group": f"g{i}",
            "n": 90 + (i * 7 + seed) % 400,
            "ratio": 0.79 + (i % 40) / 200,
            "gap_tpr": (i % 25) / 100,
            "gap_fpr": (i % 20) / 100,
            "evidence": "EV-1",
        }
        for i in range(150)
    ]
    metrics = [
        {
            "name": f"m{i // 4}",
            "split": "test" if i % 2 else "train",
            "segment": f"s{i % 4}",
            "value": 0.7 + (i % 30) / 100,
            "lower": 0.7,
            "upper": 0.8,
            "n": 500 + i,
        }
        for i in range(80)
    ]
    return {
        "schema": "gatehouse.facts/2",
        "evaluated_at": "2026-11-25T00:00:00Z",
        "subject": {"model": "income", "version": "1", "target": "production", "endpoint": "e"},
        "model": {"risk_tier": "high", "owner_team": "lending", "affects_legal_or_safety": True},
        "card": {"complete": True, "missing": []},
        "training": {"region": "eu-central-1"},
        "endpoint": {"regions": ["eu-central-1"], "slo": {"p95_ms": 200 + seed % 50}},
        "bias": groups,
        "metrics": metrics,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    rules, text = policies(), canonical_bytes(document()).decode()
    facts = parse_facts(text)
    print(f"{len(rules)} policies, {sum(len(one.rules) for one in rules)} rules, a document of {len(text)} bytes")
    plain, ours, whole, read = _race(
        [
            lambda: json.dumps(json.loads(text)),
            lambda: evaluate(rules, facts),
            lambda: evaluate(rules, facts).canonical,
            lambda: parse_facts(text),
        ],
        repeats,
    )
    within = _line("evaluation / document as plain JSON in and out", ours, plain, EVALUATION_MARK)
    _line("evaluation and its canonical bytes / the same", whole, plain, None)
    _line("strict read of the document / the same", read, plain, None)
    return 0 if within & _backtest(plain) else 1


def _backtest(plain: float) -> bool:
    """One policy of 5 rules over many stored texts."""
    five = [_policy("five", FIVE, 0)]
    texts = [canonical_bytes(document(seed)).decode() for seed in range(300)]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    best = 0.0
    for _ in range(3):
        start = time.process_time()
        for text, digest in zip(texts, digests, strict=True):
            evaluate_stored(five, text, digest)
        best = max(best, len(texts) / (time.process_time() - start))
    verdict = "within" if best >= BACKTEST_MARK else "BEYOND"
    print(f"back-test of 5 rules: {best:.0f} stored decisions a second  mark {BACKTEST_MARK}  {verdict}")
    _line("one stored decision / document as plain JSON in and out", 1 / best, plain, None)
    return best >= BACKTEST_MARK


def _race(runners: list[Callable[[], object]], repeats: int) -> list[float]:
    """Median processor seconds of each runner, taking turns so that a busy machine slows all alike."""
    times: list[list[float]] = [[] for _ in runners]
    for _ in range(repeats):
        for place, runner in enumerate(runners):
            start = time.process_time()
            runner()
            times[place].append(time.process_time() - start)
    return [statistics.median(found) for found in times]


def _line(what: str, ours: float, base: float, mark: float | None) -> bool:
    verdict = "" if mark is None else f"  mark {1000 * mark:g} ms  {'within' if ours <= mark else 'BEYOND'}"
    print(f"{what:58s} {1000 * ours:8.3f} ms / {1000 * base:.3f} ms = {ours / base:.2f}{verdict}", flush=True)
    return mark is None or ours <= mark


if __name__ == "__main__":
    sys.exit(main())
