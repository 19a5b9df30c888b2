"""Asks the configured OPA servers what their policies say of a facts document.

Guarded: only servers that the installation names, no redirect, one time limit for everything that is asked at once,
answers of limited size. Whatever goes wrong becomes a problem in the record, so that the policy is unknown.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import structlog
from django.conf import settings

from governance.gates.document import Policy
from governance.gates.evaluate import plan
from governance.gates.facts import Facts, canonical_bytes
from governance.gates.rego import OddAnswer, RegoPolicy, read_answer
from governance.gates.rego_judge import must_deny_problem, problem_of, recorded, to_ask
from governance.gates.sets import PolicySet
from governance.services.opa_http import Server, post, server_of
from portal.errors import Conflict, InvalidInput

# Seconds for all servers together: the must-deny case and the question, connecting and reading.
LIMIT = 2.0
# Seconds for which a server that did not answer is not asked again, so that many checks do not wait in a row.
QUIET = 5.0
MOST_AT_ONCE = 32
# A token shorter than this could be part of any answer.
SHORT = 8
_quiet: dict[str, float] = {}
log = structlog.get_logger(__name__)


def server_named(name: str) -> Server:
    """The configured server. Raises InvalidInput where there is none, or where its settings are not usable."""
    found = settings.OPA_SERVERS.get(name) if isinstance(settings.OPA_SERVERS, dict) else None
    how = "An administrator names servers in GATEHOUSE_OPA_SERVERS."
    if not isinstance(found, dict):
        raise InvalidInput(f"No OPA server {name!r} is configured.", code="opa-server", field="source", how=how)
    try:
        return server_of(name, found)
    except ValueError as error:
        message = f"The OPA server {name!r} is not configured well: {error}."
        raise InvalidInput(message, code="opa-server", field="source", how=how) from None


# ------------------------------------------------------------------ asking
def consult(policies: Sequence[Policy], sets: Sequence[PolicySet], facts: Facts) -> dict[str, dict[str, Any]]:
    """By policy, the record of what its server said of these facts; only for policies that apply.

    Whatever a server does becomes a problem in its record. Raises GateError as `evaluate` does for its arguments.
    """
    mine = [one for one in policies if isinstance(one, RegoPolicy)]
    if not mine:
        return {}
    plans, _ = plan(mine, facts, sets, {})
    asked = to_ask(plans)
    question = b'{"input":' + canonical_bytes(facts) + b"}"
    about = {one.name: {"policy_digest": one.digest, "facts_digest": facts.digest} for one in asked}
    answers = _at_once(asked, question)
    found = {one.name: about[one.name] | answers[one.name] for one in asked}
    for one in asked:
        if why := problem_of(one, recorded(one, found[one.name], facts.digest)):
            log.warning("opa_no_answer", policy=one.name, server=one.opa.server, why=why)
    return found


def check_must_deny(policy: RegoPolicy) -> None:
    """Ask the server now whether it denies the case that it must deny.

    Raises InvalidInput for a server that is not configured, Conflict where it does not deny or does not answer.
    """
    _quiet.pop(server_named(policy.opa.server).address, None)
    said = _at_once([policy], None)[policy.name]
    problem = said.get("problem") or must_deny_problem(policy.opa.server, said["must_deny"])
    if problem:
        how = "See that the server runs, has the bundle and denies mustDeny at this path; then try again."
        raise Conflict(str(problem), code="must-deny", field="source", how=how)


def _at_once(policies: Sequence[RegoPolicy], question: bytes | None) -> dict[str, dict[str, Any]]:
    """What each server said, asked side by side with one end for all of them."""
    if not policies:
        return {}
    ends = time.monotonic() + LIMIT
    pool = ThreadPoolExecutor(max_workers=min(len(policies), MOST_AT_ONCE), thread_name_prefix="opa")
    futures = {one.name: pool.submit(_ask, one, question, ends) for one in policies}
    # A thread that a name server or a handshake holds up is not waited for: it ends by itself.
    wait(futures.values(), timeout=ends - time.monotonic())
    pool.shutdown(wait=False, cancel_futures=True)
    return {one.name: _outcome(one, futures[one.name]) for one in policies}


def _outcome(policy: RegoPolicy, future: Future[dict[str, Any]]) -> dict[str, Any]:
    if future.done() and not future.cancelled():
        error = future.exception()
        if error is None:
            return future.result()
        # The name only: the text of an error may hold what was sent.
        return {"problem": f"The OPA server {policy.opa.server} cannot be asked: {type(error).__name__}."}
    _let_rest(server_named(policy.opa.server))
    return {"problem": f"The OPA server {policy.opa.server} did not answer within {LIMIT:g} seconds."}


def _ask(policy: RegoPolicy, question: bytes | None, ends: float) -> dict[str, Any]:
    try:
        server = server_named(policy.opa.server)
    except InvalidInput as error:
        return {"problem": error.message}
    if _quiet.get(server.address, 0.0) > time.monotonic():
        return {"problem": f"The OPA server {server.name} did not answer a moment ago; it is asked again soon."}
    case = b'{"input":' + canonical_bytes(policy.must_deny) + b"}"
    found = {"must_deny": _reply(server, policy.opa.path, case, ends)}
    if question is not None and not must_deny_problem(server.name, found["must_deny"]):
        found["answer"] = _reply(server, policy.opa.path, question, ends)
    return found


def _reply(server: Server, path: str, body: bytes, ends: float) -> dict[str, Any]:
    """The answer to one question, or {problem}."""
    try:
        said = post(server, path, body, ends)
        if len(server.token) >= SHORT and server.token.encode() in said:
            raise OddAnswer("repeats the secret that it was asked with")
        return read_answer(said).document()
    except OddAnswer as error:
        return {"problem": str(error)}
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, TimeoutError):
            _let_rest(server)
            return {"problem": f"did not come within {LIMIT:g} seconds"}
        # The name only: the text of an error may hold what was sent.
        return {"problem": f"did not come ({type(error).__name__})"}


def _let_rest(server: Server) -> None:
    _quiet[server.address] = time.monotonic() + QUIET
