"""Enumerations and bounds of audits."""

from django.db import models


class TestKind(models.TextChoices):
    __test__ = False  # pytest would collect it by its name

    BIAS = "bias", "Bias test"


# Groups with fewer rows are shown but not judged: below this the interval of a ratio says next to nothing.
MIN_GROUP = 30
# The line drawn in bias reports: 29 CFR 1607.4 D, four fifths of the best group's rate. A policy may set another.
FOUR_FIFTHS = 0.8
# How many of the worst intersections are kept with the evidence.
WORST_KEPT = 10
