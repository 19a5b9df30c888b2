"""Names of the demo's models. Apart from the seed, so that the web process does not load what trains a model."""

INCOME, TUMOUR = "income-model", "tumour-triage"
