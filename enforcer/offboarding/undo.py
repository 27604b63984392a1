"""Undo a run: restore exactly the memberships that it removed and the accounts that it disabled."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from enforcer.core.actors import Actor
from enforcer.core.calendar.dates import instant
from enforcer.core.exceptions import (
    EnforcerError,
    FourEyesError,
    InputError,
    NotFoundError,
    RefusedError,
)
from enforcer.core.ledger import Action, Entry, EntryOutcome, failure, undo_note
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import Report, Run, RunKind, RunState
from enforcer.core.settings import Mode
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """One change to reverse: whose, and by which action (`add`, `enable` or `leavers_remove`)."""

    action: Action
    group_id: str
    user_id: str
    row_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed:
    """The result of one reversal."""

    reversal: Reversal
    outcome: str
    request_id: str
    done: bool


_REVERSED: dict[tuple[Action, str], Action] = {
    (Action.REMOVE, EntryOutcome.REMOVED): Action.ADD,
    (Action.DISABLE, EntryOutcome.DISABLED): Action.ENABLE,
    (Action.LEAVERS_ADD, EntryOutcome.ADDED): Action.LEAVERS_REMOVE,
}


async def last_run(services: Services) -> str:
    """Return the run that took away access last, according to the ledger, undone or not; a batch as a whole.

    Raises:
        NotFoundError: None has.
    """
    newest: Entry | None = None
    for group_id in services.settings.group_ids:
        async for link in services.ledger.links(group_id):
            entry = link.entry
            if (entry.action, entry.outcome) in _REVERSED and entry.run:
                newest = entry if newest is None or entry.at >= newest.at else newest
    if newest is None:
        raise NotFoundError(
            "no run has taken away anybody's access, so there is nothing to undo", field="run"
        )
    known = await services.runs.of_id(newest.run, services.settings.group_ids)
    return next((run.part_of for run in known if run.part_of), newest.run)


async def plan_undo(services: Services, run_id: str) -> list[Reversal]:
    """Return what undoing a run would reverse; what was undone before is not undone again.

    Of a batch of offboardings it is what the runs of its people did.

    Raises:
        NotFoundError: There is no such run.
        InputError: It removed nobody and disabled nothing, or all of it was already undone.
    """
    groups = services.settings.group_ids
    known = await services.runs.of_id(run_id, groups)
    if not known:
        raise NotFoundError(f"there is no run {run_id}", field="run")
    runs = {run_id, *(part.run_id for part in await services.runs.parts_of(run_id, groups))}
    notes = {undo_note(one) for one in (*runs, known[0].part_of) if one}
    found: dict[Reversal, bool] = {}
    for group_id in groups:
        async for link in services.ledger.links(group_id):
            _follow(found, link.entry, runs, notes)
    reversals = [reversal for reversal, is_open in found.items() if is_open]
    if not services.settings.leavers_group:
        reversals = [one for one in reversals if one.action is not Action.LEAVERS_REMOVE]
    if not reversals:
        raise InputError(f"there is nothing to undo in run {run_id}", field="run")
    return reversals


def _follow(found: dict[Reversal, bool], entry: Entry, runs: Container[str], notes: Container[str]) -> None:
    """Follow an entry: what `runs` did is open, until an entry with one of the notes says it was undone."""
    action = _REVERSED.get((entry.action, entry.outcome))
    if action is not None and entry.run in runs:
        found.setdefault(_reversal(entry, action), True)
        # Another run may have completed this one, and put them into the leavers' group.
        if action is Action.ADD:
            found.setdefault(_reversal(entry, Action.LEAVERS_REMOVE), True)
    # The run took nothing from whom it had added itself and then removed again.
    own = entry.run in runs and entry.outcome == EntryOutcome.ADDED
    is_undone = entry.outcome == EntryOutcome.UNDONE and entry.note in notes
    if (own or is_undone) and entry.action in _REVERSED.values():
        found[_reversal(entry, entry.action)] = False


def _reversal(entry: Entry, action: Action) -> Reversal:
    return Reversal(action=action, group_id=entry.group, user_id=entry.user, row_key=entry.row_key)


async def undo(
    services: Services,
    run_id: str,
    reversals: Sequence[Reversal],
    *,
    actor: Actor,
    until: float | None = None,
) -> tuple[str, list[Reversed]]:
    """Carry out the reversals; return the undo's own run ID and each result.

    End dates are unchanged: unless they are extended, the next sweep offboards these people again (and the
    brake counts them again).

    Args:
        services: All adapters.
        run_id: The run to undo.
        reversals: What `plan_undo` gave for it.
        actor: Who asks.
        until: Event loop time after which no further change is begun; the next call goes on.

    Raises:
        RefusedError: The mode is `report`.
        FourEyesError: It would give the actor their own access back.
        LeaseHeldError, RunError, UnavailableError: Another run is at work, or Graph or storage refuses.
    """
    if services.settings.mode is Mode.REPORT:
        raise RefusedError("nothing is undone while ENFORCER_MODE is report", field="ENFORCER_MODE")
    if any(reversal.user_id == actor.person_id for reversal in reversals):
        raise FourEyesError("nobody gives themselves access back: ask somebody else", field="run")
    started_at = services.now()
    run = Run(
        run_id=new_run_id(started_at),
        group_id="",
        kind=RunKind.UNDO,
        started_at=started_at,
        mode=services.settings.mode.value,
        reason=undo_note(run_id),
        actor=actor.id,
        actor_name=actor.name,
    )
    results: list[Reversed] = []
    for group_id in dict.fromkeys(reversal.group_id for reversal in reversals):
        of_group = [reversal for reversal in reversals if reversal.group_id == group_id]
        results += await _undo_group(services, replace(run, group_id=group_id), of_group, until)
    return run.run_id, results


async def _undo_group(
    services: Services, run: Run, reversals: Sequence[Reversal], until: float | None
) -> list[Reversed]:
    async with services.leases.holding(run.group_id, f"{run.actor} {run.run_id}") as lease:
        await services.runs.save(Report(run=run))
        results: list[Reversed] = []
        try:
            for reversal in reversals:
                if until is not None and asyncio.get_running_loop().time() >= until:
                    break
                await lease.require()
                results.append(await _reverse(services, run, reversal))
        except Exception as error:  # whatever ends an undo early, it is recorded as failed
            interrupted = _finished(services, run, results, of=len(reversals))
            # Where storage itself fails, the original error must still be raised.
            with suppress(EnforcerError):
                failed = replace(interrupted, state=RunState.FAILED, error=str(error)[:1000])
                await services.runs.save(Report(run=failed))
            raise
        await services.runs.save(Report(run=_finished(services, run, results, of=len(reversals))))
    return results


async def _reverse(services: Services, run: Run, reversal: Reversal) -> Reversed:
    result = await _carry_out(services, reversal)
    done = result.outcome in (StepOutcome.DONE, StepOutcome.ABSENT)
    outcome = EntryOutcome.UNDONE if done else failure(result.explanation or result.outcome)
    if done and reversal.action is Action.ADD:
        # The record of the removal no longer holds; the next one starts afresh.
        await services.records.forget(reversal.group_id, reversal.row_key)
    entry = Entry(
        at=instant(services.now()),
        actor=run.actor,
        actor_name=run.actor_name,
        action=reversal.action,
        group=reversal.group_id,
        user=reversal.user_id,
        row_key=reversal.row_key,
        run=run.run_id,
        outcome=outcome,
        request_id=result.request_id,
        note=run.reason,
    )
    await services.ledger.append(reversal.group_id, [entry])
    return Reversed(reversal=reversal, outcome=outcome, request_id=result.request_id, done=done)


async def _carry_out(services: Services, reversal: Reversal) -> StepResult:
    if reversal.action is Action.LEAVERS_REMOVE:
        return await services.steps.remove(services.settings.leavers_group, reversal.user_id)
    if reversal.action is Action.ADD:
        return await services.steps.add(reversal.group_id, reversal.user_id)
    return await services.steps.set_enabled(reversal.user_id, enabled=True)


def _finished(services: Services, run: Run, results: Sequence[Reversed], *, of: int) -> Run:
    done = [item for item in results if item.done]
    return replace(
        run,
        state=RunState.COMPLETE,
        finished_at=services.now(),
        added=sum(item.reversal.action is Action.ADD for item in done),
        incomplete=of - len(done),
    )
