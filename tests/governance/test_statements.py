"""Decisions signed by a passkey: what is signed is what is recorded, once, soon, and by who decides."""

import datetime as dt
import hashlib
import json

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from audits.proof.signatures import check_signatures, key_history
from governance import selectors_signatures
from governance.models import Approval, ApprovalSignature, PendingStatement
from governance.services import statements
from governance.services.approvals import ConditionDraft, decide_release
from portal.accounts import passkeys
from portal.errors import Conflict, PermissionRefused, Unavailable
from portal.ledger.canonical import canonical_bytes
from portal.ledger.models import Checkpoint, LedgerEntry
from portal.ledger.personal import opens
from portal.ledger.services import record, sequence, sign_checkpoint
from tests.factories import governance, people
from tests.factories.passkeys import PRESENT, SoftKey, enrolled, signed

pytestmark = pytest.mark.django_db
ROLE = "validator"


@pytest.fixture
def who():
    return governance.cast()


@pytest.fixture
def release(who):
    found = governance.release_in_review(who)
    while sequence():
        pass
    sign_checkpoint()
    return found


@pytest.fixture
def validator(who):
    return who.reviewers[ROLE]


@pytest.fixture
def tiers(settings):
    """The model of the factories is of high risk."""
    settings.PASSKEY_TIERS = ["high"]


def said(release, **kw):
    release.refresh_from_db()
    return {"role": ROLE, "choice": "approve", "decision_digest": release.decision.digest} | kw


def decide(release, person, pending, soft, *, key=None, **kw):
    signature = signed(pending, soft, **(key or {}))
    return decide_release(release, actor=person, signature=signature, **said(release, **kw))


def state(release, person, **kw):
    return statements.statement_for(release, actor=person, **said(release, **kw))


def test_statement_says_who_what_when_and_names_the_checkpoint(release, validator):
    enrolled(validator)
    pending = state(release, validator)
    told = json.loads(pending.text)
    latest = Checkpoint.objects.latest("size")
    assert pending.text.encode() == canonical_bytes(told)
    assert pending.digest == hashlib.sha256(pending.text.encode()).hexdigest()
    assert told["person"] == f"user:{validator.uuid}"
    assert (told["seat"], told["choice"], told["decision"]) == (ROLE, "approve", release.decision.digest)
    assert told["checkpoint"] == {"origin": latest.origin, "size": latest.size, "root": bytes(latest.root).hex()}
    assert len(bytes.fromhex(told["nonce"])) >= 16
    assert told["nonce"] != json.loads(state(release, validator).text)["nonce"]


def test_signed_approval_is_kept_whole_and_holds_without_the_portal(release, validator):
    row, soft = enrolled(validator)
    reason = "Good enough."
    pending = state(release, validator, reason=reason)
    approval = decide(release, validator, pending, soft, reason=reason)
    kept = approval.signature
    assert (kept.statement, kept.passkey) == (pending.text, row)
    commitment = json.loads(kept.statement)["reason"]["commit"]
    value = canonical_bytes(reason).decode()
    assert opens(commitment, name="reason", salt=bytes.fromhex(kept.reason_salt), value=value)
    assert reason not in kept.statement
    history = key_history(bytes(one.leaf).decode() for one in LedgerEntry.objects.order_by("pk"))
    documents = selectors_signatures.documents(selectors_signatures.signatures_of(release))
    assert check_signatures(documents, history) == []
    assert check_signatures(json.loads(json.dumps(documents)), history, rp_id=row.rp_id, origin=row.origin) == []


def test_entry_alone_holds_what_a_checker_needs(release, validator):
    row, soft = enrolled(validator)
    approval = decide(release, validator, state(release, validator), soft)
    body = LedgerEntry.objects.get(event="governance:approval:signed").body
    assert body["statement"] == approval.signature.statement
    assert body["assertion"]["id"] == row.credential_id
    assert body["public_key_sha256"] == row.public_key_digest


def test_condition_is_signed_with_its_text_owner_and_day(release, who, validator):
    _, soft = enrolled(validator)
    day = timezone.now().date() + dt.timedelta(days=9)
    drafts = [ConditionDraft(text="Watch the drift.", owner=who.developer, due_on=day)]
    more = {"choice": "conditions", "reason": "If watched.", "conditions": drafts}
    pending = state(release, validator, **more)
    told = json.loads(pending.text)["conditions"][0]
    assert told["text"] == {"sha256": hashlib.sha256(b"Watch the drift.").hexdigest()}
    assert (told["owner"], told["due_on"]) == (f"user:{who.developer.uuid}", day.isoformat())
    changed = [ConditionDraft(text="Watch the drift!", owner=who.developer, due_on=day)]
    with pytest.raises(Conflict) as refused:
        decide(release, validator, pending, soft, **(more | {"conditions": changed}))
    assert refused.value.code == "statement-differs"
    decide(release, validator, state(release, validator, **more), soft, **more)
    assert ApprovalSignature.objects.count() == 1


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("stated", "sent"),
    [
        ({}, {"choice": "reject", "reason": "No."}),
        ({"choice": "reject", "reason": "No."}, {"choice": "reject", "reason": "Nope."}),
        ({"reason": "Yes."}, {}),
        ({}, {"reason": "Yes."}),
    ],
)
def test_another_decision_than_the_signed_one(release, validator, stated, sent):
    _, soft = enrolled(validator)
    with pytest.raises(Conflict) as refused:
        decide(release, validator, state(release, validator, **stated), soft, **sent)
    assert refused.value.code == "statement-differs"
    assert not Approval.objects.exists()


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ({"origin": "https://evil.example"}, "passkey-origin-differs"),
        ({"rp_id": "evil.example"}, "passkey-rp-differs"),
        ({"kind": "webauthn.create"}, "passkey-type-differs"),
        ({"over": b"another text"}, "passkey-challenge-differs"),
    ],
)
def test_signature_that_does_not_hold_uses_the_statement_up(release, validator, key, code):
    _, soft = enrolled(validator)
    pending = state(release, validator)
    with pytest.raises(PermissionRefused) as refused:
        decide(release, validator, pending, soft, key=key)
    assert refused.value.code == code
    assert not Approval.objects.exists()
    with pytest.raises(Conflict) as refused:
        decide(release, validator, pending, soft)
    assert refused.value.code == "statement-used"


def test_key_that_did_not_verify_its_user(release, validator):
    _, soft = enrolled(validator)
    soft.flags = PRESENT
    with pytest.raises(PermissionRefused) as refused:
        decide(release, validator, state(release, validator), soft)
    assert refused.value.code == "passkey-user-not-verified"


def test_key_revoked_between_statement_and_signature(release, validator):
    row, soft = enrolled(validator)
    pending = state(release, validator)
    passkeys.revoke(row, actor=validator)
    with pytest.raises(PermissionRefused) as refused:
        decide(release, validator, pending, soft)
    assert refused.value.code == "passkey-key-revoked"


def test_statement_of_another_person_or_release(release, who, validator):
    enrolled(validator)
    other = who.second[ROLE]
    _, theirs = enrolled(other)
    with pytest.raises(Conflict) as refused:
        decide(release, validator, state(release, other), theirs)
    assert refused.value.code == "statement-unknown"
    with pytest.raises(PermissionRefused) as refused:
        decide(release, validator, state(release, validator), theirs)
    assert refused.value.code == "passkey-key-unknown"


def test_statement_older_than_five_minutes(release, validator):
    _, soft = enrolled(validator)
    old = timezone.now() - statements.LIFETIME - dt.timedelta(seconds=1)
    pending = statements.statement_for(release, actor=validator, now=old, **said(release))
    with pytest.raises(Conflict) as refused:
        decide(release, validator, pending, soft)
    assert refused.value.code == "statement-expired"


def test_checkpoint_that_this_log_does_not_have(release, validator):
    """As after a restore from an older backup."""
    _, soft = enrolled(validator)
    pending = state(release, validator)
    told = json.loads(pending.text)
    told["checkpoint"]["root"] = "00" * 32
    text = canonical_bytes(told)
    PendingStatement.objects.filter(pk=pending.pk).update(text=text.decode(), digest=hashlib.sha256(text).hexdigest())
    pending.refresh_from_db()
    with pytest.raises(Conflict) as refused:
        decide(release, validator, pending, soft)
    assert refused.value.code == "statement-checkpoint"


def test_no_statement_without_key_checkpoint_or_the_decision_of_now(release, validator):
    with pytest.raises(Conflict) as refused:
        state(release, validator)
    assert refused.value.code == "passkey-none"
    enrolled(validator)
    with pytest.raises(Conflict) as refused:
        state(release, validator, decision_digest="0" * 64)
    assert refused.value.code == "stale-decision"


def test_no_statement_before_the_first_checkpoint(who, validator):
    release = governance.release_in_review(who)
    enrolled(validator)
    with pytest.raises(Unavailable):
        state(release, validator)


@pytest.mark.usefixtures("tiers")
def test_where_it_is_required_nothing_counts_unsigned(release, validator):
    with pytest.raises(Conflict) as refused:
        decide_release(release, actor=validator, **said(release))
    assert refused.value.code == "passkey-none"
    assert "Enrol" in refused.value.how
    _, soft = enrolled(validator)
    with pytest.raises(PermissionRefused) as refused:
        decide_release(release, actor=validator, **said(release))
    assert refused.value.code == "passkey-required"
    assert not Approval.objects.exists()
    assert decide(release, validator, state(release, validator), soft).signature


def test_where_it_is_not_required_it_is_offered(release, validator):
    assert not statements.is_required(release)
    approval = decide_release(release, actor=validator, **said(release))
    assert not ApprovalSignature.objects.filter(approval=approval).exists()


@pytest.mark.usefixtures("tiers")
def test_signed_approvals_of_all_seats_bring_it_live(release, who):
    for role, person in who.reviewers.items():
        _, soft = enrolled(person)
        decide(release, person, state(release, person, role=role), soft, role=role)
    release.refresh_from_db()
    assert release.state == "live"


# ------------------------------------------------------------------ the database, and the offline check


def test_database_refuses_a_signature_about_something_else(release, who, validator):
    _, soft = enrolled(validator)
    approval = decide(release, validator, state(release, validator), soft)
    fairness = who.reviewers["fairness"]
    other = decide_release(release, actor=fairness, **said(release, role="fairness"))
    kept = approval.signature
    values = {field.attname: getattr(kept, field.attname) for field in kept._meta.concrete_fields if field.name != "id"}
    with pytest.raises(IntegrityError, match="key of the person"), transaction.atomic():
        ApprovalSignature.objects.create(**(values | {"approval_id": other.pk, "statement_digest": "0" * 64}))
    row, _ = enrolled(fairness)
    text = kept.statement + " "
    digest = hashlib.sha256(text.encode()).hexdigest()
    more = {"approval_id": other.pk, "passkey_id": row.pk, "statement": text, "statement_digest": digest}
    with pytest.raises(IntegrityError, match="something else"), transaction.atomic():
        ApprovalSignature.objects.create(**(values | more))
    with pytest.raises(DatabaseError, match=r"append-only|permission denied"), transaction.atomic():
        ApprovalSignature.objects.filter(pk=kept.pk).update(statement="{}")


def offline(release, **changed):
    history = key_history(bytes(one.leaf).decode() for one in LedgerEntry.objects.order_by("pk"))
    document = selectors_signatures.documents(selectors_signatures.signatures_of(release))[0]
    return check_signatures([document | changed], history)


def test_offline_check_finds_each_forgery(release, validator):
    row, soft = enrolled(validator)
    decide(release, validator, state(release, validator), soft)
    assert offline(release) == []
    document = selectors_signatures.documents(selectors_signatures.signatures_of(release))[0]
    forged = document["statement"].replace('"approve"', '"reject"')
    digest = hashlib.sha256(forged.encode()).hexdigest()
    assert "digest" in offline(release, statement=forged)[0]
    assert "choice" in offline(release, statement=forged, statement_sha256=digest)[0]
    assert "Another text" in offline(release, statement=forged, statement_sha256=digest, choice="reject")[0]
    assert "no such key" in offline(release, assertion=SoftKey().get(b"x"))[0]
    assert "something else" in offline(release, person=f"user:{people.person().uuid}")[0]
    assert "signed at" in offline(release, origin="https://other.example")[0]
    assert "enrolled after" in offline(release, signed_at="2001-01-01T00:00:00+00:00")[0]
    assert "cannot be read" in offline(release, assertion={"id": row.credential_id})[0].lower()
    passkeys.revoke(row, actor=validator)
    assert offline(release) == [], "what it signed before stays valid"
    later = (timezone.now() + dt.timedelta(hours=1)).isoformat()
    assert "revoked" in offline(release, signed_at=later)[0]


# ------------------------------------------------------------------ pages and API


def fields(release, **kw):
    return {name: str(value) for name, value in said(release, **kw).items()}


def test_page_gives_the_statement_and_takes_the_signature(release, validator, as_user):
    _, soft = enrolled(validator)
    client = as_user(validator)
    page = client.get(reverse("release", kwargs={"number": release.pk})).content.decode()
    assert "data-sign-dialog" in page
    answer = client.post(reverse("release-statement", kwargs={"number": release.pk}), fields(release))
    told = answer.json()
    assert answer["Cache-Control"] == "no-store"
    assert ["Decision", "Approve"] in told["shown"]
    assert told["publicKey"]["userVerification"] == "required"
    assertion = soft.get(bytes.fromhex(told["digest"]))
    sent = fields(release) | {"signed_statement": told["digest"], "assertion": json.dumps(assertion)}
    response = client.post(reverse("release-decide", kwargs={"number": release.pk}), sent)
    assert response.status_code == 302
    assert Approval.objects.get().signature.statement_digest == told["digest"]


@pytest.mark.usefixtures("tiers")
def test_page_says_how_to_enrol_where_it_is_required(release, validator, as_user):
    client = as_user(validator)
    page = client.get(reverse("release", kwargs={"number": release.pk})).content.decode()
    assert "You need a passkey to decide here" in page
    response = client.post(reverse("release-decide", kwargs={"number": release.pk}), fields(release, reason="Kept."))
    assert response.status_code == 409
    text = response.content.decode()
    assert "You have no passkey" in text
    assert "Kept." in text
    answer = client.post(reverse("release-statement", kwargs={"number": release.pk}), fields(release))
    assert answer.json()["type"] == "urn:gatehouse:problem:passkey-none"


def test_statement_page_refuses_an_incomplete_form_and_a_stale_decision(release, validator, as_user):
    enrolled(validator)
    client, url = as_user(validator), reverse("release-statement", kwargs={"number": release.pk})
    assert client.post(url, {}).status_code == 422
    answer = client.post(url, fields(release, decision_digest="0" * 64))
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:gatehouse:problem:stale-decision"


def test_unreadable_signature_is_refused_in_words(release, validator, as_user):
    enrolled(validator)
    sent = fields(release) | {"signed_statement": "0" * 64, "assertion": "{"}
    response = as_user(validator).post(reverse("release-decide", kwargs={"number": release.pk}), sent)
    assert response.status_code == 422
    assert "cannot be read" in response.content.decode()


def test_api_gives_signatures_to_readers_of_the_release(release, validator, client):
    _, soft = enrolled(validator)
    decide(release, validator, state(release, validator), soft)
    url = reverse("api-release-signatures", kwargs={"release": release.public_id})
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {people.token(people.person('auditor'))}"}
    rows = client.get(url, **bearer).json()["results"]
    history = key_history(bytes(one.leaf).decode() for one in LedgerEntry.objects.order_by("pk"))
    assert check_signatures(rows, history) == []
    stranger = {"HTTP_AUTHORIZATION": f"Bearer {people.token(people.person('viewer', people.team('other')))}"}
    assert client.get(url, **stranger).status_code == 404


def test_reason_can_be_erased_and_the_signature_still_holds(release, validator):
    _, soft = enrolled(validator)
    approval = decide(release, validator, state(release, validator, reason="Yes."), soft, reason="Yes.")
    with transaction.atomic():
        ApprovalSignature.objects.filter(pk=approval.signature.pk).update(reason_salt=None)
        row = ApprovalSignature.objects.get(pk=approval.signature.pk)
        record(actor=None, event="test:salt:erased", subject=row, body={})
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert offline(release) == []
