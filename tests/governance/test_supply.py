"""Whatever a policy of the library reads, somebody can supply: by a page of this installation and, if not, by whom."""

from __future__ import annotations

import json

import pytest

from catalog.models import ModelVersion, RegisteredModel
from governance.gates.attested import ATTESTED, read_section
from governance.gates.policy import Policy
from governance.gates.schema import FACTS
from governance.pages.supply import attest_url, example, supply
from governance.services.policies import LIBRARY, read

VERSION = ModelVersion(version="1.0", model=RegisteredModel(name="income model"))


def paths() -> list[str]:
    texts = [read(path.read_text(encoding="utf-8")) for path in sorted(LIBRARY.rglob("*.yaml"))]
    found = {path for one in texts if isinstance(one, Policy) for path in one.reads.paths}
    return sorted(found)


def test_every_fact_that_the_library_reads_can_be_supplied() -> None:
    read_by_library = paths()
    assert len(read_by_library) > 50
    assert [path for path in read_by_library if not supply(path, VERSION, "gate").url] == []


@pytest.mark.parametrize("section", ATTESTED)
def test_call_that_the_page_shows_has_the_shape_of_the_section(section: str) -> None:
    one = ATTESTED[section]
    message = FACTS.by_name[section].message
    assert message is not None
    leaf = next(name for name in one.fields if name not in one.key)
    found = supply(f"facts.{section}[].{leaf}" if one.key else f"{section}.{leaf}", VERSION, "gate")
    address, body = found.call
    about = "endpoints/gate" if one.about == ("endpoint",) else "models/income%20model/versions/1.0"
    assert address == f"{about}/attestations"
    assert set(json.loads(body)["value"]) == set(one.fields)
    assert read_section(section, _filled(example(one)))[1]
    assert found.url == attest_url(section, VERSION, "gate")


def _filled(value):
    """The example with a digest, names and texts in it."""
    if isinstance(value, dict):
        return {name: _filled(item) for name, item in value.items()}
    return [_filled(item) for item in value] if isinstance(value, list) else "text" if value == "…" else value


def test_what_nobody_measures_says_so() -> None:
    found = supply("waivers[].until", VERSION)
    assert (found.url, found.call) == ("", ())
    assert "No part of this installation" in found.how
