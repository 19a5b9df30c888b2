import gzip, hashlib
from pathlib import Path
import pytest
from tests.factories import people
from catalog.services import models, versions, endpoints

from audits.services.bias import submit_predictions

pytestmark = pytest.mark.django_db
DATA = Path("demo/data")

def test_smoke(run_jobs, committed, tmp_path):
    from portal.checks import routes
    team = people.team()
    owner = people.person("model_owner", team); dev = people.person("developer", team)
    model = models.register_model(actor=owner, team=team, name="m", title="M", description="", risk_tier="high", intended_use=[], affects_legal_or_safety=True)
    v = versions.register_version(model, actor=dev, version="1.0.0", artifacts=[versions.DeclaredArtifact("a.bin", hashlib.sha256(b"x").hexdigest(), 1, "bin")])
    run = submit_predictions(v, actor=dev, path=DATA/"adult_predictions.csv.gz", protected=["sex","race","age_band"])
    print(run_jobs())
    run.refresh_from_db(); run.job.refresh_from_db()
    print(run.job.state, run.job.error, run.evidence)
    from audits import selectors
    r = selectors.bias_report(owner, run.evidence_id)
    print(r.lowest, len(r.worst_intersections), r.worst_intersections[0])
    from governance.models import Release, Decision
    from django.utils import timezone
    from portal.ledger.services import record
    ep = endpoints.register_endpoint(actor=owner, team=team, name="ep", title="E", environment="production", regions=["eu-central-1"], exposure="internal", data_classes=[], slo_p95_ms=300, slo_availability=.9, contract_version="1")
    from django.db import transaction
    import json
    with transaction.atomic():
        d = Decision.objects.create(version=v, endpoint=ep, facts_text='{"a":{"b":1}}', facts_digest="0"*64, inputs_digest="0"*64, result_text='{"rules":[{"id":"r","policy":"p","verdict":"pass","facts":[{"path":"a.b","value":1}]}]}', digest="0"*64, verdict="pass", made_by=None, made_at=timezone.now())
        record(actor=None, event="governance:decision:made", subject=d, body={})
        rel = Release.objects.create(version=v, endpoint=ep, requested_by=owner, state="in_review", decision=d, words="hello")
        record(actor=owner, event="governance:release:requested", subject=rel, body={})
    from audits.services.packs import request_pack
    pack = request_pack(rel, actor=owner)
    run_jobs(); pack.refresh_from_db(); pack.job.refresh_from_db()
    print(pack.job.state, pack.job.error, pack.sha256)
    from catalog.services.blobs import open_blob
    Path("/tmp/dev/audits").mkdir(exist_ok=True)
    Path("/tmp/dev/audits/report.pdf").write_bytes(open_blob(pack.blob).read())
    from audits.services.certificates import ca_pem
    Path("/tmp/dev/audits/ca.pem").write_bytes(ca_pem())
