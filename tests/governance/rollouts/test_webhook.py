"""The portal drives a deployer through its webhook, over a real socket; guarded addresses are not called."""

import base64
import http.server
import json
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from governance.services.desired import preauth, public_key
from governance.services.rollout_ends import look
from portal.jobs.models import Job


@pytest.fixture
def deployer():
    class Deployer(http.server.BaseHTTPRequestHandler):
        heard = []
        answers = 204

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            payload = base64.b64decode(body["payload"])
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key()["public_key"]))
            key.verify(base64.b64decode(body["signatures"][0]["sig"]), preauth(body["payloadType"], payload))
            self.heard.append(json.loads(payload))
            self.send_response(type(self).answers)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Deployer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Deployer.url = f"http://127.0.0.1:{server.server_address[1]}/deploy"
    yield Deployer
    server.shutdown()
    server.server_close()


def calls(run_jobs):
    return [job for job in run_jobs() if job.kind == "governance:rollout:call"]


def test_the_portal_takes_the_steps_and_tells_the_deployer(way, deployer, run_jobs, settings):
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8"]
    way.plan(webhook_url=deployer.url)
    way.approve()
    look(way.fresh())
    assert [job.state for job in calls(run_jobs)] == ["done"]
    way.reached(0)
    way.traffic()
    look(way.fresh())
    calls(run_jobs)
    assert [(one["answer"], one["share"]) for one in deployer.heard] == [("yes", 0), ("yes", 5)]
    assert deployer.heard[1]["digest"] == way.release.version.digest
    way.reached(5)
    way.traffic(2, errors=0.2)
    look(way.fresh())
    calls(run_jobs)
    assert (deployer.heard[2]["answer"], deployer.heard[2]["share"]) == ("roll_back", 0)


def test_a_deployer_that_refuses_is_called_again(way, deployer, run_jobs, settings):
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8"]
    deployer.answers = 500
    way.plan(webhook_url=deployer.url)
    look(way.fresh())
    assert [job.state for job in calls(run_jobs)] == ["failed"]
    deployer.answers = 204
    look(way.fresh())
    assert [job.state for job in calls(run_jobs)] == ["done"]
    assert len(deployer.heard) == 2


def test_an_address_within_is_not_called(way, deployer, run_jobs):
    way.plan(webhook_url=deployer.url)
    look(way.fresh())
    (job,) = calls(run_jobs)
    assert job.state == "failed"
    assert "inside this network" in job.error
    assert deployer.heard == []


def test_a_redirect_is_not_followed(way, deployer, run_jobs, settings):
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8"]
    deployer.answers = 302
    way.plan(webhook_url=deployer.url)
    look(way.fresh())
    (job,) = calls(run_jobs)
    assert job.state == "failed"


def test_without_a_webhook_the_portal_takes_no_step(way):
    way.plan()
    assert look(way.fresh()) is None
    assert way.rollout().position == 0
    assert not Job.objects.filter(kind="governance:rollout:call").exists()
