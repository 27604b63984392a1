"""`docs/conditional-access.md` names exactly what exists."""

from __future__ import annotations

import re

import msgspec

from enforcer.core.drift import ALARM, DriftKind
from enforcer.core.offboarding_record import Proof
from enforcer.policies.as_code.parameters import SIGN_IN_APPS, Parameters
from enforcer.policies.as_code.templates import read_templates
from tests.support.office import TEMPLATES

GUIDE = (TEMPLATES.parents[1] / "docs/conditional-access.md").read_text(encoding="utf-8")


def named_under(heading: str) -> set[str]:
    """Return the names in the first column of the table in a section."""
    section = GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE))


def test_every_template_is_explained() -> None:
    assert named_under("The design") == {template.key for template in read_templates(TEMPLATES)}


def test_every_value_is_explained() -> None:
    assert named_under("Set it up") == {field.encode_name for field in msgspec.structs.fields(Parameters)}


def test_every_kind_of_drift_is_explained_and_the_alarm_is_quoted() -> None:
    assert named_under("Drift: do the policies still work?") == set(DriftKind)
    assert ALARM in GUIDE


def test_every_proof_is_explained() -> None:
    assert named_under("Proof by Entra itself") == set(Proof)


def test_every_app_that_signing_in_needs_is_explained() -> None:
    section = GUIDE.partition("### Apps that signing in needs\n")[2].partition("\n#")[0]
    assert tuple(re.findall(r"^- `([0-9a-f-]{36})` ", section, re.MULTILINE)) == SIGN_IN_APPS
