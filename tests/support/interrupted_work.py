"""The work that is interrupted: who is in it, what is done, and what must have come of it in the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from enforcer.core.contractors import Registration
from enforcer.core.ledger import Action, Entry
from enforcer.core.offboarding_record import OffboardingRecord, Sessions, State
from enforcer.core.runs import Run, RunState
from enforcer.services import Services
from sandbox.directory.objects import Group, User
from tests.support.crash_point import CrashPoint
from tests.support.directory_facts import DirectoryFact, deeds, numbers, touched
from tests.support.fork_jobs import Exit, Job, Kind
from tests.support.ledger_entries import break_in
from tests.support.world import ENDED, RUNNING

type People = Mapping[str, frozenset[str]]
"""User IDs by group ID."""
type Look = Callable[[Scene], Awaitable[None]]


@dataclass(slots=True)
class Stage:
    """Builds a scene: groups, people and rows of their own, so that scenes can share a lane."""

    lane: CrashPoint
    settings: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    users: int = 0

    def group(self) -> Group:
        self.groups.append(self.lane.tenant.add_group("Contractors"))
        return self.groups[-1]

    def user(self, *groups: Group) -> User:
        name = f"{len(self.lane.tenant.objects)} Contractor"
        return self._placed(self.lane.tenant.add_user(name), groups)

    def guest(self, *groups: Group) -> User:
        number = len(self.lane.tenant.objects)
        return self._placed(
            self.lane.tenant.add_guest(f"{number} Guest", f"guest.{number}@partner.example"), groups
        )

    def _placed(self, user: User, groups: tuple[Group, ...]) -> User:
        for group in groups:
            self.lane.tenant.add_member(group, user)
        return user

    async def row(self, group: Group, key: str | None, end: str) -> None:
        row = Registration(group_id=group.id, row_key=key or "", end_date=end)
        await self.lane.tables.register.save(row)

    @property
    def environ(self) -> dict[str, str]:
        return self.lane.settings_for(tuple(group.id for group in self.groups), **self.settings)

    def sweep(self, group: Group) -> Job:
        return Job(kind=Kind.SWEEP, about=group.id, environ=self.environ)

    async def run(self, *jobs: Job) -> None:
        for job in jobs:
            assert await self.lane.run(job) is Exit.DONE

    def members(self) -> dict[str, frozenset[str]]:
        return {group.id: frozenset(self.lane.tenant.members[group.id]) for group in self.groups}

    def scene(self, job: Job, end: End, *, repairs: tuple[Job, ...] = (), look: Look | None = None) -> Scene:
        """Close the stage: from here on everything counts."""
        self.lane.log.clear()
        return Scene(
            lane=self.lane,
            environ=self.environ,
            job=job,
            repairs=repairs or (job,),
            before=self.members(),
            end=end,
            look=look,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How the directory must be in the end.

    Attributes:
        leaving, joining: Who changes which group. Whoever leaves has his sessions revoked after that.
        disabled: Whose accounts are disabled; nobody else's.
    """

    leaving: People = field(default_factory=dict)
    joining: People = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()

    @property
    def leavers(self) -> frozenset[str]:
        return frozenset[str]().union(*self.leaving.values())

    @property
    def joiners(self) -> frozenset[str]:
        return frozenset[str]().union(*self.joining.values())


def ids(*users: User) -> frozenset[str]:
    return frozenset(user.id for user in users)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One piece of work, ready to be interrupted.

    Attributes:
        job: What is interrupted.
        repairs: What runs afterwards; mostly the same again, as the queue would deliver it.
        look: A last look at what only this scene has.
    """

    lane: CrashPoint
    environ: dict[str, str]
    job: Job
    repairs: tuple[Job, ...]
    before: People
    end: End
    look: Look | None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def services(self) -> Services:
        return self.lane.services(self.environ)

    async def check(self) -> None:
        """Let the product go on by itself, then look at everything."""
        for repair in self.repairs:
            assert await self.lane.run(repair) is Exit.DONE
        self._check_directory()
        for group_id in self.before:
            await self._check_counts(group_id)
        for group_id in self.before:
            sweep = Job(kind=Kind.SWEEP, about=group_id, environ=self.environ)
            assert await self.lane.run(sweep) is Exit.DONE
            await self._check_nothing_is_left(group_id)
            await self._check_record(group_id)
        self._check_directory()
        if self.look is not None:
            await self.look(self)

    def _check_directory(self) -> None:
        """Everybody due is out, once, with sessions revoked after that, and nobody else was touched."""
        tenant, done = self.lane.tenant, deeds(self.lane.log.entries)
        for group_id, before in self.before.items():
            leaving, joining = _of(self.end.leaving, group_id), _of(self.end.joining, group_id)
            assert set(tenant.members[group_id]) == before - leaving | joining
        for user_id in self.end.leavers:
            removals = numbers(done, DirectoryFact.REMOVED, user_id)
            assert len(removals) == sum(
                user_id in leaving & self.before[group_id] for group_id, leaving in self.end.leaving.items()
            )
            revocations = numbers(done, DirectoryFact.REVOKED, user_id)
            assert revocations
            assert max(revocations) > max(removals, default=0)
        for user_id in self.everybody:
            user = tenant.user(user_id)
            assert user is not None
            assert user.account_enabled is (user_id not in self.end.disabled)
        assert touched(done) <= self.end.leavers | self.end.joiners
        assert self.lane.log.catastrophes == []

    @property
    def everybody(self) -> frozenset[str]:
        return self.end.joiners.union(*self.before.values())

    async def runs(self, group_id: str) -> list[Run]:
        found = await self.services.runs.of_group(group_id, datetime.now(UTC))
        return sorted(found, key=lambda run: run.started_at)

    async def _check_counts(self, group_id: str) -> None:
        """The run after the crash came to its end and accounts for everybody."""
        # Whoever was killed could not write that he had ended.
        ended = [run for run in await self.runs(group_id) if run.state is not RunState.RUNNING]
        for run in ended[-1:]:
            assert run.state is RunState.COMPLETE, run.error
            run.assert_counts()
            assert (run.skipped, run.stuck, run.incomplete, run.held) == (0, 0, 0, False)

    async def _check_nothing_is_left(self, group_id: str) -> None:
        last = (await self.runs(group_id))[-1]
        assert (last.state, last.due) == (RunState.COMPLETE, 0)
        async for item in self.services.enforcements.of_group(group_id):
            _check_verified(item)

    async def _check_record(self, group_id: str) -> None:
        """The chain is whole; every leaver's removal and revocation are on it, and nobody else's."""
        assert await break_in(self.services.ledger, group_id) is None
        entries = await self.ledger(group_id)
        for action in (Action.REMOVE, Action.REVOKE):
            assert _users(entries, action) >= _of(self.end.leaving, group_id)
        concerned = self.end.leavers | self.end.joiners
        assert _users(entries, Action.REMOVE, Action.REVOKE, Action.DISABLE) <= concerned

    async def ledger(self, group_id: str) -> list[Entry]:
        return [link.entry async for link in self.services.ledger.links(group_id)]


def _of(people: People, group_id: str) -> frozenset[str]:
    return people.get(group_id, frozenset())


def _check_verified(item: OffboardingRecord) -> None:
    assert item.state is State.VERIFIED
    assert item.removed_at is not None
    assert item.sessions in Sessions


def _users(entries: list[Entry], *actions: Action) -> set[str]:
    return {entry.user for entry in entries if entry.action in actions}


# The scenes ----------------------------------------------------------------------------------------------


async def a_night(lane: CrashPoint) -> Scene:
    """Three leave: a member, a guest by his mail address, and one by his name; two stay."""
    stage = Stage(lane)
    group = stage.group()
    ann, gus, bob = stage.user(group), stage.guest(group), stage.user(group)
    ron, _without_row = stage.user(group), stage.user(group)
    await stage.row(group, ann.id, ENDED)
    await stage.row(group, gus.mail, ENDED)
    await stage.row(group, bob.user_principal_name.upper(), ENDED)
    await stage.row(group, ron.id, RUNNING)
    return stage.scene(stage.sweep(group), End(leaving={group.id: ids(ann, gus, bob)}))


async def a_released_plan(lane: CrashPoint) -> Scene:
    """The brake held the plan, and somebody approved it."""
    stage, group, leaving = await _held(lane)
    digest = await _held_digest(stage, group)
    await stage.run(Job(kind=Kind.APPROVE, about=digest, environ=stage.environ))
    end = End(leaving={group.id: leaving})
    return stage.scene(stage.sweep(group), end, look=_approval_was_used_once)


async def an_approval(lane: CrashPoint) -> Scene:
    """The approval itself is interrupted, and given again."""
    stage, group, leaving = await _held(lane)
    job = Job(kind=Kind.APPROVE, about=await _held_digest(stage, group), environ=stage.environ)
    end = End(leaving={group.id: leaving})
    repairs = (job, stage.sweep(group))
    return stage.scene(job, end, repairs=repairs, look=_approval_was_used_once)


async def _held(lane: CrashPoint) -> tuple[Stage, Group, frozenset[str]]:
    stage = Stage(lane, {"ENFORCER_BRAKE_COUNT": "1", "ENFORCER_BRAKE_PERCENT": "10"})
    group = stage.group()
    ann, gus = stage.user(group), stage.guest(group)
    stage.user(group)
    for user in (ann, gus):
        await stage.row(group, user.id, ENDED)
    await stage.run(stage.sweep(group))
    return stage, group, ids(ann, gus)


async def _held_digest(stage: Stage, group: Group) -> str:
    plans = await stage.lane.services(stage.environ).plans.waiting([group.id])
    return plans[0].digest


async def _approval_was_used_once(scene: Scene) -> None:
    for group_id in scene.before:
        ledger = await scene.ledger(group_id)
        assert [entry.action for entry in ledger].count(Action.HOLD) == 1
        digest = next(run.digest for run in await scene.runs(group_id) if run.held)
        plan = await scene.services.plans.get(digest)
        assert plan is not None
        assert plan.used_by
        assert not plan.is_released


async def accounts_disabled(lane: CrashPoint) -> Scene:
    """Accounts are disabled too, but not that of somebody whom another group's row still engages."""
    stage = Stage(lane, {"ENFORCER_DISABLE_ACCOUNTS": "all"})
    group, other = stage.group(), stage.group()
    ann, ben, ron = stage.user(group), stage.user(group, other), stage.user(group)
    for user, day in ((ann, ENDED), (ben, ENDED), (ron, RUNNING)):
        await stage.row(group, user.id, day)
    await stage.row(other, ben.user_principal_name, RUNNING)
    end = End(leaving={group.id: ids(ann, ben)}, disabled=ids(ann))
    return stage.scene(stage.sweep(group), end)


async def newcomers(lane: CrashPoint) -> Scene:
    """One leaves and two come, one of them known by his mail address only."""
    stage = Stage(lane, {"ENFORCER_ONBOARD": "add"})
    group = stage.group()
    ann, ron = stage.user(group), stage.user(group)
    nia, gil = stage.user(), stage.guest()
    for key, day in ((ann.id, ENDED), (ron.id, RUNNING), (nia.id, RUNNING), (gil.mail, RUNNING)):
        await stage.row(group, key, day)
    end = End(leaving={group.id: ids(ann)}, joining={group.id: ids(nia, gil)})
    return stage.scene(stage.sweep(group), end)


async def the_morning_after(lane: CrashPoint) -> Scene:
    """Earlier runs left one to verify, one without his sessions revoked, and one who was renewed since."""
    stage = Stage(lane)
    group = stage.group()
    gone, half_done, renewed, ron = stage.user(), stage.user(), stage.user(group), stage.user(group)
    for user, end in ((gone, ENDED), (half_done, ENDED), (renewed, RUNNING), (ron, RUNNING)):
        await stage.row(group, user.id, end)
    now = datetime.now(UTC)
    offboarded = OffboardingRecord(
        row_key=gone.id,
        user_id=gone.id,
        state=State.OFFBOARDED,
        end_date=ENDED,
        removed_at=now,
        revoked_at=now,
        sessions=Sessions.REVOKED,
    )
    begun = [
        OffboardingRecord(row_key=user.id, user_id=user.id, state=State.OFFBOARDING, end_date=ENDED)
        for user in (half_done, renewed)
    ]
    await lane.tables.enforcements.save(group.id, [offboarded, *begun])
    return stage.scene(stage.sweep(group), End(leaving={group.id: ids(half_done)}))


async def one_person_now(lane: CrashPoint) -> Scene:
    """Somebody whose access would go on is offboarded from both groups; the call is repeated."""
    stage = Stage(lane)
    group, other = stage.group(), stage.group()
    ann, ron = stage.user(group, other), stage.user(group)
    await stage.row(group, ann.id, RUNNING)
    await stage.row(other, ann.user_principal_name, RUNNING)
    await stage.row(group, ron.id, RUNNING)
    job = Job(kind=Kind.OFFBOARD, about=ann.user_principal_name, environ=stage.environ)
    return stage.scene(job, End(leaving={group.id: ids(ann), other.id: ids(ann)}))


async def one_person_now_and_a_sweep(lane: CrashPoint) -> Scene:
    """Somebody who was offboarded once is back; the call is not repeated, the sweep finishes it."""
    stage = Stage(lane)
    group = stage.group()
    ann, ron = stage.user(group), stage.user(group)
    await stage.row(group, ann.id, ENDED)
    await stage.row(group, ron.id, RUNNING)
    await stage.run(stage.sweep(group), stage.sweep(group))
    lane.tenant.add_member(group, ann)
    job = Job(kind=Kind.OFFBOARD, about=ann.id, environ=stage.environ)
    return stage.scene(job, End(leaving={group.id: ids(ann)}), repairs=(stage.sweep(group),))


async def an_undo(lane: CrashPoint) -> Scene:
    """A run removed two and disabled their accounts; their rows are mended, and it is undone."""
    stage = Stage(lane, {"ENFORCER_DISABLE_ACCOUNTS": "all"})
    group = stage.group()
    ann, gus, _ron = stage.user(group), stage.guest(group), stage.user(group)
    for user in (ann, gus):
        await stage.row(group, user.id, ENDED)
    await stage.run(stage.sweep(group))
    for user in (ann, gus):
        await stage.row(group, user.id, RUNNING)
    run = (await lane.services(stage.environ).runs.of_group(group.id, datetime.now(UTC)))[-1]
    job = Job(kind=Kind.UNDO, about=run.run_id, environ=stage.environ)
    return stage.scene(job, End(joining={group.id: ids(ann, gus)}))


type Build = Callable[[CrashPoint], Awaitable[Scene]]

SCENES: tuple[Build, ...] = (
    a_night,
    a_released_plan,
    an_approval,
    accounts_disabled,
    newcomers,
    the_morning_after,
    one_person_now,
    one_person_now_and_a_sweep,
    an_undo,
)
