"""Offboard several people on demand: one look at everybody, one decision of the brake, one message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from enforcer.concurrency import each
from enforcer.core.batch_answer import BatchAnswer, PersonAnswer, PersonStatus
from enforcer.core.exceptions import (
    AmbiguousError,
    EnforcerError,
    HeldError,
    NoAccountError,
    NotContractorError,
    NotFoundError,
    ReadError,
    RefusedError,
    UnavailableError,
)
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import Report, Run, RunState
from enforcer.graph.priority import Priority, working_at
from enforcer.offboarding.braking import let_through
from enforcer.offboarding.carrying_out import Offboarding
from enforcer.offboarding.on_demand import (
    OffboardRequest,
    begun_run,
    deadline,
    looked_up,
    record_failure,
)
from enforcer.offboarding.telling import tell_operators
from enforcer.services import Services

MOST_PEOPLE = 100
_AT_ONCE = 8
_STATUS: tuple[tuple[type[EnforcerError], PersonStatus], ...] = (
    (NotContractorError, PersonStatus.NOT_A_CONTRACTOR),
    (RefusedError, PersonStatus.REFUSED),
    (AmbiguousError, PersonStatus.AMBIGUOUS),
    (NotFoundError, PersonStatus.NOT_FOUND),
    (EnforcerError, PersonStatus.FAILED),
)
# What a retry may help with.
_AWAY = (UnavailableError, ReadError, TimeoutError)

type Later = Callable[[OffboardRequest, str], Awaitable[PersonAnswer]]
"""What becomes of somebody for whom Entra or storage does not answer; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """A request to offboard several people now. Attributes: as `OffboardRequest`."""

    users: tuple[str, ...]
    reason: str
    actor: str
    run_id: str
    actor_name: str = ""
    seconds: float | None = None


async def give_up(request: OffboardRequest, why: str) -> PersonAnswer:
    """Return the advice to try again, where there is no queue to wait in."""
    return PersonAnswer(user=request.user, status=PersonStatus.UNAVAILABLE, detail=why)


async def offboard_many(services: Services, request: BatchRequest, later: Later = give_up) -> BatchAnswer:
    """Offboard everybody who can be, and say of each person what happened.

    One wrong name holds up nobody. The brake, though, judges the whole batch: past its bound nobody is
    offboarded until somebody else approves the batch's digest and it is asked for again. The proof of each
    person's next sign-in is left to the next sweep, as Entra answers one such question a second.

    Raises:
        RunError, UnavailableError: Storage refuses, or does not answer, before anybody is offboarded.
    """
    with working_at(Priority.HIGH):
        return await _Batch(services, request, later, deadline(request.seconds)).carry_out()


@dataclass(slots=True)
class _Batch:
    services: Services
    request: BatchRequest
    later: Later
    until: float | None
    answers: dict[str, PersonAnswer] = field(default_factory=dict)
    offboardings: dict[str, Offboarding] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    async def carry_out(self) -> BatchAnswer:
        run = begun_run(self.services, self._order(self.request.run_id, ""))
        run = replace(run, asked_for=self.request.users, part_of="")
        users = list(dict.fromkeys(self.request.users))
        await each(users, self._look, at_once=_AT_ONCE)
        held = await self._held(run)
        if held is None:
            await each(list(self.offboardings), self._offboard, at_once=_AT_ONCE)
            await self._record(run)
        await tell_operators(self.services, run.run_id, "done" if held is None else "held")
        return BatchAnswer(
            run_id=run.run_id,
            people=tuple(self._answer(user) for user in users),
            digest=held.digest if held else "",
            detail=str(held or ""),
        )

    def _order(self, run_id: str, user: str) -> OffboardRequest:
        request = self.request
        return OffboardRequest(
            user=user,
            reason=request.reason,
            actor=request.actor,
            actor_name=request.actor_name,
            run_id=run_id,
            seconds=request.seconds,
            part_of=request.run_id,
        )

    async def _look(self, user: str) -> None:
        order = self._order(new_run_id(self.services.now()), user)
        try:
            offboarding = await looked_up(self.services, order, self.until)
        except _AWAY as error:
            self.answers[user] = await self.later(order, str(error) or "no answer in time")
        except EnforcerError as error:
            self.answers[user] = _refused(user, error)
        else:
            self.ids[user] = offboarding.leaver.person.id
            self.offboardings.setdefault(self.ids[user], offboarding)

    async def _held(self, run: Run) -> HeldError | None:
        """Return why the brake holds everybody; None if it lets them through."""
        leavers = [offboarding.leaver for offboarding in self.offboardings.values()]
        if not leavers:
            return None
        try:
            async with asyncio.timeout_at(self.until):
                await let_through(self.services, run, leavers)
        except HeldError as error:
            for user_id in self.offboardings:
                held = PersonStatus.HELD
                self.answers[user_id] = PersonAnswer(user="", status=held, detail="see the batch's digest")
            return error
        except _AWAY as error:
            for user_id, offboarding in self.offboardings.items():
                self.answers[user_id] = await self.later(self._order_of(offboarding), str(error))
            self.offboardings.clear()
        return None

    def _order_of(self, offboarding: Offboarding) -> OffboardRequest:
        return self._order(offboarding.leaver.run.run_id, offboarding.leaver.run.asked_for[0])

    async def _offboard(self, user_id: str) -> None:
        offboarding = self.offboardings[user_id]
        order = self._order_of(offboarding)
        try:
            async with asyncio.timeout_at(self.until):
                await offboarding.begin()
            done = await offboarding.conclude()
        except _AWAY as error:
            self.answers[user_id] = await self.later(order, str(error) or "no answer in time")
        except EnforcerError as error:
            await record_failure(self.services, order, error)
            self.answers[user_id] = replace(_refused(order.user, error), run_id=order.run_id)
        else:
            status = PersonStatus.DONE if done.done else PersonStatus.UNFINISHED
            self.answers[user_id] = PersonAnswer(
                user=order.user, status=status, run_id=order.run_id, offboarding=done
            )

    async def _record(self, run: Run) -> None:
        """Record the batch, in the first group: what its people's runs did, added up."""
        people = [offboarding.leaver for offboarding in self.offboardings.values()]
        concluded: Sequence[Run] = [one for leaver in people for one, _ in leaver.concluded]
        undone = any(one.status is not PersonStatus.DONE for one in self.answers.values())
        whole = replace(
            run,
            group_id=self.services.settings.group_ids[0],
            state=RunState.FAILED if undone else RunState.COMPLETE,
            finished_at=self.services.now(),
            due=sum(one.due for one in concluded),
            removed=sum(one.removed for one in concluded),
            already_absent=sum(one.already_absent for one in concluded),
            skipped=sum(one.skipped for one in concluded),
            stuck=sum(one.stuck for one in concluded),
            revoked=sum(one.revoked for one in concluded),
            disabled=sum(one.disabled for one in concluded),
            error="not everybody was offboarded: see the people's own runs" if undone else "",
        )
        await self.services.runs.save(Report(run=whole))

    def _answer(self, user: str) -> PersonAnswer:
        found = self.answers.get(user) or self.answers[self.ids[user]]
        return replace(found, user=user)


def _refused(user: str, error: EnforcerError) -> PersonAnswer:
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    ended = error.ended_rows if isinstance(error, NoAccountError) else ()
    return PersonAnswer(user=user, status=status, detail=str(error), ended_rows=ended)
