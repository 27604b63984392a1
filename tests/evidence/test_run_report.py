from __future__ import annotations

import json

from enforcer.core.ledger import Head
from enforcer.core.runs import Report
from enforcer.evidence.run_report import run_report
from tests.support.evidence_examples import ZONE
from tests.support.findings import too_many
from tests.support.runs import RUN


def test_a_report_names_every_finding_however_many_there_are() -> None:
    findings = tuple(too_many(ghosts=5))
    page, data = run_report(Report(run=RUN, findings=findings), Head(sequence=0, hash=""), ZONE)
    assert len(json.loads(data.content)["findings"]) == 6_005
    assert page.content.count(b"unregistered member") == 5
    assert page.content.count(b"missing member") == 6_000
