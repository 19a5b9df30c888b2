"""How tables are named in what people read: the checks of the ledger and the demo's removal count rows by them."""

import re

import pytest
from django.apps import apps

OURS = ("accounts", "jobs", "ledger", "catalog", "governance", "audits")
MODELS = [model for app in OURS for model in apps.get_app_config(app).get_models()]
# No noun of English makes these plurals.
WRONG = re.compile(r"[^aeiou]ys$|evidences$|datas$|(?:s|x|ch|sh)s$")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_plurals_are_words(model):
    assert not WRONG.search(str(model._meta.verbose_name_plural))
