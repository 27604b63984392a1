"""The sweep of one managed group: read everything, plan, hold or apply, record.

Sweeps share no state: whoever is due and still a member is offboarded, however long ago they fell due. So the
next sweep catches up on a missed night and completes an interrupted run.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from enforcer.core.exceptions import EnforcerError, InputError, UnavailableError, cause
from enforcer.core.ledger import Action, EntryOutcome
from enforcer.core.offboarding_record import OffboardingRecord, Proof, State
from enforcer.core.plan import Finding, FindingKind, GroupPlan
from enforcer.core.planning.planner import GroupSnapshot, plan_group
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import OUT_OF_TIME, RUN_ENDED, Outcome, Report, Run, RunState, counted
from enforcer.core.settings import Mode
from enforcer.graph.priority import Priority, working_at
from enforcer.offboarding.steps import intent
from enforcer.services import Services
from enforcer.sweep.group_run import GroupRun
from enforcer.sweep.joiners import Joiners
from enforcer.sweep.leavers import Leavers, left_alone
from enforcer.sweep.policy_check import PolicyCheck
from enforcer.sweep.reading import read_snapshot
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
        running = _Sweep(group_run, Leavers(group_run), Joiners(group_run), PolicyCheck(group_run))
        try:
            report = await running.carry_out(request.expected_digest)
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
    policy_check: PolicyCheck
    plan: GroupPlan | None = None
    verified: int = 0

    async def carry_out(self, expected_digest: str) -> Report:
        """Read, plan, hold or apply, and check policies; in report mode, apply nothing."""
        snapshot = await self._read()
        self.plan = plan = plan_group(snapshot, self._services.settings, self._services.now())
        _require_expected(plan, expected_digest)
        if self._services.settings.mode is Mode.REPORT:
            await self.policy_check.watch()
            return self._report(plan, [left_alone(person, "report mode") for person in plan.offboard])
        if plan.held and not await self._is_released(plan):
            await self._hold(plan)
            await self.policy_check.watch()
            held = [left_alone(person, "held by the brake") for person in plan.offboard]
            return self._report(plan, held, held=True)
        await self._apply(plan, snapshot)
        await self.policy_check.prove(snapshot, self.leavers.outcomes)
        return self._report(plan, self.leavers.outcomes)

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

    async def _apply(self, plan: GroupPlan, snapshot: GroupSnapshot) -> None:
        await self._write_intents(plan)
        await self._withdraw(plan.withdraw)
        await self._verify(plan)
        await self.leavers.offboard(plan.offboard)
        await self.joiners.add(plan.onboard, {member.id for member in snapshot.members})

    @property
    def _services(self) -> Services:
        return self.group_run.services

    # The brake -------------------------------------------------------------------------------------------

    async def _is_released(self, plan: GroupPlan) -> bool:
        held = await self._services.plans.get(plan.digest)
        return held is not None and held.is_released

    async def _hold(self, plan: GroupPlan) -> None:
        known = await self._services.plans.get(plan.digest)
        await self._services.plans.hold(plan, self._services.now(), self.group_run.run.run_id)
        if known is None:
            outcome = f"held: {plan.due} of {plan.members} members; digest {plan.digest}"
            await self.group_run.record([self.group_run.entry(Action.HOLD, outcome=outcome)])

    # Before the first step -------------------------------------------------------------------------------

    async def _write_intents(self, plan: GroupPlan) -> None:
        """Record whom this run is about to offboard; from here on, a later run completes it.

        Only then is the approval used: in the other order, a crash in between would lose both. After a crash
        between the two, the plan is no longer held, and the next run uses its approval.
        """
        intents = [intent(person, self.group_run.run.run_id) for person in plan.offboard]
        await self.group_run.lease.require()
        await self._services.records.save(plan.group_id, intents)
        if plan.offboard:
            await self._services.plans.use(plan.digest, self.group_run.run.run_id)

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

    def _report(self, plan: GroupPlan, outcomes: list[Outcome], *, held: bool = False) -> Report:
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
            held=held,
            digest=plan.digest,
            members=plan.members,
            ending_soon=len(plan.ending_soon),
            unregistered=sum(found.kind is FindingKind.UNREGISTERED_MEMBER for found in findings),
            blocked=self.policy_check.count(Proof.BLOCKED),
            not_blocked=self.policy_check.count(Proof.NOT_BLOCKED),
            findings=len(findings),
            incomplete=run.incomplete + len(plan.waiting) + len(self.joiners.missed),
        )
        return Report(run=run, findings=tuple(findings), outcomes=tuple(outcomes))

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
            *self.policy_check.findings,
        ]


def _require_expected(plan: GroupPlan, digest: str) -> None:
    if digest and plan.digest != digest:
        raise InputError(
            f"the plan for group {plan.group_id} has changed: it was {digest}, now it is {plan.digest};"
            " look at the new plan first",
            field="plan",
        )
