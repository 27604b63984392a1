"""The sweep of one managed group: read everything, plan, hold or apply, record.

No sweep remembers where the one before it stopped: whoever is due and still a member is offboarded, however
long ago he fell due. A missed night, or a run that broke off, is made good by the next.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime

from enforcer.announcements import announce, announce_failure
from enforcer.concurrency import each
from enforcer.core.contractors import Contractor, read_row
from enforcer.core.dates import instant
from enforcer.core.enforcement import Enforcement, State
from enforcer.core.ledger import Action, Entry
from enforcer.core.plan import Finding, FindingKind, GroupPlan, Offboard, Onboard, Plan, Step
from enforcer.core.planner import make_plan, plan_group
from enforcer.core.runs import OUT_OF_TIME, Outcome, Report, Result, Run, RunState, lag_of
from enforcer.exceptions import AccessDeniedError, EnforcerError, InputError
from enforcer.facts import read_facts
from enforcer.person import Context, Taken, conclude, entries, intent, take_steps
from enforcer.services import Services
from enforcer.settings import Mode
from enforcer.tables.leases import Lease
from enforcer.tables.runs import run_id_prefix

# Enough for sixteen batches of twenty under way and the next ones waiting.
_PEOPLE_AT_ONCE = 400
# So many refusals in a row, and nothing else, are not about the person.
_VANGUARD = 3


def new_run_id(now: datetime) -> str:
    """Give a new run's ID; run IDs sort by time."""
    return f"{run_id_prefix(now)}-{secrets.token_hex(3)}"


async def make_whole_plan(services: Services, as_of: datetime | None = None) -> Plan:
    """Plan all managed groups, now or as of another time, and change nothing."""
    facts = [await read_facts(services, group_id) for group_id in services.settings.group_ids]
    return make_plan(facts, services.settings, as_of or services.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A sweep that somebody wants.

    Attributes:
        actor: Who started it, for the ledger.
        reason: Why it was started, for the record.
        run_id: The ID of a run that this sweep is a part of.
        until: Time of the event loop's clock after which nobody new is begun.
        expected_digest: Act only if the plan is still this one.
    """

    group_id: str
    actor: str
    reason: str
    run_id: str = ""
    until: float | None = None
    expected_digest: str = ""


async def sweep(services: Services, order: Order) -> Report:
    """Sweep one managed group.

    Raises:
        LeaseHeldError: Another runner is at work on the group.
        InputError: The plan is not the expected one any more.
        RunError, UnavailableError: The run had to end; it is recorded as failed.
    """
    run = _begun(services, order)
    async with services.leases.holding(order.group_id, f"{order.actor} {run.run_id}") as lease:
        await services.runs.save(Report(run=run))
        try:
            report = await _Sweep(services, lease, run, order).tell()
        except EnforcerError as error:
            await _record_failure(services, run, error)
            raise
        await services.runs.save(report)
    announce(report)
    return report


def _begun(services: Services, order: Order) -> Run:
    started_at = services.now()
    return Run(
        run_id=order.run_id or new_run_id(started_at),
        group_id=order.group_id,
        started_at=started_at,
        mode=services.settings.mode.value,
        reason=order.reason,
        actor=order.actor,
    )


async def _record_failure(services: Services, run: Run, error: EnforcerError) -> None:
    announce_failure(run, error)
    text = f"{type(error).__name__}: {error}"[:1000]
    failed = replace(run, state=RunState.FAILED, finished_at=services.now(), error=text)
    await services.runs.save(Report(run=failed))


@dataclass(slots=True)
class _Sweep:
    services: Services
    lease: Lease
    run: Run
    order: Order
    findings: list[Finding] = field(default_factory=list)

    async def tell(self) -> Report:
        """Tell the whole story."""
        facts = await read_facts(self.services, self.run.group_id)
        plan = plan_group(facts, self.services.settings, self.services.now())
        self._require_expected(plan)
        self.findings.extend(plan.findings)
        if self.services.settings.mode is Mode.REPORT:
            return self._report(plan, _left_alone(plan, "report mode"))
        if plan.held and not await self._is_released(plan):
            await self._hold(plan)
            return self._report(plan, _left_alone(plan, "held by the brake"), held=True)
        return await self._apply(plan)

    async def _apply(self, plan: GroupPlan) -> Report:
        await self._write_intents(plan)
        await self._withdraw(plan.withdraw)
        verified = await self._verify(plan)
        outcomes = await self._offboard(plan.offboard)
        added = await self._onboard(plan.onboard)
        return self._report(plan, outcomes, verified=verified, added=added)

    def _require_expected(self, plan: GroupPlan) -> None:
        if self.order.expected_digest and plan.digest != self.order.expected_digest:
            raise InputError(
                f"the plan for group {plan.group_id} has changed: it was {self.order.expected_digest},"
                f" now it is {plan.digest}; look at the new plan first",
                field="plan",
            )

    # The brake -------------------------------------------------------------------------------------------

    async def _is_released(self, plan: GroupPlan) -> bool:
        held = await self.services.plans.get(plan.digest)
        return held is not None and held.is_released

    async def _hold(self, plan: GroupPlan) -> None:
        known = await self.services.plans.get(plan.digest)
        await self.services.plans.hold(plan, self.services.now(), self.run.run_id)
        if known is None:
            outcome = f"held: {plan.due} of {plan.members} members; digest {plan.digest}"
            await self._append([self._entry(Action.HOLD, outcome=outcome)])

    # Before the first step -------------------------------------------------------------------------------

    async def _write_intents(self, plan: GroupPlan) -> None:
        """Write whom this run is about to offboard; from here on a later run brings it to its end.

        Only then is an approval used up: were it the other way round, a crash in between would lose both.
        """
        intents = [intent(person, self.run.run_id) for person in plan.offboard]
        await self.lease.require()
        await self.services.enforcements.save(plan.group_id, intents)
        if plan.held:
            await self.services.plans.use(plan.digest, self.run.run_id)

    async def _withdraw(self, begun: tuple[Enforcement, ...]) -> None:
        for enforcement in begun:
            await self._forget(enforcement, "withdrawn: the end date was put off")

    async def _forget(self, enforcement: Enforcement, outcome: str) -> None:
        await self._append([self._entry(Action.WITHDRAW, enforcement, outcome=outcome)])
        await self.services.enforcements.forget(self.run.group_id, enforcement.row_key)

    async def _verify(self, plan: GroupPlan) -> int:
        """Note who is not listed any more: the member list is the proof of an earlier removal."""
        now = self.services.now()
        verified = [replace(item, state=State.VERIFIED, verified_at=now) for item in plan.verify]
        await self._append([self._entry(Action.VERIFY, item, outcome="verified") for item in verified])
        await self.services.enforcements.save(plan.group_id, verified)
        return len(verified)

    # Offboarding -----------------------------------------------------------------------------------------

    async def _offboard(self, people: tuple[Offboard, ...]) -> list[Outcome]:
        """Offboard everybody; the first few go ahead, so that a refusal of all is noticed early."""
        first = await self._vanguard(people)
        rest = await each(people[len(first) :], self._offboard_one, at_once=_PEOPLE_AT_ONCE)
        return first + rest

    async def _vanguard(self, people: tuple[Offboard, ...]) -> list[Outcome]:
        tried: list[tuple[Offboard, Taken | None, Outcome | None]] = []
        for person in people[:_VANGUARD]:
            skipped = await self._skip(person)
            taken = None if skipped else await self._take_steps(person)
            tried.append((person, taken, skipped))
            if taken is not None and not _is_refused(taken):
                break
        refused = [taken for _, taken, _ in tried if taken is not None]
        if len(refused) > 1 and all(_is_refused(taken) for taken in refused):
            raise AccessDeniedError(
                "Graph refuses to remove anybody: make this identity an owner of the group, or grant it"
                f" GroupMember.ReadWrite.All. {refused[0].failures}"
            )
        return [skipped or await self._conclude(person, taken) for person, taken, skipped in tried]

    async def _offboard_one(self, person: Offboard) -> Outcome:
        skipped = await self._skip(person)
        return skipped or await self._conclude(person, await self._take_steps(person))

    async def _skip(self, person: Offboard) -> Outcome | None:
        """Look once more, just before the first write: time may be up, or a renewal may have come."""
        if self.order.until is not None and asyncio.get_running_loop().time() >= self.order.until:
            return _skipped(person, self.run.run_id, OUT_OF_TIME, left_undone=True)
        renewal = await self._renewal(person)
        if renewal:
            await self._forget(intent(person, self.run.run_id), renewal)
            return _skipped(person, self.run.run_id, renewal)
        await self.lease.require()
        return None

    async def _renewal(self, person: Offboard) -> str:
        """Read the person's row again; say what has changed in his favour, if anything has."""
        row = await self.services.register.row(self.run.group_id, person.row_key or person.user_id)
        if row is None:
            return "" if person.row_key is None else "his row has gone from the register"
        contractor = read_row(row, self.services.settings.zone)
        if not isinstance(contractor, Contractor):
            return "his row cannot be read any more"
        return "" if contractor.is_due(self.services.now()) else "his end date was put off"

    async def _take_steps(self, person: Offboard) -> Taken | None:
        """Take the person's steps; None when the time was up in the middle of them."""
        try:
            async with asyncio.timeout_at(self.order.until):
                return await take_steps(self.services.directory, self.run.group_id, person)
        except TimeoutError:
            return None

    async def _conclude(self, person: Offboard, taken: Taken | None) -> Outcome:
        if taken is None:
            return _skipped(person, self.run.run_id, OUT_OF_TIME, left_undone=True)
        now = self.services.now()
        outcome = conclude(taken, self.run.run_id, now)
        context = Context(group_id=self.run.group_id, run_id=self.run.run_id, actor=self.run.actor)
        await self._append(entries(taken, context, now))
        await self.services.enforcements.save(self.run.group_id, [outcome.enforcement])
        if outcome.result is Result.STUCK:
            self._find_stuck(outcome)
        return outcome

    def _find_stuck(self, outcome: Outcome) -> None:
        item = outcome.enforcement
        detail = f"{item.attempts} runs have failed; the last one: {item.last_error}"
        finding = Finding(kind=FindingKind.STUCK, row_key=item.row_key, user_id=item.user_id, detail=detail)
        known = {(found.kind, found.user_id) for found in self.findings}
        if (finding.kind, finding.user_id) not in known:
            self.findings.append(finding)

    # Onboarding ------------------------------------------------------------------------------------------

    async def _onboard(self, newcomers: tuple[Onboard, ...]) -> int:
        return sum(await each(newcomers, self._onboard_one, at_once=4))

    async def _onboard_one(self, newcomer: Onboard) -> bool:
        """Add somebody whose time has begun, if his row still says so."""
        row = await self.services.register.row(self.run.group_id, newcomer.row_key)
        contractor = row and read_row(row, self.services.settings.zone)
        now = self.services.now()
        if not isinstance(contractor, Contractor) or contractor.is_due(now) or not contractor.has_begun(now):
            return False
        await self.lease.require()
        try:
            person = await self.services.directory.find(newcomer.key)
        except InputError as error:
            return self._miss(newcomer, str(error))
        if person.id in self.services.settings.protected_ids:
            return self._miss(newcomer, "ENFORCER_PROTECTED_IDS names him")
        added = await self.services.directory.add(self.run.group_id, person.id)
        entry = replace(
            self._entry(Action.ADD, outcome="added" if added.settled else f"failed: {added.explanation}"),
            user=person.id,
            row_key=newcomer.row_key,
            end_date=newcomer.end_date,
            request_id=added.request_id,
        )
        await self._append([entry])
        return added.settled or self._miss(newcomer, added.explanation)

    def _miss(self, newcomer: Onboard, detail: str) -> bool:
        kind = FindingKind.MISSING_MEMBER
        self.findings.append(
            Finding(kind=kind, row_key=newcomer.row_key, detail=f"could not be added: {detail}")
        )
        return False

    # The record ------------------------------------------------------------------------------------------

    async def _append(self, new: list[Entry]) -> None:
        await self.services.ledger.append(self.run.group_id, new)

    def _entry(self, action: Action, about: Enforcement | None = None, *, outcome: str) -> Entry:
        return Entry(
            at=instant(self.services.now()),
            actor=self.run.actor,
            action=action,
            group=self.run.group_id,
            user=about.user_id if about else "",
            row_key=about.row_key if about else "",
            run=self.run.run_id,
            end_date=about.end_date if about else "",
            due_at=instant(about.due_at) if about and about.due_at else "",
            outcome=outcome,
        )

    def _report(
        self,
        plan: GroupPlan,
        outcomes: list[Outcome],
        *,
        verified: int = 0,
        added: int = 0,
        held: bool = False,
    ) -> Report:
        results = [outcome.result for outcome in outcomes]
        missed = sum(1 for found in self.findings if found.detail.startswith("could not be added"))
        run = replace(
            self.run,
            finished_at=self.services.now(),
            state=RunState.COMPLETE,
            due=plan.due,
            removed=results.count(Result.REMOVED),
            already_absent=results.count(Result.ALREADY_ABSENT),
            revoked=sum(outcome.revoked for outcome in outcomes),
            disabled=sum(outcome.disabled for outcome in outcomes),
            verified=verified,
            added=added,
            skipped=results.count(Result.SKIPPED),
            stuck=results.count(Result.STUCK) + len(plan.waiting),
            held=held,
            digest=plan.digest,
            members=plan.members,
            ending_soon=len(plan.ending_soon),
            unregistered=sum(found.kind is FindingKind.UNREGISTERED_MEMBER for found in self.findings),
            findings=len(self.findings),
            lag_seconds=lag_of(outcomes),
            left_undone=sum(outcome.left_undone for outcome in outcomes) + len(plan.waiting) + missed,
        )
        run.assert_counts()
        return Report(run=run, findings=tuple(self.findings), outcomes=tuple(outcomes))


def _left_alone(plan: GroupPlan, reason: str) -> list[Outcome]:
    return [_skipped(person, "", reason) for person in plan.offboard]


def _skipped(person: Offboard, run_id: str, reason: str, *, left_undone: bool = False) -> Outcome:
    return Outcome(
        result=Result.SKIPPED, enforcement=intent(person, run_id), reason=reason, left_undone=left_undone
    )


def _is_refused(taken: Taken) -> bool:
    removal = taken.results.get(Step.REMOVE)
    return removal is not None and removal.forbidden
