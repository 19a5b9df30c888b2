"""Every governed act records: a public function of a service that opens a transaction ends in the ledger."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("portal", "catalog", "governance", "audits")
# Jobs are work, not governed state; the ledger's own services number and sign, they are what record() is made of.
NOT_GOVERNED = ("portal/jobs/services.py", "portal/ledger/services.py")


def modules():
    found = [path for name in PACKAGES for path in (ROOT / name).rglob("services/*.py")]
    found += [path for name in PACKAGES for path in (ROOT / name).rglob("services.py")]
    acts = ("passwords.py", "tokens.py", "passkeys.py", "passkeys_replacing.py")
    found += [ROOT / "portal" / "accounts" / name for name in acts]
    return sorted(path for path in found if str(path.relative_to(ROOT)) not in NOT_GOVERNED)


def called(node):
    """The names of all functions that are called within."""
    names = set()
    for call in (one for one in ast.walk(node) if isinstance(one, ast.Call)):
        if isinstance(call.func, ast.Name):
            names.add(call.func.id)
        elif isinstance(call.func, ast.Attribute):
            names.add(call.func.attr)
    return names


def opens_transaction(function):
    inside = [item.context_expr for one in ast.walk(function) if isinstance(one, ast.With) for item in one.items]
    return any("atomic" in ast.unparse(one) for one in [*function.decorator_list, *inside])


def functions():
    found = {}
    for path in modules():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                found.setdefault(node.name, []).append((str(path.relative_to(ROOT)), node))
    return found


def recording_names(found):
    """Names of service functions that record, by themselves or through another of them."""
    names = {"record"}
    while True:
        more = {name for name, rows in found.items() if name not in names if any(called(n) & names for _, n in rows)}
        if not more:
            return names
        names |= more


# A transaction for another reason than a governed change: each is a decision, so each is listed.
OTHER_REASONS = {
    "audits/services/report_data.py:build_document": "reads under a lock",
    "catalog/services/rows.py:insert": "a savepoint around one row; its callers record",
    "governance/services/backtests.py:enqueue_shadow": "queues a job",
    "governance/services/backtests.py:start_backtest": "queues a job",
    "governance/services/gate_checks.py:start_check": "queues a job",
    "governance/services/gate_checks.py:start_facts_check": "queues a job",
    "governance/services/reassessment.py:enqueue_reassessment": "queues jobs",
}
ALL = functions()
RECORDING = recording_names(ALL)
ACTS = [
    (path, node.name)
    for name, rows in sorted(ALL.items())
    for path, node in rows
    if not name.startswith("_") and opens_transaction(node) and f"{path}:{name}" not in OTHER_REASONS
]


@pytest.mark.parametrize(("path", "name"), ACTS, ids=[f"{path}:{name}" for path, name in ACTS])
def test_act_records(path, name):
    assert name in RECORDING, f"{name} in {path} opens a transaction and leaves no entry in the ledger"


def test_there_are_acts():
    assert {"create_person", "grant_role", "create_token", "revoke_token"} <= {name for _, name in ACTS}


def test_actor_is_keyword_only():
    wrong = [
        f"{path}:{node.name}"
        for rows in ALL.values()
        for path, node in rows
        if not node.name.startswith("_") and any(arg.arg == "actor" for arg in node.args.args)
    ]
    assert wrong == []
