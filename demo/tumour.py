"""The second model: trained here, on the Breast Cancer Wisconsin (Diagnostic) data that scikit-learn bundles.

Data: Wolberg, Mangasarian, Street and Street 1995, UCI, doi 10.24432/C5DW2B, CC BY 4.0.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audits.fairness.intervals import wilson
from portal.ledger.canonical import canonical_bytes

SEED = 20261124


@dataclass(frozen=True)
class Trained:
    """A fitted model: its weights as canonical JSON, the data as CSV, and what was measured on the held-out part."""

    weights: bytes
    data: bytes
    rows: int
    columns: list[dict[str, str]]
    parameters: dict[str, Any]
    metrics: list[dict[str, Any]]


def train(*, regularisation: float = 1.0) -> Trained:
    """Fit a logistic regression on two thirds of the rows and measure it on the rest (1 = malignant)."""
    bundle = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in bundle.feature_names]
    labels = 1 - bundle.target  # the bundle has 0 for malignant
    split = train_test_split(bundle.data, labels, test_size=1 / 3, random_state=SEED, stratify=labels)
    fit_x, test_x, fit_y, test_y = split
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=regularisation, max_iter=1000))
    pipeline.fit(fit_x, fit_y)
    scaler, logistic = pipeline[0], pipeline[1]
    weights = {
        "features": names,
        "mean": [round(float(x), 12) for x in scaler.mean_],
        "scale": [round(float(x), 12) for x in scaler.scale_],
        "coefficients": [round(float(x), 12) for x in logistic.coef_[0]],
        "intercept": round(float(logistic.intercept_[0]), 12),
    }
    text = io.StringIO()
    np.savetxt(
        text,
        np.column_stack([bundle.data, labels]),
        delimiter=",",
        fmt="%.6g",
        header=",".join([*names, "malignant"]),
        comments="",
    )
    return Trained(
        weights=canonical_bytes(weights),
        data=text.getvalue().encode(),
        rows=len(labels),
        columns=[{"name": name, "type": "double"} for name in names] + [{"name": "malignant", "type": "int"}],
        parameters={"C": regularisation, "seed": SEED, "held_out": "1/3, stratified"},
        metrics=_measured(test_y, pipeline.predict(test_x)),
    )


def _measured(truth: Any, predicted: Any) -> list[dict[str, Any]]:
    tn, fp, fn, tp = (int(x) for x in confusion_matrix(truth, predicted).ravel())
    shares = {
        "accuracy": (tp + tn, tp + tn + fp + fn),
        "recall": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "precision": (tp, tp + fp),
    }
    rows = []
    for name, (k, n) in shares.items():
        lower, upper = wilson(k, n)
        rows.append({"name": name, "value": k / n, "lower": lower, "upper": upper, "n": n})
    return rows
