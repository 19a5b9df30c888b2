"""The people of the demo, called by their role, and their common password."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.conf import settings

from portal.accounts import services
from portal.accounts.choices import Role
from portal.accounts.models import Team, User

# Username, name, role, whether the role holds in the demo's teams only.
PEOPLE = (
    ("reviewer", "Fairness reviewer", Role.FAIRNESS, False),
    ("deputy", "Deputy fairness reviewer", Role.FAIRNESS, False),
    ("validator", "Model validator", Role.VALIDATOR, False),
    ("risk", "Risk reviewer", Role.RISK, False),
    ("legal", "Legal reviewer", Role.LEGAL, False),
    ("compliance", "Compliance reviewer", Role.COMPLIANCE, False),
    ("owner", "Model owner", Role.MODEL_OWNER, True),
    ("developer", "Model developer", Role.DEVELOPER, True),
    ("viewer", "Viewer", Role.VIEWER, False),
    ("auditor", "Outside auditor", Role.AUDITOR, False),
    ("admin", "Administrator", Role.ADMIN, False),
)
TEAMS = (("lending", "Lending"), ("clinic", "Clinical support"))


def password_file() -> Path:
    return Path(settings.KEYS_DIR) / "demo_password"


def password() -> str:
    """The password of all demo people: made once, at random, and kept in a file of mode 0600."""
    path = password_file()
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"gate-{secrets.token_urlsafe(12)}\n")
    return path.read_text(encoding="ascii").strip()


def make_people() -> tuple[dict[str, User], dict[str, Team]]:
    """The demo's people and teams, by username and slug."""
    teams = {slug: services.create_team(slug, name=name, actor=None, is_demo=True) for slug, name in TEAMS}
    secret, people = password(), {}
    for username, name, role, in_teams in PEOPLE:
        user = services.create_person(username, name=name, password=secret, actor=None, is_demo=True)
        for team in teams.values() if in_teams else [None]:
            services.grant_role(user, role=role, team=team, actor=None)
        people[username] = user
    return people, teams
