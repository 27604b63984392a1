"""`docs/conditional-access.md` names exactly what exists."""

from __future__ import annotations

import re

import msgspec

from enforcer.core.drift import ALARM, DriftKind
from enforcer.core.offboarding_record import Proof
from enforcer.policies.as_code.parameters import SIGN_IN_APPS, Parameters
from enforcer.policies.as_code.templates import read_templates
from tests.support.office import TEMPLATES

# What speaks of these says something about Entra that this project cannot make true.
_THEIRS = re.compile(r"\b(Entra|Microsoft|Graph|CAE|B2B)\b")
_SENTENCE_END = re.compile(r"(?<=[.:;])\s+(?=[A-Z*`])|\n\n|\n(?=- |\| )")
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


def defined_sources() -> set[str]:
    return set(re.findall(r"^\[([^\]]+)\]: https://\S+$", GUIDE, re.MULTILINE))


def links(text: str) -> set[str]:
    """Return the names of the sources that a text refers to."""
    text = " ".join(text.split())
    return {named or short for short, named in re.findall(r"\[([^\]]+)\](?:\[([^\]]+)\])?(?!\()", text)}


def test_every_sentence_about_entra_carries_a_source() -> None:
    text = re.sub(r"(?ms)^```.*?^```$", "", GUIDE).partition("\n## Sources\n")[0]
    prose = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    about = [one for one in _SENTENCE_END.split(prose) if _THEIRS.search(re.sub(r"`[^`]*`", "", one))]
    assert len(about) > 20
    assert [one for one in about if not (links(one) & defined_sources() or "](https://" in one)] == []


def test_every_source_is_listed_and_every_listed_source_exists() -> None:
    text, _, sources = GUIDE.partition("\n## Sources\n")
    assert set(re.findall(r"^\| \[([^\]]+)\] \|", sources, re.MULTILINE)) == defined_sources()
    assert defined_sources() - links(text) == set()
