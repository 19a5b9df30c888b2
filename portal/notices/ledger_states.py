"""What the ledger binds of notices. Frozen once released: add a new number, never edit one."""

from portal.ledger import states, teams

# Neither a secret nor a part of one: the number says which of the derived secrets signs.
states.register(
    "webhook/1", model="notices.Webhook", fields=("uuid", "url", "events", "team", "enabled", "secret_number")
)

teams.register("notices.Webhook", "team")
teams.register_organisation("webhook")
