"""Somebody who is offboarded now: where he stands, and what is recorded of his offboarding in each group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from enforcer.core.contractors import Contractor, Registration
from enforcer.core.ledger_entries import Context
from enforcer.core.members import Person
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.person_in_group import Account, PersonInGroup, recorded
from enforcer.core.plan import Offboard, Step
from enforcer.core.runs import Outcome, Report, Run, RunState, counted
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.offboarding.steps import StepRun, conclude, entries, intent
from enforcer.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResults:
    """What came of the steps: those that are about the account, and the removals, by group."""

    account: dict[Step, StepResult] = field(default_factory=dict)
    removals: dict[str, StepResult] = field(default_factory=dict)

    @property
    def unanswered(self) -> bool:
        return any(result.unavailable for result in (*self.account.values(), *self.removals.values()))

    def of(self, person: Offboard, group_id: str) -> dict[Step, StepResult]:
        """Return what came of the person's steps in one group, in their order."""
        removal = self.removals[group_id]
        return {step: removal if step is Step.REMOVE else self.account[step] for step in person.steps}


@dataclass(slots=True, kw_only=True)
class Leaver:
    """A person who leaves all managed groups.

    Attributes:
        run: The run, as it began; its group is left open.
        standings: Where he stands in each group, as far as is known by now.
        intended: The groups in which it is on record that this has begun.
        departures: His run in each group that has to do with him, and what is known of him there now.
    """

    services: Services
    person: Person
    run: Run
    standings: list[PersonInGroup] = field(default_factory=list)
    intended: list[str] = field(default_factory=list)
    departures: list[tuple[Run, OffboardingRecord]] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return Account.of(self.person, self.standings, self.services.settings.disable_accounts)

    def context(self, group_id: str = "") -> Context:
        run = self.run
        return Context(group_id=group_id, run_id=run.run_id, actor=run.actor, note=run.reason)

    def _plan(self, standing: PersonInGroup) -> Offboard:
        return standing.offboarding(self.person, self.account, self.run.started_at)

    async def begin(self, rows: Mapping[str, Registration], listed: frozenset[str] | None) -> None:
        """Find out where he stands, and record what is about to be done.

        Args:
            rows: His row in each group, as it was before this run ended it.
            listed: The groups in which Entra has him; None where it does not say.
        """
        groups = self.services.settings.group_ids
        self.standings = [await self._standing(group_id, rows.get(group_id), listed) for group_id in groups]
        for standing in recorded(self.standings):
            begun = intent(self._plan(standing), self.run.run_id)
            await self.services.enforcements.save(standing.group_id, [begun])
            self.intended.append(standing.group_id)

    async def _standing(
        self, group_id: str, row: Registration | None, listed: frozenset[str] | None
    ) -> PersonInGroup:
        row_key = row.row_key if row else None
        read = row.read(self.services.settings.date_rules) if row else None
        earlier, key_taken = await self._on_record(group_id, row_key or self.person.id)
        return PersonInGroup(
            group_id=group_id,
            run_id=self.run.run_id,
            row_key=row_key,
            ended=read if isinstance(read, Contractor) and read.is_due(self.run.started_at) else None,
            earlier=earlier,
            key_taken=key_taken,
            listed=None if listed is None else group_id in listed,
        )

    async def _on_record(self, group_id: str, key: str) -> tuple[OffboardingRecord | None, bool]:
        """Find what is known of him, and tell whether what is under the key is about somebody else."""
        found = await self.services.enforcements.get(group_id, key)
        if (found is not None and found.user_id == self.person.id) or key == self.person.id:
            return found, False
        return await self.services.enforcements.get(group_id, self.person.id), found is not None

    async def record(self, steps: StepResults) -> list[Outcome]:
        """Record what came of the steps, and give it, for every group that has to do with him."""
        homes, outcomes = recorded(self.standings), list[Outcome]()
        for standing in self.standings:
            if standing in homes or not steps.removals[standing.group_id].settled:
                outcomes.append(await self._record(standing, steps))
            else:
                await self._take_back(standing)
                await self._end(replace(self.run, group_id=standing.group_id, state=RunState.COMPLETE))
        return outcomes

    async def _record(self, standing: PersonInGroup, steps: StepResults) -> Outcome:
        now, group_id, person = self.services.now(), standing.group_id, self._plan(standing)
        taken = StepRun(person=person, results=steps.of(person, group_id))
        outcome = standing.with_own_removal(conclude(taken, self.run.run_id, now))
        await self.services.ledger.append(group_id, entries(taken, self.context(group_id), now))
        if standing.is_concerned or not outcome.finished:
            await self._save(standing, outcome, steps.removals[group_id])
        else:
            await self._take_back(standing)
        run = await self._end(self._counted(standing, outcome))
        self.departures.append((run, outcome.enforcement))
        return outcome

    async def _save(self, standing: PersonInGroup, outcome: Outcome, removal: StepResult) -> None:
        enforcement, earlier = outcome.enforcement, standing.earlier
        again = outcome.finished and removal.outcome is StepOutcome.ABSENT
        if again and earlier is not None and not earlier.unfinished:
            enforcement = earlier  # called again: what was on record about the first time stays
        await self.services.enforcements.save(standing.group_id, [enforcement])

    async def _take_back(self, standing: PersonInGroup) -> None:
        """Leave nothing of an intent in a group that turned out to have nothing to do with him."""
        enforcements, earlier = self.services.enforcements, standing.earlier
        if earlier is not None and not earlier.unfinished:
            await enforcements.save(standing.group_id, [earlier])
        elif earlier is not None or standing.group_id in self.intended:
            await enforcements.forget(standing.group_id, self._plan(standing).key)

    def _counted(self, standing: PersonInGroup, outcome: Outcome) -> Run:
        run = counted(replace(self.run, group_id=standing.group_id), [outcome])
        if not outcome.finished:
            return replace(run, state=RunState.FAILED, error=outcome.reason)
        run = replace(run, state=RunState.COMPLETE)
        # Whoever was not in the group, and had no row there, was not due there.
        return run if standing.is_concerned else replace(run, due=0, already_absent=0)

    async def _end(self, run: Run) -> Run:
        ended = replace(run, finished_at=self.services.now())
        await self.services.runs.save(Report(run=ended))
        return ended
