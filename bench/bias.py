"""Bias test against the bare grouped count and against fairlearn, on the same rows in the same run.

    python bench/bias.py [--rows 1000000]

Prints ratios and leaves with status 1 when one is beyond its mark: a bias test (file to report) may take
2 times the bare grouped count in DuckDB, and 1/100 of fairlearn's MetricFrame. Both baselines are taken at
their best: the bare count has the same number of threads, and fairlearn gets one frame over the
intersections only, while the report holds every marginal and its intervals too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score, precision_score, recall_score

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from audits.fairness import Counts, Limits, count_file, measure  # noqa: E402

SEED_FILE = ROOT / "demo" / "data" / "adult_predictions.csv.gz"
ATTRIBUTES = ["sex", "race", "age_band"]
BARE_MARK = 2.0
FAIRLEARN_MARK = 1 / 100
FAIRLEARN_PATIENCE = 60.0
METRICS = {
    "accuracy": accuracy_score,
    "precision": lambda y, p: precision_score(y, p, zero_division=0),
    "recall": lambda y, p: recall_score(y, p, zero_division=0),
    "tpr": true_positive_rate,
    "fpr": false_positive_rate,
    "rate": selection_rate,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    within = True
    with tempfile.TemporaryDirectory() as folder:
        files = _write_files(Path(folder), arguments.rows)
        best = 0.0
        for name, path in files.items():
            bare, ours = _race([lambda p=path: _bare(p), lambda p=path: _ours(p)], arguments.repeats)
            within &= _line(f"{name}: bias test / bare grouped count", ours, bare, BARE_MARK)
            best = max(best, ours) if name != "csv.gz" else best
        within &= _against_fairlearn(files["csv"], arguments.rows, best)
    return 0 if within else 1


def _write_files(folder: Path, rows: int) -> dict[str, Path]:
    """The demo's predictions drawn with replacement, as CSV, gzipped CSV and Parquet."""
    frame = pd.read_csv(SEED_FILE).sample(rows, replace=True, random_state=20261124)
    frame["row_id"] = range(1, rows + 1)
    files = {kind: folder / f"predictions.{kind}" for kind in ("csv", "csv.gz", "parquet")}
    frame.to_csv(files["csv"], index=False)
    frame.to_csv(files["csv.gz"], index=False)
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{files['csv']}')) TO '{files['parquet']}'")
    return files


def _bare(path: Path) -> None:
    with duckdb.connect(config={"threads": Limits().threads}) as connection:
        columns = ", ".join([*ATTRIBUTES, "y_true", "y_pred"])
        connection.execute(f"SELECT {columns}, count(*) FROM '{path}' GROUP BY ALL").fetchall()


def _ours(path: Path) -> None:
    measure(count_file(path, attributes=ATTRIBUTES), favourable=1, min_group=30, intersections=True)


def _race(runners: list[Callable[[], None]], repeats: int) -> list[float]:
    """Median wall seconds of each runner, taking turns so that a busy machine slows all alike."""
    times: list[list[float]] = [[] for _ in runners]
    for _ in range(repeats):
        for place, runner in enumerate(runners):
            start = time.perf_counter()
            runner()
            times[place].append(time.perf_counter() - start)
    return [statistics.median(found) for found in times]


def _against_fairlearn(path: Path, rows: int, ours: float) -> bool:
    """fairlearn on a tenth of the rows, and on all of them when that will not take too long."""
    frame = pd.read_csv(path)
    tenth = frame.head(rows // 10)
    seconds = _fairlearn(tenth)
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "tenth.csv"
        tenth.to_csv(small, index=False)
        (ours_small,) = _race([lambda: _ours(small)], 5)
    within = _line(f"csv, {rows // 10} rows: bias test / fairlearn", ours_small, seconds, None)
    if 12 * seconds < FAIRLEARN_PATIENCE:
        seconds = _fairlearn(frame, path)
        within &= _line(f"slower of csv and parquet, {rows} rows: bias test / fairlearn", ours, seconds, FAIRLEARN_MARK)
    else:
        within &= _line(f"{rows} rows: bias test / 10 x fairlearn on a tenth", ours, 10 * seconds, FAIRLEARN_MARK)
    return within


def _fairlearn(frame: pd.DataFrame, path: Path | None = None) -> float:
    """Wall seconds of one MetricFrame over the intersections; with a path the numbers are compared."""
    start = time.perf_counter()
    by_group = MetricFrame(
        metrics=METRICS, y_true=frame.y_true, y_pred=frame.y_pred, sensitive_features=frame[ATTRIBUTES]
    ).by_group
    seconds = time.perf_counter() - start
    if path is not None:
        counts = count_file(path, attributes=ATTRIBUTES)
        joined = Counts.of(["cell"], [(("|".join(key),), cell) for key, cell in counts.cells.items()])
        cells = measure(joined, favourable=1, min_group=1).attribute("cell")
        for key, row in by_group.dropna(how="all").iterrows():
            for metric in ("accuracy", "precision", "tpr", "fpr", "rate"):
                value = getattr(cells.group("|".join(key)), metric).value
                if abs((value or 0.0) - row[metric]) > 1e-12:
                    raise SystemExit(f"{metric} of {key}: {value} here, {row[metric]} in fairlearn")
    return seconds


def _line(what: str, ours: float, base: float, mark: float | None) -> bool:
    ratio = ours / base
    verdict = "" if mark is None else f"  mark {mark:g}  {'within' if ratio <= mark else 'BEYOND'}"
    print(f"{what:62s} {ours:8.4f} s / {base:8.4f} s = {ratio:.4f}{verdict}", flush=True)
    return mark is None or ratio <= mark


if __name__ == "__main__":
    sys.exit(main())
