"""How much a release differs from what is live: the table, the record of it, the seats, who may lower it."""

import pytest
from django.db import DatabaseError, connection, transaction

from catalog.choices import RiskTier
from governance import seats
from governance.gates.materiality import TABLE, Limits, Row, classify
from governance.models import MaterialityClass, Release
from governance.services import materiality, releases
from portal.errors import Conflict, DomainError, InvalidInput
from tests.factories import catalog, governance

MINOR = [("training.run", "a", "b"), ("artifacts[w].sha256", "aa", "bb"), ("card.complete", True, False)]


@pytest.mark.parametrize(
    ("change", "level"),
    [
        (("evaluated_at", "a", "b"), "none"),
        (("subject.version", "1", "2"), "none"),
        (("metrics[accuracy, test, all].measured_at", "a", "b"), "none"),
        (("bias_changes[sex, Female].ratio", 0.9, 0.1), "none"),
        (("training.run", "a", "b"), "minor"),
        (("artifacts[weights].sha256", "aa", "bb"), "minor"),
        (("metrics[accuracy, test, all].value", 0.90, 0.905), "minor"),
        (("metrics[accuracy, test, all].value", 0.90, 0.91), "minor"),
        (("metrics[accuracy, test, all].value", 0.90, 0.8899), "material"),
        (("metrics[accuracy, test, all].value", 0.90, 0.92), "material"),
        (("metrics[accuracy, test, all].value", 0.90, None), "material"),
        (("bias[sex, Female].ratio", 0.95, 0.99), "minor"),
        (("bias[sex, Female].ratio", 0.95, 0.90), "material"),
        (("odds[sex].gap", 0.01, 0.10), "material"),
        (("odds[sex].gap", 0.10, 0.01), "minor"),
        (("datasets[adult, 2, train].rows", None, 100), "material"),
        (("training.code_revision", "a", "b"), "material"),
        (("something.nobody.thought.of", 1, 2), "material"),
        (("model.intended_use", "a", "a, b"), "substantial"),
        (("model.risk_tier", "limited", "high"), "substantial"),
        (("model.affects_legal_or_safety", False, True), "substantial"),
        (("endpoint.regions", "eu", "eu, us"), "substantial"),
        (("endpoint.slo.p95_ms", 100, 200), "minor"),
    ],
)
def test_table(change, level) -> None:
    assert classify([change]).level == level


def test_worst_difference_decides_and_comes_first() -> None:
    found = classify([*MINOR, ("model.intended_use", "a", "b"), ("training.region", "a", "b")])
    assert (found.level, found.differences[0].path) == ("substantial", "model.intended_use")
    assert [one.level for one in found.differences] == ["substantial", "material", "minor", "minor", "minor"]


def test_nothing_differs() -> None:
    assert classify([]).level == classify([("a", 1, 1)]).level == "none"


def test_limits_and_table_are_parameters() -> None:
    change = ("metrics[accuracy, test, all].value", 0.9, 0.85)
    assert classify([change], Limits(metric=0.1)).level == "minor"
    assert classify([change], table=(Row(("metrics*",), "none", "is nothing"), *TABLE)).level == "none"


# ------------------------------------------------------------------ on releases


@pytest.fixture
def who(db) -> governance.Cast:
    return governance.cast()


def second_release(who, **kw) -> Release:
    first = governance.live_release(who)
    model = kw.pop("model", None) or first.version.model
    version = governance.ready_version(who, model=model, **kw)
    return governance.release_in_review(who, version=version, endpoint=first.endpoint)


def roles(release: Release) -> list[str]:
    release = Release.objects.select_related("decision").get(pk=release.pk)
    return [one.role for one in seats.seats_of(release, seats.load(release))]


def test_first_release_has_nothing_to_differ_from(who) -> None:
    release = governance.release_in_review(who)
    assert not release.materialities.exists()
    with pytest.raises(Conflict) as caught:
        materiality.set_class(release, actor=who.reviewers["validator"], level="minor", reason="x")
    assert caught.value.code == "nothing-live"


def test_new_data_is_material_and_recorded_once(who) -> None:
    release = second_release(who)
    row = release.materialities.get()
    assert (row.level, row.computed, row.set_by) == ("material", "material", None)
    assert row.reasons[0][3] == "material"
    releases.assess_release(release)
    assert release.materialities.count() == 1


def another_model(who, **kw):
    return catalog.model(owner=who.owner, team=who.team, **kw)


def test_other_use_is_substantial_and_asks_compliance(who) -> None:
    release = second_release(who, model=another_model(who, intended_use=["credit-scoring"]))
    assert release.materialities.get().level == "substantial"
    assert roles(release) == ["validator", "fairness", "compliance"]


def test_material_difference_asks_validation_of_a_limited_tier(who) -> None:
    release = second_release(who, model=another_model(who, risk_tier=RiskTier.LIMITED))
    found = {one.role: one for one in seats.seats_of(release, seats.load(release))}
    assert found["validator"].demand.opinion


def test_only_an_independent_second_line_lowers_it_with_reason_and_answer(who) -> None:
    release = second_release(who, model=another_model(who, intended_use=["credit-scoring"]))
    validator = who.reviewers["validator"]

    def lower(actor, **kw):
        kw = {"level": "minor", "reason": "The same product under a new name."} | kw
        return materiality.set_class(release, actor=actor, **kw)

    for actor in (who.owner, who.developer):
        with pytest.raises(DomainError):
            lower(actor, substantial_modification=False)
    with pytest.raises(InvalidInput) as caught:
        lower(validator, reason=" ")
    assert caught.value.code == "reason-missing"
    with pytest.raises(InvalidInput) as caught:
        lower(validator)
    assert caught.value.code == "question-open"
    with pytest.raises(InvalidInput) as caught:
        lower(validator, substantial_modification=True)
    assert caught.value.code == "question-open"
    row = lower(validator, substantial_modification=False)
    assert (row.level, row.computed, row.set_by) == ("minor", "substantial", validator)
    assert "compliance" not in roles(release)
    # It stays while the differences stay, and is computed anew when they change.
    releases.assess_release(release)
    assert release.materialities.first() is not None
    assert "compliance" not in roles(release)
    catalog.metrics(release.version, accuracy=0.95)
    releases.assess_release(release)
    assert "compliance" in roles(release)


def test_raising_the_class_adds_the_seat(who) -> None:
    release = second_release(who)
    assert "compliance" not in roles(release)
    kw = {"level": "substantial", "reason": "It decides on more.", "substantial_modification": True}
    materiality.set_class(release, actor=who.reviewers["validator"], **kw)
    assert "compliance" in roles(release)


def test_database_lets_nobody_else_lower_it(who) -> None:
    release = second_release(who)
    row = release.materialities.get()
    for person, words in ((who.owner, "second line"), (None, "materiality_set_with_reason")):
        with pytest.raises(DatabaseError, match=words if person else ""), transaction.atomic():
            MaterialityClass.objects.create(
                release=release,
                decision=row.decision,
                live_decision=row.live_decision,
                level="none",
                computed=row.computed,
                set_by=person,
                reason="x",
                made_at=row.made_at,
            )
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE governance_materialityclass SET level = 'none'")
