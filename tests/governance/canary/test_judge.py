"""The three answers, and what stands behind each."""

from governance.canary import Answer, Metric, Progress, StepRule, Window, judge

RULE = StepRule(least_minutes=30, least_requests=5000, silence_minutes=10)
GOOD = {Metric("errors", 1.5): [Window(5, 500, 5, 500)] * 60}


def test_yes_when_time_sample_and_interval_are_there():
    answer, reasons, readings = judge(RULE, Progress(60, 0, 30_000), GOOD, 0.01)
    assert (answer, reasons) == (Answer.YES, [])
    assert readings[0].upper < 1.5


def test_wait_names_each_thing_that_is_missing():
    answer, reasons, _ = judge(RULE, Progress(3, 1, 400), {Metric("errors", 1.5): [Window(4, 400, 4, 400)]}, 0.01)
    assert answer == Answer.WAIT
    assert [one.code for one in reasons] == ["too-early", "sample-too-small", "not-enough-evidence"]
    assert reasons[2].data["requests_to_pass"] > 1000


def test_breach_rolls_back_whatever_the_time():
    rows = {Metric("errors", 1.5): [Window(25, 500, 5, 500)] * 5, **{Metric("slow", 1.5): GOOD[Metric("errors", 1.5)]}}
    answer, reasons, _ = judge(RULE, Progress(1, 0, 2500), rows, 0.01)
    assert answer == Answer.ROLL_BACK
    assert [(one.code, one.data["metric"]) for one in reasons] == [("breach", "errors")]


def test_silence_past_the_deadline_is_a_breach():
    answer, reasons, _ = judge(RULE, Progress(60, 10, 30_000), GOOD, 0.01)
    assert answer == Answer.ROLL_BACK
    assert reasons[0].code == "no-data"


def test_the_level_is_divided_over_the_metrics():
    rows = [Window(12, 500, 5, 500)] * 4
    alone = judge(RULE, Progress(1, 0, 1), {Metric("a", 1.1): rows}, 0.01)[2][0]
    among = judge(RULE, Progress(1, 0, 1), {Metric(str(i), 1.1): rows for i in range(5)}, 0.01)[2][0]
    assert alone.log_e == among.log_e
    assert among.needs_log_e > alone.needs_log_e


def test_metric_without_counts_waits():
    answer, reasons, _ = judge(RULE, Progress(60, 0, 30_000), {**GOOD, Metric("slow"): []}, 0.01)
    assert answer == Answer.WAIT
    assert reasons[0].message == "slow: the canary has sent no counts."
