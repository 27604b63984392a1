"""The sweep of one managed group: read everything, plan, hold or apply, record.

No sweep remembers where the one before it stopped: whoever is due and still a member is offboarded, however
long ago he fell due. A missed night, or a run that broke off, is made good by the next.
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
    """A sweep that somebody wants.

    Attributes:
        actor: Who started it, for the ledger.
        reason: Why it was started, for the record.
        run_id: The ID of a run that this sweep is a part of.
        until: Time of the event loop's clock after which nobody new is begun.
        expected_digest: Act only if the plan is still this one.
        only_look: A report-only sweep requested while the mode is `enforce`; it does not count as the nightly
            run.
    """

    group_id: str
    actor: str
    reason: str
    run_id: str = ""
    until: float | None = None
    expected_digest: str = ""
    only_look: bool = False


async def sweep(services: Services, order: SweepRequest) -> Report:
    """Sweep one managed group.

    Raises:
        LeaseHeldError: Another runner is at work on the group.
        InputError: The plan is not the expected one any more.
        RunError, UnavailableError: The run had to end; it is recorded as failed.
    """
    run = _begun(services, order)
    with working_at(Priority.LOW):
        report = await _sweep(services, order, run)
    announce(report, only_looked=order.only_look)
    return report


async def _sweep(services: Services, order: SweepRequest, run: Run) -> Report:
    async with services.leases.holding(order.group_id, f"{order.actor} {run.run_id}") as lease:
        await services.runs.save(Report(run=run))
        job = GroupRun(services=services, lease=lease, run=run, until=order.until)
        story = _Sweep(job, Leavers(job), Joiners(job), PolicyCheck(job))
        try:
            report = await story.carry_out(order.expected_digest)
            report.run.assert_counts()
            await services.runs.save(report)
        except Exception as error:  # whatever it is: a run that broke off is recorded as failed
            await _record_failure(services, story.broken_off(cause(error)), cause(error))
            raise
    return report


def _begun(services: Services, order: SweepRequest) -> Run:
    started_at = services.now()
    return Run(
        run_id=order.run_id or new_run_id(started_at),
        group_id=order.group_id,
        started_at=started_at,
        mode=services.settings.mode.value,
        reason=order.reason,
        actor=order.actor,
    )


async def _record_failure(services: Services, report: Report, error: Exception) -> None:
    announce_failure(report.run, error)
    # Where storage is what fails, the error itself must still be told.
    with suppress(EnforcerError):
        await services.runs.save(report)


@dataclass(slots=True)
class _Sweep:
    job: GroupRun
    departures: Leavers
    arrivals: Joiners
    assurance: PolicyCheck
    plan: GroupPlan | None = None
    verified: int = 0

    async def carry_out(self, expected_digest: str) -> Report:
        """Read, plan, then hold or apply, and prove; in report mode, apply nothing."""
        facts = await self._read()
        self.plan = plan = plan_group(facts, self._services.settings, self._services.now())
        _require_expected(plan, expected_digest)
        if self._services.settings.mode is Mode.REPORT:
            await self.assurance.watch()
            return self._report(plan, [left_alone(person, "report mode") for person in plan.offboard])
        if plan.held and not await self._is_released(plan):
            await self._hold(plan)
            await self.assurance.watch()
            held = [left_alone(person, "held by the brake") for person in plan.offboard]
            return self._report(plan, held, held=True)
        await self._apply(plan, facts)
        await self.assurance.prove(facts, self.departures.outcomes)
        return self._report(plan, self.departures.outcomes)

    async def _read(self) -> GroupSnapshot:
        """Read everything, within the run's time.

        Raises:
            UnavailableError: There was more than could be read in that time.
        """
        try:
            async with asyncio.timeout_at(self.job.last_call):
                return await read_snapshot(self._services, self.job.group_id)
        except TimeoutError as error:
            raise UnavailableError(f"register and members could not be read whole: {OUT_OF_TIME}") from error

    async def _apply(self, plan: GroupPlan, facts: GroupSnapshot) -> None:
        await self._write_intents(plan)
        await self._withdraw(plan.withdraw)
        await self._verify(plan)
        await self.departures.offboard(plan.offboard)
        await self.arrivals.add(plan.onboard, {member.id for member in facts.members})

    @property
    def _services(self) -> Services:
        return self.job.services

    # The brake -------------------------------------------------------------------------------------------

    async def _is_released(self, plan: GroupPlan) -> bool:
        held = await self._services.plans.get(plan.digest)
        return held is not None and held.is_released

    async def _hold(self, plan: GroupPlan) -> None:
        known = await self._services.plans.get(plan.digest)
        await self._services.plans.hold(plan, self._services.now(), self.job.run.run_id)
        if known is None:
            outcome = f"held: {plan.due} of {plan.members} members; digest {plan.digest}"
            await self.job.record([self.job.entry(Action.HOLD, outcome=outcome)])

    # Before the first step -------------------------------------------------------------------------------

    async def _write_intents(self, plan: GroupPlan) -> None:
        """Write whom this run is about to offboard; from here on a later run brings it to its end.

        Only then is an approval used up: were it the other way round, a crash in between would lose both.
        After such a crash the plan is not held any more, and its approval is used up all the same.
        """
        intents = [intent(person, self.job.run.run_id) for person in plan.offboard]
        await self.job.lease.require()
        await self._services.enforcements.save(plan.group_id, intents)
        if plan.offboard:
            await self._services.plans.use(plan.digest, self.job.run.run_id)

    async def _withdraw(self, begun: tuple[OffboardingRecord, ...]) -> None:
        for enforcement in begun:
            await self.job.forget(enforcement, "withdrawn: the end date was put off")

    async def _verify(self, plan: GroupPlan) -> None:
        """Note who is not listed any more: the member list is the proof of an earlier removal."""
        now = self._services.now()
        verified = [replace(item, state=State.VERIFIED, verified_at=now) for item in plan.verify]
        await self.job.record(
            [self.job.entry(Action.VERIFY, item, outcome=EntryOutcome.VERIFIED) for item in verified]
        )
        await self._services.enforcements.save(plan.group_id, verified)
        self.verified = len(verified)

    # The record ------------------------------------------------------------------------------------------

    def broken_off(self, error: Exception) -> Report:
        """Report a run that could not go on, with what was done until then."""
        report = Report(run=self.job.run)
        if self.plan is not None:
            concluded = {outcome.enforcement.row_key for outcome in self.departures.outcomes}
            rest = [person for person in self.plan.offboard if person.key not in concluded]
            skipped = [left_alone(person, RUN_ENDED, incomplete=True) for person in rest]
            report = self._report(self.plan, self.departures.outcomes + skipped)
        text = f"{type(error).__name__}: {error}"[:1000]
        failed = replace(report.run, state=RunState.FAILED, finished_at=self._services.now(), error=text)
        return replace(report, run=failed)

    def _report(self, plan: GroupPlan, outcomes: list[Outcome], *, held: bool = False) -> Report:
        places = {person.key: place for place, person in enumerate(plan.offboard)}
        outcomes = self.assurance.completed(
            sorted(outcomes, key=lambda outcome: places[outcome.enforcement.row_key])
        )
        findings = self._findings(plan)
        run = counted(self.job.run, outcomes)
        run = replace(
            run,
            finished_at=self._services.now(),
            state=RunState.COMPLETE,
            due=plan.due,
            verified=self.verified,
            added=self.arrivals.added,
            stuck=run.stuck + len(plan.waiting),
            held=held,
            digest=plan.digest,
            members=plan.members,
            ending_soon=len(plan.ending_soon),
            unregistered=sum(found.kind is FindingKind.UNREGISTERED_MEMBER for found in findings),
            blocked=self.assurance.count(Proof.BLOCKED),
            not_blocked=self.assurance.count(Proof.NOT_BLOCKED),
            findings=len(findings),
            incomplete=run.incomplete + len(plan.waiting) + len(self.arrivals.missed),
        )
        return Report(run=run, findings=tuple(findings), outcomes=tuple(outcomes))

    def _findings(self, plan: GroupPlan) -> list[Finding]:
        """Return what the plan found and what came up since; whoever is stuck is named once."""
        named = {found.user_id for found in plan.findings if found.kind is FindingKind.STUCK}
        stuck = [found for found in self.departures.stuck if found.user_id not in named]
        return [
            *plan.findings,
            *stuck,
            *self.arrivals.missed,
            *self.arrivals.unclear,
            *self.arrivals.turned_back,
            *self.assurance.findings,
        ]


def _require_expected(plan: GroupPlan, digest: str) -> None:
    if digest and plan.digest != digest:
        raise InputError(
            f"the plan for group {plan.group_id} has changed: it was {digest}, now it is {plan.digest};"
            " look at the new plan first",
            field="plan",
        )
