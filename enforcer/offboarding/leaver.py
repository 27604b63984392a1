"""A person being offboarded on demand: what is known and recorded of them in each managed group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from enforcer.core.contractors import Contractor, RegisterRow, read_row
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
    """The results of the steps: those on the account, and the removals by group."""

    account: dict[Step, StepResult] = field(default_factory=dict)
    removals: dict[str, StepResult] = field(default_factory=dict)

    @property
    def unanswered(self) -> bool:
        return any(result.unavailable for result in (*self.account.values(), *self.removals.values()))

    def of(self, person: Offboard, group_id: str) -> dict[Step, StepResult]:
        """Return the results of the person's steps in one group, in their order."""
        removal = self.removals[group_id]
        return {step: removal if step is Step.REMOVE else self.account[step] for step in person.steps}


@dataclass(slots=True, kw_only=True)
class Leaver:
    """A person who leaves all managed groups.

    Attributes:
        run: The run as it began, without a group.
        in_groups: What is known by now of the person in each group.
        intended: The groups for which an intent is on record.
        concluded: The run and the record of each group that concerns the person.
        roles: The directory roles that they hold; None where nobody has asked, or Entra does not say.
        sequences: The ledger's entry that let them through the brake, by group.
    """

    services: Services
    person: Person
    run: Run
    in_groups: list[PersonInGroup] = field(default_factory=list)
    intended: list[str] = field(default_factory=list)
    concluded: list[tuple[Run, OffboardingRecord]] = field(default_factory=list)
    roles: tuple[str, ...] | None = None
    sequences: dict[str, int] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        return Account.of(self.person, self.in_groups, self.services.settings, self.roles or ())

    @property
    def rests_on_rows(self) -> bool:
        """Whether nothing but rows speaks for their being a contractor: no membership, no record."""
        return not any(in_group.listed or in_group.earlier is not None for in_group in self.in_groups)

    @property
    def is_contractor(self) -> bool | None:
        """Whether any group knows them; None where that depends on memberships that Entra does not say."""
        if any(in_group.is_known for in_group in self.in_groups):
            return True
        return None if any(in_group.listed is None for in_group in self.in_groups) else False

    def context(self, group_id: str = "") -> Context:
        run = self.run
        return Context(
            group_id=group_id,
            run_id=run.run_id,
            actor=run.actor,
            actor_name=run.actor_name,
            note=run.reason,
        )

    def _plan(self, in_group: PersonInGroup) -> Offboard:
        planned = in_group.offboarding(self.person, self.account, self.run.started_at)
        return replace(planned, sequence=self.sequences.get(in_group.group_id, 0))

    def planned(self, group_id: str) -> Offboard:
        """Return what would be done about them in a group."""
        return self._plan(self._in(group_id))

    def counts_in(self, group_id: str) -> bool:
        """Whether the brake counts them there: they are a member, may be one, or are being offboarded."""
        in_group = self._in(group_id)
        return in_group.listed is not False or in_group.begun is not None

    def begun_in(self, group_id: str) -> OffboardingRecord | None:
        """Return the record of an offboarding that was begun there and not finished."""
        return self._in(group_id).begun

    def _in(self, group_id: str) -> PersonInGroup:
        return next(in_group for in_group in self.in_groups if in_group.group_id == group_id)

    async def look(self, rows: Mapping[str, RegisterRow], listed: frozenset[str] | None) -> None:
        """Find out what is known in each group.

        Args:
            rows: The person's row in each group, as it was before this run ended it.
            listed: The groups that have the person as a member; None where Entra does not say.
        """
        groups = self.services.settings.group_ids
        self.in_groups = [await self._in_group(group_id, rows.get(group_id), listed) for group_id in groups]

    async def begin(self) -> None:
        """Record the intents."""
        for in_group in recorded(self.in_groups):
            begun = intent(self._plan(in_group), self.run.run_id)
            await self.services.records.save(in_group.group_id, [begun])
            self.intended.append(in_group.group_id)

    async def _in_group(
        self, group_id: str, row: RegisterRow | None, listed: frozenset[str] | None
    ) -> PersonInGroup:
        row_key = row.row_key if row else None
        read = read_row(row, self.services.settings.date_rules) if row else None
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
        """Return the person's record, and whether the record under the key is somebody else's."""
        found = await self.services.records.get(group_id, key)
        if (found is not None and found.user_id == self.person.id) or key == self.person.id:
            return found, False
        return await self.services.records.get(group_id, self.person.id), found is not None

    async def record(self, steps: StepResults) -> list[Outcome]:
        """Record the results, and return the outcome in every group that concerns the person."""
        homes, outcomes = recorded(self.in_groups), list[Outcome]()
        for in_group in self.in_groups:
            if in_group in homes or not steps.removals[in_group.group_id].settled:
                outcomes.append(await self._record(in_group, steps))
            else:
                await self._take_back(in_group)
                await self._end(replace(self.run, group_id=in_group.group_id, state=RunState.COMPLETE))
        return outcomes

    async def _record(self, in_group: PersonInGroup, steps: StepResults) -> Outcome:
        now, group_id, person = self.services.now(), in_group.group_id, self._plan(in_group)
        step_run = StepRun(person=person, results=steps.of(person, group_id))
        outcome = in_group.with_own_removal(conclude(step_run, self.run.run_id, now))
        await self.services.ledger.append(group_id, entries(step_run, self.context(group_id), now))
        if in_group.is_concerned or not outcome.finished:
            await self._save(in_group, outcome, steps.removals[group_id])
        else:
            await self._take_back(in_group)
        run = await self._end(self._counted(in_group, outcome))
        self.concluded.append((run, outcome.record))
        return outcome

    async def _save(self, in_group: PersonInGroup, outcome: Outcome, removal: StepResult) -> None:
        record, earlier = outcome.record, in_group.earlier
        again = outcome.finished and removal.outcome is StepOutcome.ABSENT
        if again and earlier is not None and not earlier.unfinished:
            record = earlier  # called again: the record of the first time stays
        await self.services.records.save(in_group.group_id, [record])

    async def _take_back(self, in_group: PersonInGroup) -> None:
        """Take an intent back in a group that turned out not to concern the person."""
        records, earlier = self.services.records, in_group.earlier
        if earlier is not None and not earlier.unfinished:
            await records.save(in_group.group_id, [earlier])
        elif earlier is not None or in_group.group_id in self.intended:
            await records.forget(in_group.group_id, self._plan(in_group).key)

    def _counted(self, in_group: PersonInGroup, outcome: Outcome) -> Run:
        run = counted(replace(self.run, group_id=in_group.group_id), [outcome])
        if not outcome.finished:
            return replace(run, state=RunState.FAILED, error=outcome.reason)
        run = replace(run, state=RunState.COMPLETE)
        # Whoever was not a member, and had no row there, was not due there.
        return run if in_group.is_concerned else replace(run, due=0, already_absent=0)

    async def _end(self, run: Run) -> Run:
        ended = replace(run, finished_at=self.services.now())
        await self.services.runs.save(Report(run=ended))
        return ended
