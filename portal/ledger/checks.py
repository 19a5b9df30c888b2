"""System checks: a governed model that the ledger could not bind stops the start, not the first act."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from portal.ledger import states
from portal.ledger.encoding import StateError


@register()
def governed_models_have_state(**kwargs: Any) -> list[CheckMessage]:
    """Every model with `governed = True` names its `ledger_type` and has a state schema that fits it."""
    found: list[CheckMessage] = []
    seen: dict[str, str] = {}
    for model in states.governed_models():
        label = model._meta.label
        declared = getattr(model, "ledger_type", None)
        if not declared:
            found.append(Error(f"{label} is governed and names no ledger_type", obj=model, id="ledger.E001"))
            continue
        if declared in seen:
            text = f"{label} and {seen[declared]} share the ledger_type {declared!r}"
            found.append(Error(text, obj=model, id="ledger.E002"))
        seen[declared] = label
        try:
            schema = states.current_schema(model)
            problem = "has no state schema" if schema is None else ""
            if schema is not None:
                _ = schema.model_fields
        except StateError as error:
            problem = str(error)
        if problem:
            hint = f'states.register("{declared}/1", model="{label}", fields=(...)) in the app\'s ledger_states.py'
            found.append(Error(f"{label}: {problem}", hint=hint, obj=model, id="ledger.E003"))
    return found
