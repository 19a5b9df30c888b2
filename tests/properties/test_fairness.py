"""What holds of every count: symmetries, nesting, additivity; and no file ends in anything but an answer."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.fairness import MISSING, Confusion, Counts, PredictionsError, count_file, measure
from audits.fairness.intervals import katz, koopman, newcombe, ratio_interval, wilson

CONFIDENCES = st.sampled_from([0.8, 0.9, 0.95, 0.99])
NAMES = st.text(min_size=1, max_size=4)
CELL = st.builds(Confusion, *[st.integers(0, 400)] * 4)
CELLS = st.dictionaries(st.tuples(NAMES, NAMES), CELL, min_size=1, max_size=12)


@st.composite
def proportions(draw: st.DrawFn, most: int = 5000) -> tuple[int, int]:
    n = draw(st.integers(1, most))
    return draw(st.integers(0, n)), n


@given(proportions(), CONFIDENCES)
def test_wilson_holds_the_rate_and_mirrors(pair: tuple[int, int], confidence: float) -> None:
    k, n = pair
    lower, upper = wilson(k, n, confidence)
    assert 0 <= lower <= k / n <= upper <= 1
    assert lower < upper
    assert wilson(n - k, n, confidence) == pytest.approx((1 - upper, 1 - lower), abs=1e-12)


@given(proportions(), proportions(), CONFIDENCES)
def test_newcombe_holds_the_difference_and_mirrors(
    one: tuple[int, int], two: tuple[int, int], confidence: float
) -> None:
    lower, upper = newcombe(*one, *two, confidence)
    difference = one[0] / one[1] - two[0] / two[1]
    assert -1 <= lower <= difference <= upper <= 1
    assert newcombe(*two, *one, confidence) == pytest.approx((-upper, -lower), abs=1e-12)


@given(proportions(), proportions(), CONFIDENCES)
def test_koopman_holds_the_ratio_and_turns_over(one: tuple[int, int], two: tuple[int, int], confidence: float) -> None:
    lower, upper = koopman(*one, *two, confidence)
    turned = koopman(*two, *one, confidence)
    assert 0 <= lower < upper
    assert (lower == 0) == (one[0] == 0)
    assert math.isinf(upper) == (two[0] == 0)
    if one[0] and two[0]:
        ratio = (one[0] / one[1]) / (two[0] / two[1])
        assert lower <= ratio * (1 + 1e-9)
        assert upper >= ratio * (1 - 1e-9)
        assert turned == pytest.approx((1 / upper, 1 / lower), rel=1e-9)


@given(st.integers(200, 400), st.integers(200, 400))
def test_katz_and_koopman_agree_in_large_samples(k1: int, k2: int) -> None:
    assert katz(k1, 100_000, k2, 100_000) == pytest.approx(koopman(k1, 100_000, k2, 100_000), rel=0.01)


@given(proportions(300), proportions(300))
def test_higher_confidence_gives_a_wider_interval(one: tuple[int, int], two: tuple[int, int]) -> None:
    for narrow, wide in [
        (wilson(*one, 0.9), wilson(*one, 0.99)),
        (newcombe(*one, *two, 0.9), newcombe(*one, *two, 0.99)),
        (ratio_interval(*one, *two, 0.9)[0], ratio_interval(*one, *two, 0.99)[0]),
    ]:
        assert wide[0] <= narrow[0]
        assert narrow[1] <= wide[1]


@given(CELLS)
def test_marginals_add_up_and_the_document_round_trips(cells: dict[tuple[str, str], Confusion]) -> None:
    counts = Counts.of(["a", "b"], cells.items())
    for names in (["a"], ["b"], ["a", "b"]):
        parts = counts.by(*names).values()
        assert Confusion(*(sum(part[place] for part in parts) for place in range(4))) == counts.total()
    assert Counts.from_document(json.loads(json.dumps(counts.as_document()))) == counts
    assert Counts.of(["a", "b"], reversed(cells.items())) == counts


@settings(deadline=None)
@given(CELLS, st.sampled_from([0, 1]), st.integers(1, 500))
def test_every_report_is_json_and_judges_only_large_groups(
    cells: dict[tuple[str, str], Confusion], favourable: int, min_group: int
) -> None:
    counts = Counts.of(["a", "b"], cells.items())
    report = measure(counts, favourable=favourable, min_group=min_group, intersections=True)
    json.dumps(report.as_document(), allow_nan=False)
    for attribute in report.attributes:
        assert sum(group.n for group in attribute.groups) == report.n
        for group in attribute.groups:
            assert not group.judged or group.n >= min_group
            for found in (group.ratio, group.gap_tpr, group.gap_fpr):
                assert (found.value is None) == (found.lower is None) == (found.upper is None)
            if group.judged and group.ratio.value is not None and attribute.reference_chosen == "best rate":
                assert group.ratio.value <= 1 or group.group == "(missing)"


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.text(max_size=8)), max_size=30))
def test_written_rows_are_counted_or_refused(rows: list[tuple[int, int, str]]) -> None:
    text = "y_true,y_pred,g\n" + "".join(
        f'{truth},{guess},"{value.replace(chr(34), chr(34) * 2)}"\n' for truth, guess, value in rows
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
        if len({truth for truth, _, _ in rows}) < 2 or "\x00" in text:
            with pytest.raises(PredictionsError) as caught:
                count_file(path, attributes=["g"])
            assert caught.value.how
            return
        counts = count_file(path, attributes=["g"])
    assert counts.n == len(rows)
    assert counts.total().tp == sum(truth == guess == 1 for truth, guess, _ in rows)
    assert {key[0] for key in counts.cells} == {value if value.strip() else MISSING for _, _, value in rows}


@settings(deadline=None, max_examples=80)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"y_true,y_pred,g\n", b"PAR1", b"\x1f\x8b\x08", b"\xff\xfe"]),
)
def test_garbage_is_refused_in_our_words(rubbish: bytes, start: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        path.write_bytes(start + rubbish + (b"PAR1" if start == b"PAR1" else b""))
        with pytest.raises(PredictionsError) as caught:
            count_file(path, attributes=["g"])
    assert caught.value.how
    assert len(str(caught.value)) < 400
