"""States and verdicts of governance, and the one transition table of a release."""

from django.db import models

from portal.accounts.choices import Role


class Verdict(models.TextChoices):
    PASS = "pass", "Pass"
    ASK = "ask", "Asks a person"
    FAIL = "fail", "Fail"
    UNKNOWN = "unknown", "Unknown"
    NOT_APPLICABLE = "not_applicable", "Not applicable"


class PolicyKind(models.TextChoices):
    POLICY = "policy", "Policy"
    SET = "set", "Policy set"


class DraftState(models.TextChoices):
    EDITING = "editing", "Draft"
    PROPOSED = "proposed", "Waits for its owners"
    ACTIVE = "active", "In force"
    REJECTED = "rejected", "Rejected"
    ABANDONED = "abandoned", "Abandoned"


class DraftChoice(models.TextChoices):
    APPROVE = "approve", "Approve"
    CHANGES = "changes", "Ask for changes"
    REJECT = "reject", "Reject"


OPEN_DRAFTS = (DraftState.EDITING, DraftState.PROPOSED)


class Moment(models.TextChoices):
    """Why the gates are asked: a check on the side, a release asked for, a release that is live, production watched."""

    CHECK = "check", "Check"
    REQUEST = "request", "Release asked for"
    LIVE = "live", "Release that is live"
    RUNNING = "running", "Production watched"


class ReleaseState(models.TextChoices):
    CHECKING = "checking", "Checking"
    BLOCKED = "blocked", "Refused by a gate"
    IN_REVIEW = "in_review", "In review"
    CHANGES_ASKED = "changes_asked", "Changes asked"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    LIVE = "live", "Live"
    SUPERSEDED = "superseded", "Superseded"


class DecisionChoice(models.TextChoices):
    APPROVE = "approve", "Approve"
    CONDITIONS = "conditions", "Approve with conditions"
    CHANGES = "changes", "Ask for changes"
    REJECT = "reject", "Reject"


class ConditionState(models.TextChoices):
    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"


S = ReleaseState
# From each state, the states a release may go to. Nothing else is possible, in code or in the database.
TRANSITIONS: dict[str, frozenset[str]] = {
    S.CHECKING: frozenset({S.BLOCKED, S.IN_REVIEW, S.WITHDRAWN}),
    S.BLOCKED: frozenset({S.IN_REVIEW, S.CHANGES_ASKED, S.WITHDRAWN}),
    S.IN_REVIEW: frozenset({S.BLOCKED, S.CHANGES_ASKED, S.REJECTED, S.WITHDRAWN, S.LIVE}),
    S.CHANGES_ASKED: frozenset({S.IN_REVIEW, S.BLOCKED, S.WITHDRAWN}),
    S.LIVE: frozenset({S.SUPERSEDED}),
    S.REJECTED: frozenset(),
    S.WITHDRAWN: frozenset(),
    S.SUPERSEDED: frozenset(),
}
OPEN_STATES = (S.CHECKING, S.BLOCKED, S.IN_REVIEW, S.CHANGES_ASKED)
ASSESSED_STATES = (*OPEN_STATES, S.LIVE)
# Verdicts under which nobody can approve.
BLOCKING = (Verdict.FAIL, Verdict.UNKNOWN)
DECIDING_ROLES = (Role.VALIDATOR, Role.RISK, Role.FAIRNESS, Role.LEGAL, Role.COMPLIANCE)
del S
