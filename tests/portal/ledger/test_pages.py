import csv
import io
import json
import re
import subprocess
from html import unescape

import pytest
from django.urls import reverse

from portal.ledger import links, notes, selectors
from portal.ledger.exports import as_csv
from portal.ledger.keys import verifier
from portal.ledger.models import LedgerEntry
from portal.ledger.services import sequence
from tests.factories import people
from tests.portal.ledger import log

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def auditor(as_user):
    return as_user(people.person("auditor"))


def test_list_shows_entries_newest_first_with_the_level_of_assurance(auditor):
    log.fill(3)
    page = auditor.get(reverse("audit-log"))
    text = page.content.decode()
    assert page.status_code == 200
    assert [one.idx for one in page.context["entries"]] == [4, 3, 2, 1, 0]
    assert "thing happened" in text
    assert "Checkpoints are kept beside the database, on this machine" in text


def test_list_pages_by_key(auditor, monkeypatch):
    monkeypatch.setattr("portal.pages.audit_log.PAGE_SIZE", 4)
    log.fill(8)
    seen, address = [], reverse("audit-log")
    while address:
        page = auditor.get(address)
        seen += [one.idx for one in page.context["entries"]]
        older = re.search(r'href="(\?[^"]*before=\d+)"', page.content.decode())
        address = reverse("audit-log") + unescape(older.group(1)) if older else None
    assert seen == list(range(9, -1, -1))


def test_list_narrows_by_event_subject_and_person(auditor):
    log.entry({}, subject="special")
    log.fill(2)
    ids = lambda **query: [one.subject_id for one in auditor.get(reverse("audit-log"), query).context["entries"]]  # noqa: E731
    assert ids(subject_type="test.thing", subject_id="special") == ["special"]
    assert len(ids(event="test:thing:happened")) == 3
    assert len(ids(event="test:thing:happened", actor="portal")) == 3
    assert ids(event="test:thing:happened", actor="somebody") == []


def test_list_without_a_match_says_how_to_see_all(auditor):
    log.fill(1)
    text = auditor.get(reverse("audit-log"), {"subject_id": "no such"}).content.decode()
    assert "No entry matches" in text
    assert "Show all entries" in text


@pytest.mark.parametrize("query", [{"before": "x"}, {"before": "9" * 40}, {"event": "no"}, {"since": "yesterday"}])
def test_nonsense_in_the_address_is_no_error(auditor, query):
    log.fill(1)
    assert auditor.get(reverse("audit-log"), query).status_code == 200


def test_list_costs_a_fixed_number_of_queries(auditor, django_assert_max_num_queries):
    log.fill(30)
    with django_assert_max_num_queries(15):
        auditor.get(reverse("audit-log"))


def test_entry_page_carries_all_that_the_browser_checks(auditor):
    log.fill(5)
    text = auditor.get(reverse("ledger-entry", args=[3])).content.decode()
    data = json.loads(re.search(r'<script id="proof-data" type="application/json">(.*?)</script>', text, re.S).group(1))
    assert set(data) >= {"raw", "leaf", "index", "size", "proof", "checkpoint", "sig", "pub", "witnesses"}
    assert data == selectors.proof_of(LedgerEntry.objects.get(idx=3))
    assert 'id="proof-steps"' in text
    assert text.count('<li class="wait">') == 4
    assert 'id="proof-verdict"' in text


def test_entry_page_escapes_what_was_logged(auditor):
    log.entry({"text": "</script><script>alert(1)</script>"})
    log.fill(1)
    text = auditor.get(reverse("ledger-entry", args=[2])).content.decode()
    assert "<script>alert(1)" not in text


def test_entry_without_checkpoint_says_so(auditor):
    log.entry({})
    sequence()
    text = auditor.get(reverse("ledger-entry", args=[0])).content.decode()
    assert "No checkpoint covers this entry yet" in text


def test_entry_page_keeps_personal_values_apart(auditor):
    log.entry({}, personal={"reason": "because of Ines"})
    log.fill(1)
    text = auditor.get(reverse("ledger-entry", args=[2])).content.decode()
    assert "Ines" not in text
    assert "kept apart from the log" in text


def test_entry_that_does_not_exist_is_404(auditor):
    assert auditor.get(reverse("ledger-entry", args=[99])).status_code == 404


@pytest.mark.parametrize("name", ["audit-log", "ledger-entry", "ledger-entry-json"])
def test_viewer_is_refused(as_user, name):
    log.fill(1)
    address = reverse(name, args=[0] if name != "audit-log" else [])
    assert as_user(people.person("viewer")).get(address).status_code == 403


def test_visitor_is_sent_to_log_in(client):
    assert client.get(reverse("audit-log")).status_code == 302


def test_export_as_csv_holds_every_entry_and_no_formula(auditor):
    log.entry({}, subject="=1+1")
    log.fill(2)
    page = auditor.get(reverse("audit-log-export", args=["csv"]), {"event": "test:thing:happened"})
    rows = list(csv.DictReader(io.StringIO(b"".join(page.streaming_content).decode())))
    assert [row["subject_id"] for row in rows] == ["'=1+1", "1", "1"]
    assert "attachment" in page["Content-Disposition"]


def test_export_as_json_lines_can_be_recomputed(auditor):
    log.fill(2)
    page = auditor.get(reverse("audit-log-export", args=["jsonl"]))
    lines = [json.loads(line) for line in b"".join(page.streaming_content).decode().splitlines()]
    assert [line["idx"] for line in lines] == [0, 1, 2, 3]
    assert lines[2]["leaf"] == bytes(LedgerEntry.objects.get(idx=2).leaf).decode()


def test_export_reads_in_batches(monkeypatch):
    monkeypatch.setattr("portal.ledger.exports.SIZE", 2)
    log.fill(5)
    assert sum(piece.count("\n") for piece in as_csv(LedgerEntry.objects.select_related("actor"))) == 6


def test_checkpoint_and_key_are_public_texts(client):
    assert client.get(reverse("log-checkpoint")).status_code == 404
    log.fill(2)
    note, key = client.get(reverse("log-checkpoint")), client.get(reverse("log-key"))
    assert note["Content-Type"] == "text/plain; charset=utf-8"
    trusted = notes.Verifier.parse(key.content.decode().strip())
    assert trusted == verifier()
    assert notes.open_checkpoint(note.content, trusted).size == 2
    assert client.post(reverse("log-checkpoint")).status_code == 405


def test_offline_commands_of_the_page_work_as_typed(auditor, client, tmp_path):
    log.entry({"text": 'ü " \\ \u2028'})
    log.fill(300)
    idx = 2
    text = auditor.get(reverse("ledger-entry", args=[idx])).content.decode()
    script = unescape(re.search(r'<pre class="json" tabindex="0">(python3.*?)</pre>', text, re.S).group(1))
    (tmp_path / f"entry-{idx}-proof.json").write_bytes(auditor.get(reverse("ledger-entry-json", args=[idx])).content)
    (tmp_path / "log.pem").write_bytes(client.get(reverse("log-key-pem")).content)
    run = lambda: subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)  # noqa: E731
    done = run()
    assert "root agrees" in done.stdout, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    proof = tmp_path / f"entry-{idx}-proof.json"
    proof.write_text(proof.read_text().replace("thing:happened", "thing:forged"))
    assert "NOT THE LOGGED ENTRY" in run().stdout


def test_subject_leads_to_its_page_where_one_is_registered(auditor):
    log.fill(1)
    links.register("test.thing", lambda subject_id: f"/things/{subject_id}/")
    try:
        assert 'href="/things/1/"' in auditor.get(reverse("audit-log")).content.decode()
    finally:
        links.forget("test.thing")


def test_menu_leads_to_the_log(auditor):
    assert reverse("audit-log") in auditor.get(reverse("audit-log")).content.decode()
