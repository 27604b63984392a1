"""The sweep of one managed group: read everything, plan, hold or apply, record.

Sweeps share no state: whoever is due and still a member is offboarded, however long ago they fell due. So the
next sweep catches up on a missed night and completes an interrupted run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from enforcer.core.exceptions import EnforcerError, InputError, UnavailableError, cause
from enforcer.core.ledger import Action, EntryOutcome
from enforcer.core.offboarding_record import OffboardingRecord, Proof, State
from enforcer.core.plan import Finding, FindingKind, GroupPlan, HeldPlan
from enforcer.core.planning.digest import held_part
from enforcer.core.planning.planner import GroupSnapshot, plan_group
from enforcer.core.planning.rules import PlanRules
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import OUT_OF_TIME, RUN_ENDED, Occasion, Outcome, Report, Run, RunState, counted
from enforcer.core.settings import Mode
from enforcer.graph.priority import Priority, working_at
from enforcer.offboarding.steps import intent
from enforcer.services import Services
from enforcer.sweep.approval import changed_by
from enforcer.sweep.clearance import Clearance, clear
from enforcer.sweep.group_run import GroupRun
from enforcer.sweep.joiners import Joiners
from enforcer.sweep.leavers import Leavers, left_alone
from enforcer.sweep.policy_check import PolicyCheck
from enforcer.sweep.reading import read_snapshot
from enforcer.sweep.readmissions import Readmissions
from enforcer.telemetry.run_events import announce, announce_failure


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """A sweep to be run.

    Attributes:
        actor: Who started it, for the ledger.
        reason: Why it was started, for the run's record.
        run_id: The run that this sweep is part of; empty for a run of its own.
        until: Event loop time after which nobody new is started.
        expected_digest: Act only if the plan still has this digest.
        only_look: A report-only sweep requested while the mode is `enforce`; it does not count as the nightly
            run.
    """

    group_id: str
    actor: str
    reason: str
    actor_name: str = ""
    run_id: str = ""
    until: float | None = None
    expected_digest: str = ""
    only_look: bool = False


async def sweep(services: Services, request: SweepRequest) -> Report:
    """Sweep one managed group.

    Raises:
        LeaseHeldError: Another run is at work on the group.
        InputError: The plan is no longer the expected one.
        RunError, UnavailableError: The run had to end; it is recorded as failed.
    """
    run = _begun(services, request)
    with working_at(Priority.LOW):
        report = await _sweep(services, request, run)
    announce(report, only_looked=request.only_look)
    return report


async def _sweep(services: Services, request: SweepRequest, run: Run) -> Report:
    async with services.leases.holding(request.group_id, f"{request.actor} {run.run_id}") as lease:
        await services.runs.save(Report(run=run))
        group_run = GroupRun(services=services, lease=lease, run=run, until=request.until)
        running = _Sweep(
            group_run,
            Leavers(group_run),
            Joiners(group_run),
            Readmissions(group_run),
            PolicyCheck(group_run),
        )
        try:
            report = await running.carry_out(request.expected_digest, only_look=request.only_look)
            report.run.assert_counts()
            await services.runs.save(report)
        except Exception as error:  # whatever ends a run early, it is recorded as failed
            await _record_failure(services, running.interrupted(cause(error)), cause(error))
            raise
    return report


def _begun(services: Services, request: SweepRequest) -> Run:
    started_at = services.now()
    return Run(
        run_id=request.run_id or new_run_id(started_at),
        group_id=request.group_id,
        started_at=started_at,
        mode=services.settings.mode.value,
        reason=request.reason,
        actor=request.actor,
        actor_name=request.actor_name,
    )


async def _record_failure(services: Services, report: Report, error: Exception) -> None:
    announce_failure(report.run, error)
    # Where storage itself fails, the original error must still be raised.
    with suppress(EnforcerError):
        await services.runs.save(report)


@dataclass(slots=True)
class _Sweep:
    group_run: GroupRun
    leavers: Leavers
    joiners: Joiners
    readmissions: Readmissions
    policy_check: PolicyCheck
    plan: GroupPlan | None = None
    waiting: Sequence[HeldPlan] = ()
    verified: int = 0
    moved_ends: int = 0

    async def carry_out(self, expected_digest: str, *, only_look: bool) -> Report:
        """Read, plan, hold or apply, and check policies; in report mode, apply nothing."""
        snapshot = await self._read()
        self.moved_ends = snapshot.ends.moved if snapshot.ends else 0
        self.plan = plan = plan_group(snapshot, PlanRules.of(self._services.settings), self._services.now())
        _require_expected(plan, expected_digest)
        if self._services.settings.mode is Mode.REPORT:
            await self._hold(held_part(plan) if only_look else None, snapshot)
            await self.policy_check.watch(snapshot.members)
            await self._remember(snapshot)
            return self._report(plan, [left_alone(person, "report mode") for person in plan.offboard])
        clearance = await clear(self.group_run, plan, snapshot.begun)
        await self._hold(clearance.waiting, snapshot)
        await self._apply(plan, clearance, snapshot)
        left_out = [left_alone(person, reason) for person, reason in clearance.left_out]
        if clearance.holds_removals:
            await self.policy_check.watch(snapshot.members)
        else:
            await self.policy_check.prove(snapshot, self.leavers.outcomes)
            await self._remember(snapshot)
        return self._report(plan, self.leavers.outcomes + left_out, held=clearance.held)

    async def _read(self) -> GroupSnapshot:
        """Read everything within the run's time.

        Raises:
            UnavailableError: Time was up before everything was read.
        """
        try:
            async with asyncio.timeout_at(self.group_run.last_call):
                return await read_snapshot(self._services, self.group_run.group_id)
        except TimeoutError as error:
            raise UnavailableError(f"register and members were not read completely: {OUT_OF_TIME}") from error

    async def _apply(self, plan: GroupPlan, clearance: Clearance, snapshot: GroupSnapshot) -> None:
        await self._write_intents(clearance)
        if not clearance.holds_removals:
            await self._withdraw(plan.withdraw)
            await self._verify(plan)
        await self.leavers.offboard(clearance.offboard)
        listed = {member.id for member in snapshot.members}
        engaged = snapshot.engaged_elsewhere
        await self.joiners.add(clearance.onboard, listed, snapshot.protected_ids, engaged)
        joined = [one for one in self.joiners.joined if one.user_id in snapshot.left_ids]
        if not clearance.holds_removals:
            await self.readmissions.take_out([*plan.readmit, *joined])

    @property
    def _services(self) -> Services:
        return self.group_run.services

    # The brake -------------------------------------------------------------------------------------------

    async def _hold(self, waiting: GroupPlan | None, snapshot: GroupSnapshot) -> None:
        """Keep what needs an approval; whatever waited before is out of date."""
        services, run = self._services, self.group_run.run
        listed = {member.id for member in snapshot.members}
        await services.plans.settle(run.group_id, waiting.digest if waiting else "", listed, services.now())
        if waiting is not None:
            known = await services.plans.get(waiting.digest)
            await services.plans.hold(
                waiting,
                services.now(),
                run.run_id,
                asked_by=run.actor,
                causes=await changed_by(services, waiting),
            )
            if known is None:
                await self.group_run.record([self.group_run.entry(Action.HOLD, outcome=_held(waiting))])
        self.waiting = await services.plans.waiting([run.group_id])

    # Before the first step -------------------------------------------------------------------------------

    async def _write_intents(self, clearance: Clearance) -> None:
        """Record whom this run is about to offboard; from here on, a later run completes it.

        The ledger has listed them. After a crash in between, the next run knows from there whom it may go on
        with. That the approval is used is said there, too: in its plan's row it is for people.
        """
        run = self.group_run.run
        intents = [intent(person, run.run_id) for person in clearance.offboard]
        await self.group_run.lease.require()
        await self._services.records.save(run.group_id, intents)
        for digest, run_id in clearance.used.items():
            await self._services.plans.use(digest, run_id)

    async def _remember(self, snapshot: GroupSnapshot) -> None:
        """Keep the ends that this night saw: a held one does not, so that its moved ends stay findings."""
        run = self.group_run.run
        if run.reason.startswith(Occasion.NIGHTLY) and snapshot.ends is not None:
            await self._services.ends.save(run.group_id, snapshot.ends.seen(), run.run_id)

    async def _withdraw(self, begun: tuple[OffboardingRecord, ...]) -> None:
        for record in begun:
            await self.group_run.forget(record, "withdrawn: the end date was extended")

    async def _verify(self, plan: GroupPlan) -> None:
        """Record who is no longer listed: the member list proves an earlier removal."""
        now = self._services.now()
        verified = [replace(item, state=State.VERIFIED, verified_at=now) for item in plan.verify]
        await self.group_run.record(
            [self.group_run.entry(Action.VERIFY, item, outcome=EntryOutcome.VERIFIED) for item in verified]
        )
        await self._services.records.save(plan.group_id, verified)
        self.verified = len(verified)

    # The record ------------------------------------------------------------------------------------------

    def interrupted(self, error: Exception) -> Report:
        """Report an interrupted run, with what was done until then."""
        report = Report(run=self.group_run.run)
        if self.plan is not None:
            concluded = {outcome.record.row_key for outcome in self.leavers.outcomes}
            rest = [person for person in self.plan.offboard if person.key not in concluded]
            skipped = [left_alone(person, RUN_ENDED, incomplete=True) for person in rest]
            report = self._report(self.plan, self.leavers.outcomes + skipped)
        text = f"{type(error).__name__}: {error}"[:1000]
        failed = replace(report.run, state=RunState.FAILED, finished_at=self._services.now(), error=text)
        return replace(report, run=failed)

    def _report(self, plan: GroupPlan, outcomes: list[Outcome], *, held: GroupPlan | None = None) -> Report:
        places = {person.key: place for place, person in enumerate(plan.offboard)}
        outcomes = self.policy_check.completed(
            sorted(outcomes, key=lambda outcome: places[outcome.record.row_key])
        )
        findings = self._findings(plan)
        run = counted(self.group_run.run, outcomes)
        run = replace(
            run,
            finished_at=self._services.now(),
            state=RunState.COMPLETE,
            due=plan.due,
            verified=self.verified,
            added=self.joiners.added,
            stuck=run.stuck + len(plan.waiting),
            held=held is not None and held.held,
            held_onboard=held is not None and held.held_onboard,
            digest=held.digest if held else plan.digest,
            members=plan.members,
            ending_soon=len(plan.ending_soon),
            unregistered=sum(found.kind is FindingKind.UNREGISTERED_MEMBER for found in findings),
            blocked=self.policy_check.count(Proof.BLOCKED),
            not_blocked=self.policy_check.count(Proof.NOT_BLOCKED),
            findings=len(findings),
            moved_ends=self.moved_ends,
            incomplete=run.incomplete
            + len(plan.waiting)
            + len(self.joiners.missed)
            + len(self.readmissions.missed),
        )
        report = Report(
            run=run, findings=tuple(findings), outcomes=tuple(outcomes), waiting=tuple(self.waiting)
        )
        return replace(report, run=replace(run, out_of_time=report.out_of_time))

    def _findings(self, plan: GroupPlan) -> list[Finding]:
        """Return the plan's findings and those of the run; whoever is stuck is named once."""
        named = {found.user_id for found in plan.findings if found.kind is FindingKind.STUCK}
        stuck = [found for found in self.leavers.stuck if found.user_id not in named]
        return [
            *plan.findings,
            *stuck,
            *self.joiners.missed,
            *self.joiners.unclear,
            *self.joiners.turned_back,
            *self.readmissions.missed,
            *self.policy_check.findings,
        ]


def _held(waiting: GroupPlan) -> str:
    parts = [f"{len(waiting.offboard)} of {waiting.members} members"] if waiting.held else []
    parts += [f"{len(waiting.onboard)} to be added"] if waiting.held_onboard else []
    return f"held: {' and '.join(parts)}; digest {waiting.digest}"


def _require_expected(plan: GroupPlan, digest: str) -> None:
    if digest and plan.digest != digest:
        raise InputError(
            f"the plan for group {plan.group_id} has changed: it was {digest}, now it is {plan.digest};"
            " look at the new plan first",
            field="plan",
        )
