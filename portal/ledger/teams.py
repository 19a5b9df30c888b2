"""Whose an entry is: the team whose readers may open it. An index for access beside the log; no leaf names a team.

A row belongs to the team that its manager's `visible_to` leads to. Apps register, from their `ledger_states.py`, what
no manager says: another path, or kinds of subjects that belong to the whole organisation. An entry whose team is not
known and whose kind nobody registered is for readers of the whole organisation alone.
"""

from __future__ import annotations

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from portal.access import ScopedQuerySet

_paths: dict[str, str] = {}
# A restored backup concerns everybody whose work is in it.
_organisation: set[str] = {"portal.backup"}


def register(model: str, path: str) -> None:
    """Say which way leads from a row to its team: register("governance.Approval", "release__version__model__team").

    Raises ValueError when the model is registered with another way.
    """
    if _paths.setdefault(model.lower(), path) != path:
        raise ValueError(f"{model} leads to its team by {_paths[model.lower()]} already")


def register_organisation(*subject_types: str) -> None:
    """Kinds of subjects whose entries, where they name no team, every reader of the log may open."""
    _organisation.update(subject_types)


def organisation_types() -> list[str]:
    """The subject types registered as the organisation's, in order."""
    return sorted(_organisation)


def path_of(model: type[models.Model]) -> str | None:
    """The way from a row of this model to its team, or None when it has none."""
    if path := _paths.get(model._meta.label_lower):
        return path
    rows = model._default_manager.all()
    return rows.team_path if isinstance(rows, ScopedQuerySet) else None


def is_decided(model: type[models.Model]) -> bool:
    """Whether somebody said who may read the entries about rows of this model."""
    return path_of(model) is not None or getattr(model, "ledger_type", "") in _organisation


def team_of(row: models.Model) -> int | None:
    """The id of the team that the row belongs to, or None. Without a query where the way is loaded, else with one."""
    path = path_of(type(row))
    if path is None:
        return None
    *steps, last = path.split("__")
    for number, name in enumerate(steps):
        field = row._meta.get_field(name)
        if not field.is_cached(row):  # type: ignore[union-attr]
            rest = [*steps[number + 1 :], last]
            return _fetched(field.related_model, getattr(row, field.attname), rest)  # type: ignore[arg-type,union-attr]
        following = getattr(row, name)
        if following is None:
            return None
        row = following
    found = row.pk if last == "pk" else getattr(row, str(row._meta.get_field(last).attname))  # type: ignore[union-attr]
    return None if found is None else int(found)


def _fetched(model: type[models.Model], key: object, steps: list[str]) -> int | None:
    if key is None:
        return None
    found: int | None = model._base_manager.filter(pk=key).values_list("__".join(steps), flat=True).first()
    return found


def check_registrations() -> list[str]:
    """Registered ways that no model has: "app.model: what is wrong" each."""
    wrong = []
    for label, path in _paths.items():
        model: type[models.Model] | None = apps.get_model(label)
        for name in path.split("__"):
            try:
                field = model._meta.get_field(name) if model is not None and name != "pk" else None
            except FieldDoesNotExist:
                wrong.append(f"{label}: there is no {name} in {path}")
                break
            model = getattr(field, "related_model", None)
    return wrong
