from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

import pytest

from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import Proof, Sessions, State
from enforcer.core.plan import FindingKind
from enforcer.core.runs import Run, RunKind, RunState
from enforcer.page.words import ACTIONS, FINDINGS, PROOFS, SESSIONS, STATES, run_kind, run_state
from tests.support.runs import RUN, changed


@pytest.mark.parametrize(
    ("kind", "words"),
    [(Action, ACTIONS), (FindingKind, FINDINGS), (State, STATES), (Sessions, SESSIONS), (Proof, PROOFS)],
)
def test_whatever_the_code_has_a_name_for_has_words(kind: type[StrEnum], words: Collection[StrEnum]) -> None:
    assert set(words) == set(kind)


@pytest.mark.parametrize("kind", RunKind)
def test_every_kind_of_run_has_a_word(kind: RunKind) -> None:
    assert run_kind(changed(RUN, kind=kind)) != ""


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (RUN, "complete"),
        (changed(RUN, held=True), "held"),
        (changed(RUN, state=RunState.FAILED, held=True), "failed"),
        (changed(RUN, state=RunState.RUNNING), "running"),
        (changed(RUN, state=RunState.RUNNING, queued=True), "queued"),
    ],
)
def test_run_held_by_the_brake_is_not_shown_as_complete(run: Run, told: str) -> None:
    assert run_state(run) == told
