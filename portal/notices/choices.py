from django.db import models


class Channel(models.TextChoices):
    MAIL = "mail", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class State(models.TextChoices):
    QUEUED = "queued", "Waits"
    SENDING = "sending", "On its way"
    SENT = "sent", "Delivered"
    DEAD = "dead", "Given up"
    DROPPED = "dropped", "Not wanted any more"


OPEN = (State.QUEUED, State.SENDING)
