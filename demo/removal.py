"""Takes the demo out again: every governed row of it leaves with an entry in the ledger that says so.

Rows of append-only tables cannot be deleted by the portal itself, so this runs with the superuser's connection,
in one transaction. The people stay as closed accounts: the log names who acted, and must go on doing so.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, models, transaction
from django.utils import timezone

from audits.models import EvidencePack, TestRun
from catalog.models import (
    Artifact,
    Attestation,
    BiasMeasure,
    CardRevision,
    CardSection,
    Dataset,
    DatasetSnapshot,
    Deployment,
    Endpoint,
    Evidence,
    Metric,
    ModelVersion,
    RegisteredModel,
    TrainingRun,
    VersionDataset,
)
from governance.models import (
    Approval,
    ApprovalSignature,
    Backtest,
    Condition,
    Decision,
    DecisionPolicy,
    Delegation,
    Emergency,
    Finding,
    IncidentDraft,
    MaterialityClass,
    PendingStatement,
    Policy,
    PolicyApproval,
    PolicyDraft,
    PolicyVersion,
    Recusal,
    Release,
    ReleaseRules,
    Rollout,
    RolloutStep,
    ShadowResult,
    ShareApproval,
    Signal,
    SignalBatch,
    SignalKind,
    Sitting,
    Vote,
)
from portal.accounts.models import Membership, User
from portal.errors import Conflict
from portal.jobs.choices import OPEN
from portal.jobs.models import Job
from portal.ledger.services import Subject, record
from portal.ledger.states import is_marked, ledger_type


def _is_superuser() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return bool(cursor.fetchone()[0])


def _used_by_others() -> str:
    """Real work that stands on the demo and would fall with it, or an empty string."""
    if Release.objects.filter(endpoint__is_demo=True, version__model__is_demo=False).exists():
        return "A release of your own points at a demo endpoint."
    if Release.objects.filter(endpoint__is_demo=False, version__model__is_demo=True).exists():
        return "A demo model was released to an endpoint of your own."
    if VersionDataset.objects.filter(snapshot__dataset__is_demo=True, version__model__is_demo=False).exists():
        return "A version of your own names a demo dataset."
    if DecisionPolicy.objects.filter(
        policy_version__policy__is_demo=True, decision__version__model__is_demo=False
    ).exists():
        return "A decision of your own was made under a demo policy."
    if PolicyDraft.objects.filter(version__policy__is_demo=True, is_demo=False).exists():
        return "You took over a demo policy: a version of it is yours."
    return ""


def _rows() -> Iterable[models.QuerySet]:
    """The demo's rows, those that point to others first."""
    versions = ModelVersion.objects.filter(model__is_demo=True)
    releases = Release.objects.filter(version__in=versions)
    decisions = Decision.objects.filter(version__in=versions)
    evidence = Evidence.objects.filter(version__in=versions)
    revisions = CardRevision.objects.filter(version__in=versions)
    policies = Policy.objects.filter(is_demo=True)
    of_policies = models.Q(base__policy__in=policies) | models.Q(version__policy__in=policies)
    drafts = PolicyDraft.objects.filter(models.Q(is_demo=True) | of_policies)
    yield ShadowResult.objects.filter(models.Q(draft__in=drafts) | models.Q(decision__in=decisions))
    yield Backtest.objects.filter(draft__in=drafts)
    yield PolicyApproval.objects.filter(draft__in=drafts)
    yield drafts
    rollouts = Rollout.objects.filter(release__in=releases)
    sittings = Sitting.objects.filter(release__in=releases)
    batches = SignalBatch.objects.filter(endpoint__is_demo=True)
    yield Signal.objects.filter(batch__in=batches)
    yield batches
    yield SignalKind.objects.filter(endpoint__is_demo=True)
    yield IncidentDraft.objects.filter(release__in=releases)
    yield ShareApproval.objects.filter(rollout__in=rollouts)
    yield RolloutStep.objects.filter(rollout__in=rollouts)
    yield rollouts
    yield Vote.objects.filter(sitting__in=sittings)
    yield sittings
    yield Recusal.objects.filter(release__in=releases)
    yield MaterialityClass.objects.filter(release__in=releases)
    yield Delegation.objects.filter(
        models.Q(model__is_demo=True) | models.Q(endpoint__is_demo=True) | models.Q(giver__is_demo=True)
    )
    yield EvidencePack.objects.filter(release__in=releases)
    yield TestRun.objects.filter(version__in=versions)
    yield Condition.objects.filter(release__in=releases)
    yield Finding.objects.filter(version__in=versions)
    yield Emergency.objects.filter(release__in=releases)
    yield ApprovalSignature.objects.filter(approval__release__in=releases)
    yield PendingStatement.objects.filter(release__in=releases)
    yield Approval.objects.filter(release__in=releases)
    yield Deployment.objects.filter(version__in=versions)
    yield releases
    yield ReleaseRules.objects.filter(endpoint__is_demo=True)
    yield DecisionPolicy.objects.filter(decision__in=decisions)
    yield decisions
    yield PolicyVersion.objects.filter(policy__in=policies)
    yield policies
    yield BiasMeasure.objects.filter(evidence__in=evidence)
    yield Metric.objects.filter(evidence__in=evidence)
    yield CardSection.objects.filter(revision__in=revisions)
    yield revisions
    yield evidence
    of_demo = models.Q(model__is_demo=True) | models.Q(version__in=versions) | models.Q(endpoint__is_demo=True)
    yield Attestation.objects.filter(of_demo)
    yield Artifact.objects.filter(version__in=versions)
    yield VersionDataset.objects.filter(version__in=versions)
    yield versions
    yield TrainingRun.objects.filter(model__is_demo=True)
    yield RegisteredModel.objects.filter(is_demo=True)
    yield DatasetSnapshot.objects.filter(dataset__is_demo=True)
    yield Dataset.objects.filter(is_demo=True)
    yield Endpoint.objects.filter(is_demo=True)


@transaction.atomic
def remove() -> dict[str, int]:
    """Remove the demo; how many rows of each kind went. Raises Conflict when work of your own stands on it."""
    if why := _used_by_others():
        raise Conflict(why, code="demo-in-use", how="Withdraw or move it first; nothing was removed.")
    if not _is_superuser():
        raise Conflict("This needs the database's superuser.", code="not-superuser", how="Use ./gatehouse demo remove.")
    found = [(rows.model, list(rows.order_by("pk").values_list("pk", flat=True))) for rows in _rows()]
    counts: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for model, keys in found:
            if is_marked(model, "governed"):
                for row in model._default_manager.filter(pk__in=keys):
                    name = ledger_type(model).replace("_", "-")
                    record(actor=None, event=f"demo:{name}:removed", subject=row, body={}, gone=True)
            if keys:
                cursor.execute(f'DELETE FROM "{model._meta.db_table}" WHERE id = ANY(%s)', [keys])  # noqa: S608
                counts[str(model._meta.verbose_name_plural)] = len(keys)
        Job.objects.filter(created_by__is_demo=True, state__in=OPEN).update(
            state="cancelled", finished_at=timezone.now()
        )
    _close_people()
    record(actor=None, event="demo:story:removed", subject=Subject("demo.story", "1"), body=dict(counts))
    return counts


def _close_people() -> None:
    """End the memberships and close the accounts, each with its entry; the tokens die with the accounts."""
    now = timezone.now()
    for membership in Membership.objects.select_for_update().filter(user__is_demo=True, ended_at=None):
        membership.ended_at = now
        membership.save(update_fields=["ended_at"])
        record(actor=None, event="portal:membership:ended", subject=membership, body={"role": membership.role})
    for user in User.objects.select_for_update().filter(is_demo=True, is_active=True):
        user.is_active = False
        user.save(update_fields=["is_active"])
        record(actor=None, event="portal:user:closed", subject=user, body={"active": False})
