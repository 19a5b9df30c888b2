"""The facts page: each value with its source, what is unknown with the way to supply it, who reads what."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from catalog.models import Attestation
from catalog.services import attestations
from catalog.services.facts import record_metrics
from tests.factories import catalog, governance, people

pytestmark = pytest.mark.django_db


@pytest.fixture
def who() -> governance.Cast:
    return governance.cast()


@pytest.fixture
def release(who):
    return governance.release_in_review(who)


def url(version, name="version-facts", **query):
    found = reverse(name, kwargs={"name": version.model.name, "version": version.version})
    return found + ("?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else "")


def read(client, version, **query) -> str:
    response = client.get(url(version, **query))
    assert response.status_code == 200
    return response.content.decode()


def test_values_stand_with_source_age_and_person(as_user, who, release) -> None:
    text = read(as_user(who.owner), release.version, endpoint=release.endpoint.name)
    evidence = release.version.evidence.get(kind="metrics")
    assert "metrics[accuracy, test, all]" in text
    assert f'href="{reverse("evidence", kwargs={"number": evidence.pk})}">{evidence.public_id}</a>' in text
    assert "today<small>" in text
    assert str(who.developer) in text
    assert "disparate-impact</a>" in text


def test_unknown_names_the_way_to_supply_it(as_user, who, release) -> None:
    text = read(as_user(who.owner), release.version, endpoint=release.endpoint.name)
    assert "risk.residual" in text
    assert "Attest it, as reviewer: risk assessment." in text
    assert f"{url(release.version, 'version-attest')}?section=risk&amp;endpoint={release.endpoint.name}" in text
    assert "/attestations -H" in text
    assert "Nothing that a policy reads is unknown." in text


def test_what_a_policy_reads_and_nobody_supplied_comes_first(as_user, who) -> None:
    governance.published()
    version = catalog.version(model=catalog.model(owner=who.owner, team=who.team), actor=who.developer)
    text = read(as_user(who.owner), version, endpoint=catalog.endpoint(owner=who.owner, team=who.team).name)
    first, _, rest = text.partition('id="h-subject"')
    assert "Not known, and a policy reads it" in first
    assert "bias[].ratio" in first
    assert "upload the predictions" in first
    assert "model.risk_tier" in rest


def test_filter_keeps_what_has_the_words(as_user, who, release) -> None:
    client = as_user(who.owner)
    text = read(client, release.version, endpoint=release.endpoint.name, q="bias+Female")
    assert "bias[sex, Female]" in text
    assert "metrics[accuracy" not in text
    assert "No fact has these words" in read(client, release.version, q="nothing-like-it")
    assert "metrics[accuracy, test, all]" in read(client, release.version, q="evaluation-thresholds+accuracy")
    assert read(client, release.version, q="%00")


def test_without_endpoint_the_one_of_the_open_release_is_taken(as_user, who, release) -> None:
    catalog.endpoint(owner=who.owner, team=who.team, name="aaa-first")
    assert f"At {release.endpoint.name} the gates know" in read(as_user(who.owner), release.version)


def test_no_endpoint_yet_is_said(as_user, who) -> None:
    version = catalog.version(model=catalog.model(owner=who.owner, team=who.team), actor=who.developer)
    assert "No endpoint yet" in read(as_user(who.owner), version)
    assert as_user(who.owner).get(url(version, "version-facts-json")).status_code == 404


def test_file_holds_the_document(as_user, who, release) -> None:
    response = as_user(who.owner).get(url(release.version, "version-facts-json", endpoint=release.endpoint.name))
    document = json.loads(response.content)
    assert (document["schema"], document["subject"]["moment"]) == ("gatehouse.facts/2", "request")
    assert document["request"]["id"] == release.public_id
    assert "attachment" in response["Content-Disposition"]


def test_other_team_sees_nothing(as_user, release) -> None:
    other = people.person("developer", people.team("other"))
    assert as_user(other).get(url(release.version)).status_code == 404
    assert as_user(people.person("auditor")).get(url(release.version, endpoint="no-such")).status_code == 404


def test_number_of_rows_does_not_change_the_number_of_queries(
    as_user, who, release, django_assert_max_num_queries
) -> None:
    client = as_user(who.owner)
    for index in range(120):
        attestations.attest(
            release.version, actor=who.developer, section="tests", value={"suite": f"suite {index}", "failed": 0}
        )
    with django_assert_max_num_queries(45):
        text = read(client, release.version, endpoint=release.endpoint.name)
    assert "20 rows more" in text


def test_section_is_attested_by_form(as_user, who, release) -> None:
    client, query = as_user(who.reviewers["validator"]), {"section": "reviews", "endpoint": release.endpoint.name}
    to = url(release.version, "version-attest", **query)
    assert "Kind" in client.get(to).content.decode()
    form = {"kind": "annual", "done_at": "2026-11-01T10:00", "about": "model", "source": "RV-1", "due_at": ""}
    response = client.post(to, form)
    assert response.status_code == 303
    row = Attestation.objects.get()
    assert (row.section, row.key, row.model, row.source) == ("reviews", "annual", release.version.model, "RV-1")
    assert row.value == {"kind": "annual", "done_at": "2026-11-01T10:00:00Z"}
    text = client.get(response["Location"]).content.decode()
    assert "reviews[annual]" in text
    assert f'href="{reverse("attestation", kwargs={"number": row.pk})}">AT-{row.pk}</a>' in text
    shown = client.get(reverse("attestation", kwargs={"number": row.pk})).content.decode()
    assert "It counts." in shown
    client.post(to, {**form, "due_at": "2027-11-01T10:00"})
    assert "It counts no more" in client.get(reverse("attestation", kwargs={"number": row.pk})).content.decode()


def test_nested_facts_and_lists_are_attested_by_form(as_user, who, release) -> None:
    client = as_user(who.developer)
    to = url(release.version, "version-attest", section="artifacts", endpoint=release.endpoint.name)
    form = {"name": "weights.bin", "scan": "clean", "signature.verified": "yes", "signature.signer": "ci@example.org"}
    assert client.post(to, form).status_code == 303
    assert Attestation.objects.get().value["signature"] == {"verified": True, "signer": "ci@example.org"}
    reviewer = as_user(who.reviewers["validator"])
    to = url(release.version, "version-attest", section="provider", endpoint=release.endpoint.name)
    form = {"name": "Acme", "attestations": "ISO 27001, 2027-01-31\nSOC 2", "byok": "no", "about": "version"}
    assert reviewer.post(to, form).status_code == 303
    value = Attestation.objects.order_by("-pk")[0].value
    assert value["attestations"] == [{"kind": "ISO 27001", "valid_until": "2027-01-31"}, {"kind": "SOC 2"}]
    assert value["byok"] is False


def test_wrong_form_says_where_and_keeps_what_was_typed(as_user, who, release) -> None:
    client = as_user(who.reviewers["validator"])
    to = url(release.version, "version-attest", section="provider", endpoint=release.endpoint.name)
    response = client.post(to, {"name": "Acme & Sons", "attestations": "ISO 27001, soon", "about": "version"})
    text = response.content.decode()
    assert response.status_code in (400, 422)
    assert "Is not a date." in text
    assert "Acme &amp; Sons" in text
    file = url(release.version, "version-attest", section="artifacts", endpoint=release.endpoint.name)
    assert "has no file other.bin" in as_user(who.developer).post(file, {"name": "other.bin"}).content.decode()


def test_line_that_may_not_say_it_is_told_who_may(as_user, who, release) -> None:
    client, to = as_user(who.developer), url(release.version, "version-attest", section="risk")
    assert "This is for reviewers" in client.get(to).content.decode()
    assert client.post(to, {"residual": "low", "about": "version"}).status_code == 403
    assert client.get(url(release.version, "version-attest", section="metrics")).status_code == 404
    assert not Attestation.objects.exists()


def test_version_and_release_lead_to_the_facts(as_user, who, release) -> None:
    client = as_user(who.owner)
    assert f'href="{url(release.version)}"' in client.get(url(release.version, "version")).content.decode()
    page = client.get(reverse("release", kwargs={"number": release.pk})).content.decode()
    assert url(release.version, endpoint=release.endpoint.name) in page


FRESH = """
apiVersion: gatehouse/v1
kind: Policy
metadata: {name: fresh-metrics, owner: risk, description: Metrics are fresh., reviewBy: "2099-01-01"}
appliesTo: {riskTier: [high], moment: [live]}
freshness: {metrics: "30d"}
rules:
  - id: known
    title: Accuracy is measured
    require: "facts.metrics.exists(m, m.name == 'accuracy' && m.n > 0)"
    message: "'Accuracy is not measured.'"
enforcement: block
tests:
"""
CASE = """
  - name: NAME at DAY
    facts:
      evaluated_at: "2026-11-20T00:00:00Z"
      subject: {moment: live}
      model: {risk_tier: high}
      metrics: [{name: NAME, split: test, segment: all, n: 3, measured_at: "DAYT00:00:00Z"}]
    expect: {known: VERDICT, policy: VERDICT}
"""


def fresh() -> str:
    cases = [("accuracy", "2026-11-19", "pass"), ("auc", "2026-11-19", "fail"), ("accuracy", "2026-01-19", "unknown")]
    texts = [CASE.replace("NAME", name).replace("DAY", day).replace("VERDICT", said) for name, day, said in cases]
    return FRESH + "".join(texts)


def test_what_is_too_old_for_a_policy_is_said(as_user, who, release) -> None:
    governance.publish(fresh())
    version = catalog.version(model=release.version.model, actor=who.developer)
    rows = [{"name": "accuracy", "value": 0.9, "n": 10}]
    record_metrics(version, actor=who.developer, metrics=rows, measured_at=timezone.now() - timedelta(days=31))
    text = read(as_user(who.owner), version, endpoint=release.endpoint.name)
    assert "1 list is too old for a policy." in text
    assert "takes none of it: Rows of metrics are too old: the limit is 30 days" in text
    assert "31 days<small>" in text


def test_policies_that_are_not_for_the_subject_want_nothing(as_user, who) -> None:
    governance.published()
    model = catalog.model(owner=who.owner, team=who.team, risk_tier="minimal")
    version = catalog.version(model=model, actor=who.developer)
    text = read(as_user(who.owner), version, endpoint=catalog.endpoint(owner=who.owner, team=who.team).name)
    first = text.partition('id="h-subject"')[0]
    assert "disparate-impact" not in first
    model = text.partition('id="h-model"')[2].partition("</section>")[0]
    assert "disparate-impact" in model, "the tier says that it is not for this one, so it reads it"


def test_endpoint_shows_what_is_attested_and_takes_more(as_user, who, release) -> None:
    client, endpoint = as_user(who.owner), release.endpoint
    page = reverse("endpoint", kwargs={"name": endpoint.name})
    assert "Nothing is attested." in client.get(page).content.decode()
    to = reverse("endpoint-attest", kwargs={"name": endpoint.name}) + "?section=endpoint"
    assert to in client.get(page).content.decode()
    form = {"slo.p95_ms": "250", "slo.availability": "0.995", "data_classes": "personal, financial"}
    response = client.post(to, form)
    assert (response.status_code, response["Location"]) == (303, f"{page}#endpoint")
    row = Attestation.objects.get()
    assert row.value == {"slo": {"p95_ms": 250.0, "availability": 0.995}, "data_classes": ["personal", "financial"]}
    text = client.get(page).content.decode()
    assert f"AT-{row.pk}" in text
    assert "no end named" in text
    artifacts = reverse("endpoint-attest", kwargs={"name": endpoint.name}) + "?section=artifacts"
    assert "There is no version" in client.post(artifacts, {"name": "x"}).content.decode()


def test_version_shows_what_is_attested(as_user, who, release) -> None:
    attestations.attest(
        release.version,
        actor=who.reviewers["validator"],
        section="reviews",
        value={"kind": "annual"},
        source="RV-1",
        valid_until=timezone.now().date(),
    )
    text = as_user(who.developer).get(url(release.version, "version")).content.decode()
    panel = text.partition('id="attested"')[2].partition("</section>")[0]
    assert "reviews: annual" in panel
    assert "RV-1" in panel
    assert "scan and signature of a file" in panel
    assert "risk assessment" not in panel
