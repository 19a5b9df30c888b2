"""Who may open what, written out. A new address or a changed right shows here as a changed line, in review.

ROUTES names the permission of every address; HOLDERS names the roles of every permission. Each pair of role and
address is then asked for real.
"""

import re
import uuid

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from portal.access import ROLE_PERMISSIONS, Permission
from portal.accounts.choices import Role
from tests.factories import people

PUBLIC = {
    *("account_login", "account_logout", "account_reauthenticate", "account_inactive", "account_change_password"),
    *("healthz", "readyz", "log-checkpoint", "log-key", "log-key-pem", "evidence-ca", "api-schema", "api-docs"),
}
FIRST = {"developer", "model_owner"}
SECOND = {"validator", "risk", "fairness", "legal", "compliance"}
READERS = FIRST | SECOND | {"auditor"}
HOLDERS = {
    "audits:evidence_pack:create": FIRST | SECOND | {"auditor"},
    "audits:evidence_pack:read": READERS | {"viewer"},
    "audits:test_run:create": FIRST | SECOND,
    "catalog:attestation:record": FIRST | SECOND,
    "catalog:dataset:create": FIRST,
    "catalog:endpoint:create": {"model_owner"},
    "catalog:fact:record": FIRST | {"validator"},
    "catalog:judgement:record": SECOND,
    "catalog:model:create": {"model_owner"},
    "catalog:model:read": READERS | {"viewer"},
    "catalog:version:create": FIRST,
    "governance:finding:raise": SECOND | {"auditor"},
    "governance:gate:check": FIRST | SECOND,
    "governance:policy:approve": SECOND,
    "governance:policy:draft": FIRST | SECOND,
    "governance:policy:read": READERS | {"viewer"},
    "governance:release:decide": SECOND,
    "governance:release:emergency": SECOND | {"model_owner"},
    "governance:release:hold": SECOND,
    "governance:release:read": READERS | {"viewer"},
    "governance:release:request": FIRST,
    "governance:release:roll_back": SECOND | {"model_owner"},
    "governance:release:withdraw": FIRST,
    "portal:home:read": READERS | {"viewer", "admin"},
    "portal:job:cancel": FIRST | SECOND,
    "portal:job:read": READERS | {"viewer", "admin"},
    "portal:ledger:read": READERS | {"admin"},
    "portal:passkey:approve": SECOND | {"admin"},
    "portal:passkey:own": READERS | {"viewer", "admin"},
    "portal:notice:manage": {"admin"},
    "portal:styleguide:read": {"admin"},
    "portal:token:own": READERS,
    "portal:user:manage": {"admin"},
}
ROUTES = {
    # pages of the shell
    "home": "portal:home:read",
    "search": "portal:home:read",
    "demo-dismiss": "portal:home:read",
    "tokens": "portal:token:own",
    "token-revoke": "portal:token:own",
    "passkeys": "portal:passkey:own",
    "passkey-begin": "portal:passkey:own",
    "passkey-rename": "portal:passkey:own",
    "passkey-revoke": "portal:passkey:own",
    "passkey-lost": "portal:passkey:own",
    "passkeys-waiting": "portal:passkey:approve",
    "passkey-approve": "portal:passkey:approve",
    "passkey-refuse": "portal:passkey:approve",
    "people": "portal:user:manage",
    "person-new": "portal:user:manage",
    "team-new": "portal:user:manage",
    "person-edit": "portal:user:manage",
    "membership-end": "portal:user:manage",
    "person-close": "portal:user:manage",
    "person-open": "portal:user:manage",
    "person-password": "portal:user:manage",
    "styleguide": "portal:styleguide:read",
    "audit-log": "portal:ledger:read",
    "audit-log-export": "portal:ledger:read",
    "ledger-entry": "portal:ledger:read",
    "ledger-entry-json": "portal:ledger:read",
    "job": "portal:job:read",
    "job-cancel": "portal:job:cancel",
    "notice-preferences": "portal:home:read",
    "webhooks": "portal:notice:manage",
    "webhook-new": "portal:notice:manage",
    "webhook": "portal:notice:manage",
    "webhook-act": "portal:notice:manage",
    "deliveries": "portal:notice:manage",
    "delivery": "portal:notice:manage",
    "delivery-replay": "portal:notice:manage",
    # pages of the catalog
    "models": "catalog:model:read",
    "models-csv": "catalog:model:read",
    "models-json": "catalog:model:read",
    "model": "catalog:model:read",
    "model-new": "catalog:model:create",
    "version": "catalog:model:read",
    "version-new": "catalog:version:create",
    "version-upload": "catalog:version:create",
    "version-card": "catalog:fact:record",
    "datasets": "catalog:model:read",
    "dataset": "catalog:model:read",
    "dataset-new": "catalog:dataset:create",
    "snapshot-new": "catalog:dataset:create",
    "endpoints": "catalog:model:read",
    "endpoint": "catalog:model:read",
    "endpoint-new": "catalog:endpoint:create",
    "evidence": "catalog:model:read",
    "attestation": "catalog:model:read",
    # pages of governance
    "releases": "governance:release:read",
    "release": "governance:release:read",
    "release-new": "governance:release:request",
    "release-live": "governance:release:read",
    "model-history": "governance:release:read",
    "model-history-file": "governance:release:read",
    "endpoint-history": "governance:release:read",
    "endpoint-history-file": "governance:release:read",
    "endpoint-at": "governance:release:read",
    "release-decide": "governance:release:decide",
    "release-statement": "governance:release:decide",
    "release-withdraw": "governance:release:withdraw",
    "decision": "governance:release:read",
    "decision-facts": "governance:release:read",
    "decision-result": "governance:release:read",
    "decision-replay": "governance:release:read",
    "decision-why": "governance:release:read",
    "version-facts": "governance:release:read",
    "version-facts-json": "governance:release:read",
    "version-attest": "catalog:attestation:record",
    "endpoint-attest": "catalog:attestation:record",
    "condition-close": "governance:release:read",
    "condition-new": "governance:release:hold",
    "finding-new": "governance:finding:raise",
    "finding-close": "governance:release:decide",
    "release-submit": "governance:release:request",
    "release-hold": "governance:release:hold",
    "release-suspend": "governance:release:hold",
    "release-resume": "governance:release:hold",
    "release-roll-back": "governance:release:roll_back",
    "release-emergency": "governance:release:emergency",
    "release-emergency-review": "governance:release:decide",
    "policies": "governance:policy:read",
    "policy": "governance:policy:read",
    "policy-source": "governance:policy:read",
    "policies-applied": "governance:release:read",
    "policy-drafts": "governance:policy:read",
    "policy-draft-new": "governance:policy:draft",
    "policy-draft": "governance:policy:read",
    "policy-draft-check": "governance:policy:read",
    "policy-draft-decide": "governance:policy:approve",
    "policy-draft-mutants": "governance:policy:read",
    "policy-draft-preview": "governance:policy:read",
    "policy-facts-schema": "governance:policy:read",
    "policy-facts-explorer": "governance:release:read",
    "policy-library": "governance:policy:read",
    "policy-library-entry": "governance:policy:read",
    # pages of audits
    "bias-reports": "catalog:model:read",
    "bias-report": "catalog:model:read",
    "bias-numbers": "catalog:model:read",
    "bias-new": "audits:test_run:create",
    "test-run": "catalog:model:read",
    "evidence-packs": "audits:evidence_pack:read",
    "evidence-pack": "audits:evidence_pack:read",
    "evidence-pack-download": "audits:evidence_pack:read",
    "evidence-pack-new": "audits:evidence_pack:create",
    # the API
    "api-webhooks": {"GET": "portal:notice:manage", "POST": "portal:notice:manage"},
    "api-webhook": {"GET": "portal:notice:manage", "PATCH": "portal:notice:manage"},
    "api-webhook-rotate": {"POST": "portal:notice:manage"},
    "api-webhook-test": {"POST": "portal:notice:manage"},
    "api-webhook-replay": {"POST": "portal:notice:manage"},
    "api-webhook-deliveries": {"GET": "portal:notice:manage"},
    "api-delivery-replay": {"POST": "portal:notice:manage"},
    "api-me": {"GET": "portal:home:read"},
    "api-passkeys": {"GET": "portal:passkey:own"},
    "api-ledger-entries": {"GET": "portal:ledger:read"},
    "api-ledger-entry": {"GET": "portal:ledger:read"},
    "api-ledger-checkpoint": {"GET": "portal:ledger:read"},
    "api-job": {"GET": "portal:job:read"},
    "api-job-cancel": {"POST": "portal:job:cancel"},
    "api-models": {"GET": "catalog:model:read", "POST": "catalog:model:create"},
    "api-model": {"GET": "catalog:model:read"},
    "api-versions": {"GET": "catalog:model:read", "POST": "catalog:version:create"},
    "api-version": {"GET": "catalog:model:read"},
    "api-artifact": {"PUT": "catalog:version:create"},
    "api-metrics": {"POST": "catalog:fact:record"},
    "api-version-evidence": {"GET": "catalog:model:read"},
    "api-card": {"GET": "catalog:model:read", "PUT": "catalog:fact:record"},
    "api-datasets": {"GET": "catalog:model:read", "POST": "catalog:dataset:create"},
    "api-dataset": {"GET": "catalog:model:read"},
    "api-snapshots": {"GET": "catalog:model:read", "POST": "catalog:dataset:create"},
    "api-endpoints": {"GET": "catalog:model:read", "POST": "catalog:endpoint:create"},
    "api-endpoint": {"GET": "catalog:model:read"},
    "api-evidence": {"GET": "catalog:model:read"},
    "api-model-attestations": {"GET": "catalog:model:read", "POST": "catalog:attestation:record"},
    "api-version-attestations": {"GET": "catalog:model:read", "POST": "catalog:attestation:record"},
    "api-endpoint-attestations": {"GET": "catalog:model:read", "POST": "catalog:attestation:record"},
    "api-attestation": {"GET": "catalog:model:read"},
    "api-facts-schema": {"GET": "governance:policy:read"},
    "api-gate-checks": {"POST": "governance:gate:check"},
    "api-facts": {"GET": "governance:release:read"},
    "api-releases": {"GET": "governance:release:read", "POST": "governance:release:request"},
    "api-release": {"GET": "governance:release:read"},
    "api-release-decisions": {"POST": "governance:release:decide"},
    "api-release-signatures": {"GET": "governance:release:read"},
    "api-release-withdraw": {"POST": "governance:release:withdraw"},
    "api-model-history": {"GET": "governance:release:read"},
    "api-endpoint-history": {"GET": "governance:release:read"},
    "api-endpoint-live": {"GET": "governance:release:read"},
    "api-release-submit": {"POST": "governance:release:request"},
    "api-release-hold": {"POST": "governance:release:hold"},
    "api-release-suspend": {"POST": "governance:release:hold"},
    "api-release-resume": {"POST": "governance:release:hold"},
    "api-release-roll-back": {"POST": "governance:release:roll_back"},
    "api-release-emergency": {"POST": "governance:release:emergency"},
    "api-emergency-review": {"POST": "governance:release:decide"},
    "api-release-conditions": {"GET": "governance:release:read", "POST": "governance:release:hold"},
    "api-condition-close": {"POST": "governance:release:read"},
    "api-findings": {"GET": "governance:release:read", "POST": "governance:finding:raise"},
    "api-finding-close": {"POST": "governance:release:decide"},
    "api-release-rules": {"GET": "governance:release:read", "PUT": "governance:release:hold"},
    "api-decision": {"GET": "governance:release:read"},
    "api-gate-checks-batch": {"POST": "governance:gate:check"},
    "api-policies": {"GET": "governance:policy:read"},
    "api-policy": {"GET": "governance:policy:read"},
    "api-policy-bundle": {"GET": "governance:policy:read"},
    "api-policy-checks": {"POST": "governance:policy:read"},
    "api-policy-drafts": {"GET": "governance:policy:read", "POST": "governance:policy:draft"},
    "api-policy-draft": {"GET": "governance:policy:read", "PUT": "governance:policy:draft"},
    "api-policy-draft-propose": {"POST": "governance:policy:draft"},
    "api-policy-draft-take-back": {"POST": "governance:policy:draft"},
    "api-policy-draft-abandon": {"POST": "governance:policy:draft"},
    "api-policy-draft-rebase": {"POST": "governance:policy:draft"},
    "api-policy-draft-decisions": {"POST": "governance:policy:approve"},
    "api-policy-draft-backtests": {"GET": "governance:policy:read", "POST": "governance:policy:draft"},
    "api-policy-draft-shadow": {"GET": "governance:policy:read", "PUT": "governance:policy:draft"},
    "api-predictions": {"POST": "audits:test_run:create"},
    "api-test-run": {"GET": "catalog:model:read"},
    "api-release-packs": {"GET": "audits:evidence_pack:read", "POST": "audits:evidence_pack:create"},
    "api-pack": {"GET": "audits:evidence_pack:read"},
    "api-pack-report": {"GET": "audits:evidence_pack:read"},
    "incident-close": "governance:release:decide",
    "api-admission": {"POST": "governance:release:read"},
    "api-desired-state": {"GET": "governance:release:read"},
    "api-desired-state-key": {"GET": "governance:release:read"},
    "api-signals": {"POST": "catalog:fact:record"},
    "api-rollout": {"GET": "governance:release:read", "PUT": "governance:release:request"},
    "api-rollout-steps": {"POST": "governance:release:request"},
    "api-rollout-share-approvals": {"POST": "governance:release:decide"},
    # seats: delegations, recusals, committees, materiality
    "delegations": "governance:release:read",
    "delegation-new": "governance:release:decide",
    "delegation-revoke": "governance:release:decide",
    "release-recuse": "governance:release:decide",
    "release-class": "governance:release:decide",
    "sitting-new": "governance:release:decide",
    "sitting": "governance:release:read",
    "sitting-vote": "governance:release:decide",
    "sitting-close": "governance:release:decide",
    "api-delegations": {"GET": "governance:release:read", "POST": "governance:release:decide"},
    "api-delegation-revoke": {"POST": "governance:release:decide"},
    "api-release-recusals": {"POST": "governance:release:decide"},
    "api-release-materiality": {"GET": "governance:release:read", "POST": "governance:release:decide"},
    "api-release-sittings": {"GET": "governance:release:read", "POST": "governance:release:decide"},
    "api-sitting": {"GET": "governance:release:read"},
    "api-sitting-votes": {"POST": "governance:release:decide"},
    "api-sitting-close": {"POST": "governance:release:decide"},
}
# Pages that only take a form.
POST_ONLY = {
    *("token-revoke", "membership-end", "person-close", "person-open", "job-cancel", "demo-dismiss"),
    *("webhook-act", "delivery-replay", "policy-draft-check"),
    *("release-decide", "evidence-pack-new", "person-password", "delegation-revoke"),
    *(
        "release-statement",
        "passkey-begin",
        "passkey-rename",
        "passkey-revoke",
        "passkey-lost",
        "passkey-approve",
        "passkey-refuse",
    ),
}
# What each kind of path part is filled with: a thing that does not exist.
NOTHING = {"int": 999999, "uuid": uuid.UUID(int=1), "str": "no-such", "path": "no-such", "slug": "no-such"}


def patterns(resolver=None):
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry)
        else:
            yield entry


def arguments(pattern):
    converters = pattern.pattern.converters
    if converters:
        kinds = {name: type(one).__name__.removesuffix("Converter").lower() for name, one in converters.items()}
        return {name: NOTHING.get({"integer": "int", "string": "str"}.get(kind, kind)) for name, kind in kinds.items()}
    regex = getattr(pattern.pattern, "regex", None)
    names = list(regex.groupindex) if regex is not None else []
    return {name: "csv" if name == "form" else "999999" for name in names}


ENTRIES = {entry.name: entry for entry in patterns()}
ASKED = [
    (name, method, permission)
    for name, declared in ROUTES.items()
    for method, permission in (
        declared.items() if isinstance(declared, dict) else [("POST" if name in POST_ONLY else "GET", declared)]
    )
]


def test_every_address_has_a_name():
    assert None not in ENTRIES


def test_every_address_is_in_the_table():
    assert set(ENTRIES) - PUBLIC - set(ROUTES) == set(), "add the address with its permission to ROUTES"
    assert set(ROUTES) - set(ENTRIES) == set(), "the table names an address that is gone"


@pytest.mark.parametrize("name", ROUTES)
def test_address_declares_the_permission_of_the_table(name):
    view = getattr(ENTRIES[name].callback, "view_class", None) or ENTRIES[name].callback.cls
    expected = ROUTES[name]
    if isinstance(expected, dict):
        assert {method: str(one) for method, one in view.permissions.items()} == expected
    else:
        assert str(view.permission) == expected


def test_roles_hold_what_the_table_says():
    held = {str(one): {str(role) for role, may in ROLE_PERMISSIONS.items() if one in may} for one in Permission}
    assert held == HOLDERS


def test_an_administrator_decides_nothing_and_an_auditor_changes_nothing():
    acts = re.compile(r":(decide|request|withdraw|publish|record|create)$")
    assert not [one for one in ROLE_PERMISSIONS[Role.ADMIN] if acts.search(one)]
    assert {one for one in ROLE_PERMISSIONS[Role.AUDITOR] if acts.search(one)} == {"audits:evidence_pack:create"}


def ask(client, name, method, **more):
    url = reverse(name, kwargs=arguments(ENTRIES[name]))
    return client.generic(method, url, b"{}", content_type="application/json", **more)


@pytest.mark.django_db
@pytest.mark.parametrize("role", [str(role) for role in Role])
def test_role_opens_exactly_its_addresses(role, as_user):
    user = people.person(role)
    browser, machine, wrong = as_user(user), Client(), []
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {people.token(user)}"}
    for name, method, permission in ASKED:
        is_api = isinstance(ROUTES[name], dict)
        status = (ask(machine, name, method, **bearer) if is_api else ask(browser, name, method)).status_code
        may = role in HOLDERS[permission]
        if (status == 403) == may or status >= 500 or status == 401:
            wrong.append(f"{method} {name}: {status}, {'may' if may else 'may not'}")
    assert wrong == []


@pytest.mark.django_db
def test_nobody_opens_nothing_but_what_is_public(client):
    wrong = []
    for name, method, _ in ASKED:
        response = ask(client, name, method)
        is_api = isinstance(ROUTES[name], dict)
        expected = 401 if is_api else 302 if method == "GET" else 403
        if response.status_code != expected or (expected == 302 and "/accounts/login/" not in response["Location"]):
            wrong.append(f"{method} {name}: {response.status_code}")
    assert wrong == []


@pytest.mark.django_db
def test_person_without_role_opens_nothing(as_user):
    browser = as_user(people.person(None))
    opened = [
        name
        for name, method, _ in ASKED
        if isinstance(ROUTES[name], str)
        if ask(browser, name, method).status_code != 403
    ]
    assert opened == []
