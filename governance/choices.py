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
    DRAFT = "draft", "Draft"
    CHECKING = "checking", "Checking"
    BLOCKED = "blocked", "Refused by a gate"
    IN_REVIEW = "in_review", "In review"
    CHANGES_ASKED = "changes_asked", "Changes asked"
    APPROVED = "approved", "Approved"
    ROLLING_OUT = "rolling_out", "Rolling out"
    BURN_IN = "burn_in", "Burn-in"
    LIVE = "live", "Live"
    HELD = "held", "Held"
    SUSPENDED = "suspended", "Suspended"
    ROLLING_BACK = "rolling_back", "Rolling back"
    ROLLED_BACK = "rolled_back", "Rolled back"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"
    SUPERSEDED = "superseded", "Superseded"


class DecisionChoice(models.TextChoices):
    APPROVE = "approve", "Approve"
    CONDITIONS = "conditions", "Approve with conditions"
    CHANGES = "changes", "Ask for changes"
    REJECT = "reject", "Reject"


class Opinion(models.TextChoices):
    """What validation says of a version for one use, bound to the decision that was read."""

    FIT = "fit", "Fit"
    CONDITIONS = "conditions", "Fit with conditions"
    NOT_FIT = "not_fit", "Not fit"


class VoteChoice(models.TextChoices):
    YES = "yes", "Yes"
    NO = "no", "No"
    ABSTAIN = "abstain", "Abstains"


class Materiality(models.TextChoices):
    """How much a release differs from what is live, the least first."""

    NONE = "none", "None"
    MINOR = "minor", "Minor"
    MATERIAL = "material", "Material"
    SUBSTANTIAL = "substantial", "Substantial"


class ConditionState(models.TextChoices):
    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"


class Overdue(models.TextChoices):
    """What happens when something promised is not done by its day."""

    FLAG = "flag", "Flag it"
    HOLD = "hold", "Hold the release"
    ROLL_BACK = "roll_back", "Roll back"


class Severity(models.TextChoices):
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


class FallbackKind(models.TextChoices):
    """Where a release goes back to."""

    VERSION = "version", "An older version"
    SUSPEND = "suspend", "Suspend the endpoint"
    MANUAL = "manual", "A manual process"


class SecondRelease(models.TextChoices):
    """What becomes of a second release to an endpoint while another is open there."""

    TOGETHER = "together", "Both go on; the one approved later replaces the other"
    QUEUE = "queue", "The later one waits until the earlier one is over"
    REFUSE = "refuse", "The later one is refused"


class EmergencyState(models.TextChoices):
    WAITING = "waiting", "Waits for its review"
    OVERDUE = "overdue", "Its review is overdue"
    REVIEWED = "reviewed", "Reviewed"


class EmergencyOverdue(models.TextChoices):
    ESCALATE = "escalate", "Escalate"
    HOLD = "hold", "Hold the release"
    ROLL_BACK = "roll_back", "Roll back to the verified fallback"


class EmergencyOutcome(models.TextChoices):
    UPHELD = "upheld", "It was right to go live"
    HOLD = "hold", "Hold it"
    ROLL_BACK = "roll_back", "Roll it back"


S = ReleaseState
# From each state, the states a release may go to. Nothing else is possible, in code or in the database.
TRANSITIONS: dict[str, frozenset[str]] = {
    S.DRAFT: frozenset({S.CHECKING, S.WITHDRAWN}),
    S.CHECKING: frozenset({S.BLOCKED, S.IN_REVIEW, S.WITHDRAWN, S.EXPIRED}),
    S.BLOCKED: frozenset({S.IN_REVIEW, S.CHANGES_ASKED, S.WITHDRAWN, S.EXPIRED}),
    S.IN_REVIEW: frozenset(
        {S.BLOCKED, S.CHANGES_ASKED, S.REJECTED, S.WITHDRAWN, S.EXPIRED, S.APPROVED, S.HELD, S.LIVE}
    ),
    S.CHANGES_ASKED: frozenset({S.IN_REVIEW, S.BLOCKED, S.WITHDRAWN, S.EXPIRED}),
    S.APPROVED: frozenset(
        {S.ROLLING_OUT, S.LIVE, S.IN_REVIEW, S.BLOCKED, S.CHANGES_ASKED, S.REJECTED, S.WITHDRAWN, S.EXPIRED, S.HELD}
    ),
    S.ROLLING_OUT: frozenset({S.BURN_IN, S.LIVE, S.HELD, S.SUSPENDED, S.ROLLING_BACK}),
    S.BURN_IN: frozenset({S.LIVE, S.HELD, S.SUSPENDED, S.ROLLING_BACK, S.SUPERSEDED}),
    S.LIVE: frozenset({S.SUPERSEDED, S.HELD, S.SUSPENDED, S.ROLLING_BACK}),
    S.HELD: frozenset(
        {S.IN_REVIEW, S.ROLLING_OUT, S.BURN_IN, S.LIVE, S.SUSPENDED, S.ROLLING_BACK, S.SUPERSEDED, S.WITHDRAWN}
    ),
    S.SUSPENDED: frozenset({S.LIVE, S.ROLLING_BACK, S.ROLLED_BACK, S.SUPERSEDED}),
    S.ROLLING_BACK: frozenset({S.ROLLED_BACK, S.SUSPENDED}),
    S.REJECTED: frozenset(),
    S.WITHDRAWN: frozenset(),
    S.EXPIRED: frozenset(),
    S.ROLLED_BACK: frozenset(),
    # Only what another release is rolled back to.
    S.SUPERSEDED: frozenset({S.LIVE}),
}
OPEN_STATES = (S.CHECKING, S.BLOCKED, S.IN_REVIEW, S.CHANGES_ASKED)
# A version is asked for once at an endpoint: until it is decided, and from then until it answers.
ASKED_STATES = (*OPEN_STATES, S.APPROVED, S.ROLLING_OUT, S.BURN_IN)
UNDER_WAY = (S.ROLLING_OUT, S.BURN_IN)
# What people can take back: nothing of it answers anybody yet.
WITHDRAWABLE = (S.DRAFT, *OPEN_STATES, S.APPROVED)
ASSESSED_STATES = (*OPEN_STATES, S.APPROVED, *UNDER_WAY, S.LIVE, S.HELD, S.SUSPENDED)
ENDED_STATES = (S.REJECTED, S.WITHDRAWN, S.EXPIRED, S.ROLLED_BACK, S.SUPERSEDED)
# Verdicts under which nobody can approve.
BLOCKING = (Verdict.FAIL, Verdict.UNKNOWN)
DECIDING_ROLES = (Role.VALIDATOR, Role.RISK, Role.FAIRNESS, Role.LEGAL, Role.COMPLIANCE)
EMERGENCY_ROLES = (Role.RISK, Role.MODEL_OWNER)
del S
