"""`gatehouse bias FILE …`: the bias test of the portal, offline, over one file. Nothing leaves this machine.

    gatehouse bias predictions.csv --label y_true --prediction y_pred --protected sex,race --favourable 1

Leaves with 0 when every judged group reaches the line, 1 when one does not, 2 when the file or the question
cannot give a right number.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from audits.fairness import Counts, PredictionsError, Report, count_file, measure
from audits.fairness.intersections import worst_intersections
from audits.fairness.report import AttributeResult, GroupResult

SCHEMA = "gatehouse.bias-cli/1"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the status to leave with."""
    arguments = _parser().parse_args(argv)
    protected = [name.strip() for name in arguments.protected.split(",") if name.strip()]
    try:
        references = _references(arguments.reference)
        counts = count_file(
            arguments.file, attributes=protected, label=arguments.label, prediction=arguments.prediction
        )
        report = measure(counts, favourable=arguments.favourable, reference=references, min_group=arguments.min_group)
    except PredictionsError as error:
        _refuse(error, as_json=arguments.json)
        return 2
    depth = arguments.intersections
    worst = _worst(counts, report, depth)
    if arguments.json:
        print(json.dumps(_document(counts, report, worst, arguments.line), indent=2, sort_keys=True))
    else:
        _print(report, worst, arguments.line)
    return 1 if _below(report, arguments.line) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gatehouse bias", description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("file", help="CSV (UTF-8, header, also gzipped) or Parquet, one row a person")
    parser.add_argument("--label", default="y_true", help="column of the true outcome, 0 and 1 (default: y_true)")
    parser.add_argument("--prediction", default="y_pred", help="column of the decision, 0 and 1 (default: y_pred)")
    parser.add_argument("--protected", required=True, help="protected attributes, comma separated, such as sex,race")
    parser.add_argument(
        "--favourable", type=int, choices=(0, 1), default=1, help="which prediction is good (default: 1)"
    )
    parser.add_argument("--reference", default="", help="reference groups, such as sex=Male,race=White")
    parser.add_argument(
        "--intersections", type=int, default=2, metavar="N", help="search sets of up to N attributes; 0: none"
    )
    parser.add_argument(
        "--min-group", type=_positive, default=30, help="groups with fewer rows are not judged (default: 30)"
    )
    parser.add_argument("--line", type=float, default=0.8, help="ratio below which the status is 1 (default: 0.8)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _references(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, value = part.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise PredictionsError(
                f"{part!r} names no reference group.", code="bad_reference", how="Write attribute=group, as sex=Male."
            )
        found[name.strip()] = value.strip()
    return found


def _worst(counts: Counts, report: Report, depth: int) -> list[dict[str, Any]]:
    if depth < 2:
        return []
    rows = worst_intersections(counts, favourable=report.favourable, min_group=report.min_group, depth=depth)
    return [row.as_document() for row in rows]


def _refuse(error: PredictionsError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"schema": SCHEMA, "error": error.as_document()}, indent=2, sort_keys=True))
        return
    place = "".join(f", {name} {value}" for name, value in (("row", error.row), ("line", error.line)) if value)
    print(f"gatehouse bias: {error.message}{f' ({place[2:]})' if place else ''}", file=sys.stderr)
    if error.how:
        print(f"  {error.how}", file=sys.stderr)


def _below(report: Report, line: float) -> bool:
    found = [attribute.lowest_ratio for attribute in report.attributes]
    return any(row is not None and row.comparison.value is not None and row.comparison.value < line for row in found)


def _document(counts: Counts, report: Report, worst: list[dict[str, Any]], line: float) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "line": line,
        "below_line": _below(report, line),
        "report": report.as_document(),
        "counts": counts.as_document(),
        "worst_intersections": worst,
    }


def _print(report: Report, worst: list[dict[str, Any]], line: float) -> None:
    accuracy = report.overall["accuracy"]
    print(f"{report.n:,} rows, accuracy {accuracy.value:.4f} ({accuracy.lower:.4f} to {accuracy.upper:.4f})")
    print(f"favourable prediction: {report.favourable}; line {line:g}; intervals {report.confidence:.0%}")
    for attribute in report.attributes:
        _print_attribute(attribute, line)
    if worst:
        print("\nworst intersections (exploratory: the lowest of many is low by chance too)")
        for row in worst[:5]:
            names = ", ".join(f"{name} {value}" for name, value in zip(row["attributes"], row["values"], strict=True))
            ratio = "{value:.3f} ({lower:.3f} to {upper:.3f})".format(**row["ratio"])
            print(f"  {names}: ratio {ratio}, n {row['n']:,}")


def _print_attribute(attribute: AttributeResult, line: float) -> None:
    reference = attribute.reference or "none large enough"
    print(f"\n{attribute.attribute} (reference: {reference})")
    columns = f"{'group':24s} {'rows':>8s} {'rate':>8s} {'ratio':>8s}  {'95 % interval':17s} {'tpr':>7s} {'fpr':>7s}"
    print(f"  {columns}  reading")
    for group in attribute.groups:
        ratio = group.ratio
        span = "" if ratio.lower is None else f"{ratio.lower:.3f} to {ratio.upper:.3f}"
        print(
            f"  {group.group[:24]:24s} {group.n:8,d} {_number(group.rate.value)} {_number(ratio.value)}  {span:17s} "
            f"{_number(group.tpr.value, 7)} {_number(group.fpr.value, 7)}  {_reading(group, attribute.reference, line)}"
        )


def _number(value: float | None, width: int = 8) -> str:
    return f"{'undef.':>{width}s}" if value is None else f"{value:{width}.3f}"


def _reading(group: GroupResult, reference: str | None, line: float) -> str:
    if group.group == reference:
        return "reference"
    if group.why_not:
        return group.why_not
    ratio = group.ratio
    if ratio.value is None or ratio.lower is None or ratio.upper is None:
        return "undefined"
    if ratio.value < line:
        return "below" if ratio.upper < line else "below, not surely"
    return "above" if ratio.lower >= line else "above, not surely"


if __name__ == "__main__":
    sys.exit(main())
