"""What the ledger binds of accounts. Frozen once released: add a new number, never edit one."""

from portal.ledger import states, teams

# Names and addresses are personal data: the ledger binds the opaque id and what the account may do.
states.register("user/1", model="accounts.User", fields=("uuid", "kind", "is_active", "is_demo"))
states.register(
    "user/2",
    model="accounts.User",
    fields=("uuid", "kind", "is_active", "is_demo", "must_change_password", "responsible"),
)
states.register("team/1", model="accounts.Team", fields=("slug", "name", "is_demo"))
states.register("membership/1", model="accounts.Membership", fields=("user", "team", "role", "ended_at"))
states.register(
    "token/1", model="accounts.ApiToken", fields=("user", "name", "prefix", "digest", "expires_at", "revoked_at")
)
states.register(
    "token/2",
    model="accounts.ApiToken",
    fields=("user", "name", "prefix", "digest", "created_by", "expires_at", "revoked_at"),
)
states.register(
    "passkey/1",
    model="accounts.Passkey",
    fields=(
        "user",
        "label",
        "credential_id",
        "public_key",
        "public_key_digest",
        "algorithm",
        "transports",
        "rp_id",
        "origin",
        "state",
        "is_replacement",
        "created_at",
        "enrolled_at",
        "ended_at",
    ),
)
states.register("passkey_approval/1", model="accounts.PasskeyApproval", fields=("passkey", "person", "approved_at"))

teams.register("accounts.Team", "pk")
teams.register("accounts.Membership", "team")
# Accounts and roles without a team are the organisation's; tokens are for those who read the whole log.
# Public keys are for everybody who checks a signature.
teams.register_organisation("user", "membership", "passkey", "passkey_approval")
