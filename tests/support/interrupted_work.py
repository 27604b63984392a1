"""Work to interrupt: who is in it, what is done, and what the result must be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from enforcer.core.contractors import RegisterRow
from enforcer.core.ledger import Action, Entry
from enforcer.core.offboarding_record import OffboardingRecord, Sessions, State
from enforcer.core.runs import Run, RunState
from enforcer.services import Services
from sandbox.directory.objects import Group, User
from tests.support.crash_point import CrashWorld
from tests.support.directory_facts import DirectoryFact, changes_made, numbers, touched
from tests.support.fork_jobs import Exit, Job, Kind
from tests.support.ledger_entries import break_in
from tests.support.world import ENDED, RUNNING

type People = Mapping[str, frozenset[str]]
"""User IDs by group ID."""
type Check = Callable[[Scene], Awaitable[None]]


@dataclass(slots=True)
class Stage:
    """Builds a scene with its own groups, people and rows, so that scenes can share a world."""

    world: CrashWorld
    settings: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    users: int = 0

    def group(self) -> Group:
        self.groups.append(self.world.tenant.add_group("Contractors"))
        return self.groups[-1]

    def user(self, *groups: Group) -> User:
        name = f"{len(self.world.tenant.objects)} Contractor"
        return self._placed(self.world.tenant.add_user(name), groups)

    def guest(self, *groups: Group) -> User:
        number = len(self.world.tenant.objects)
        return self._placed(
            self.world.tenant.add_guest(f"{number} Guest", f"guest.{number}@partner.example"), groups
        )

    def _placed(self, user: User, groups: tuple[Group, ...]) -> User:
        for group in groups:
            self.world.tenant.add_member(group, user)
        return user

    async def row(self, group: Group, key: str | None, end: str) -> None:
        row = RegisterRow(group_id=group.id, row_key=key or "", end_date=end)
        await self.world.tables.register.save(row)

    @property
    def environ(self) -> dict[str, str]:
        return self.world.settings_for(tuple(group.id for group in self.groups), **self.settings)

    def sweep(self, group: Group) -> Job:
        return Job(kind=Kind.SWEEP, about=group.id, environ=self.environ)

    async def run(self, *jobs: Job) -> None:
        for job in jobs:
            assert await self.world.run(job) is Exit.DONE

    def members(self) -> dict[str, frozenset[str]]:
        return {group.id: frozenset(self.world.tenant.members[group.id]) for group in self.groups}

    def scene(
        self, job: Job, end: End, *, repairs: tuple[Job, ...] = (), last_check: Check | None = None
    ) -> Scene:
        """Finish the setup: whatever happens from here on is checked."""
        self.world.log.clear()
        return Scene(
            world=self.world,
            environ=self.environ,
            job=job,
            repairs=repairs or (job,),
            before=self.members(),
            end=end,
            last_check=last_check,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The state that the directory must reach.

    Attributes:
        leaving, joining: Who leaves or joins which group. Leavers then have their sessions revoked.
        disabled: Whose accounts are disabled, and no others.
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
        job: The job that is interrupted.
        repairs: What runs afterwards; usually the same job, as the queue would deliver it again.
        last_check: A last last_check at what only this scene has.
    """

    world: CrashWorld
    environ: dict[str, str]
    job: Job
    repairs: tuple[Job, ...]
    before: People
    end: End
    last_check: Check | None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def services(self) -> Services:
        return self.world.services(self.environ)

    async def check(self) -> None:
        """Let the product recover by itself, then check everything."""
        for repair in self.repairs:
            assert await self.world.run(repair) is Exit.DONE
        self._check_directory()
        for group_id in self.before:
            await self._check_counts(group_id)
        for group_id in self.before:
            sweep = Job(kind=Kind.SWEEP, about=group_id, environ=self.environ)
            assert await self.world.run(sweep) is Exit.DONE
            await self._check_nothing_is_left(group_id)
            await self._check_record(group_id)
        self._check_directory()
        if self.last_check is not None:
            await self.last_check(self)

    def _check_directory(self) -> None:
        """Everybody due was removed once, then had their sessions revoked; nobody else was touched."""
        tenant, done = self.world.tenant, changes_made(self.world.log.entries)
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
        assert self.world.log.catastrophes == []

    @property
    def everybody(self) -> frozenset[str]:
        return self.end.joiners.union(*self.before.values())

    async def runs(self, group_id: str) -> list[Run]:
        found = await self.services.runs.of_group(group_id, datetime.now(UTC))
        return sorted(found, key=lambda run: run.started_at)

    async def _check_counts(self, group_id: str) -> None:
        """The run after the crash is complete and accounts for everybody."""
        # A run that was killed could not record its end.
        ended = [run for run in await self.runs(group_id) if run.state is not RunState.RUNNING]
        for run in ended[-1:]:
            assert run.state is RunState.COMPLETE, run.error
            run.assert_counts()
            assert (run.skipped, run.stuck, run.incomplete, run.held) == (0, 0, 0, False)

    async def _check_nothing_is_left(self, group_id: str) -> None:
        last = (await self.runs(group_id))[-1]
        assert (last.state, last.due) == (RunState.COMPLETE, 0)
        async for item in self.services.records.of_group(group_id):
            _check_verified(item)

    async def _check_record(self, group_id: str) -> None:
        """The chain is intact and holds each leaver's removal and revocation, and nobody else's."""
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


async def a_night(world: CrashWorld) -> Scene:
    """Three leave: a member, a guest with a row by mail address, one with a row by UPN; two stay."""
    stage = Stage(world)
    group = stage.group()
    ann, gus, bob = stage.user(group), stage.guest(group), stage.user(group)
    ron, _without_row = stage.user(group), stage.user(group)
    await stage.row(group, ann.id, ENDED)
    await stage.row(group, gus.mail, ENDED)
    await stage.row(group, bob.user_principal_name.upper(), ENDED)
    await stage.row(group, ron.id, RUNNING)
    return stage.scene(stage.sweep(group), End(leaving={group.id: ids(ann, gus, bob)}))


async def a_released_plan(world: CrashWorld) -> Scene:
    """The brake has held a plan, which was then approved."""
    stage, group, leaving = await _held(world)
    digest = await _held_digest(stage, group)
    await stage.run(Job(kind=Kind.APPROVE, about=digest, environ=stage.environ))
    end = End(leaving={group.id: leaving})
    return stage.scene(stage.sweep(group), end, last_check=_approval_was_used_once)


async def an_approval(world: CrashWorld) -> Scene:
    """The approval itself is interrupted, and repeated."""
    stage, group, leaving = await _held(world)
    job = Job(kind=Kind.APPROVE, about=await _held_digest(stage, group), environ=stage.environ)
    end = End(leaving={group.id: leaving})
    repairs = (job, stage.sweep(group))
    return stage.scene(job, end, repairs=repairs, last_check=_approval_was_used_once)


async def _held(world: CrashWorld) -> tuple[Stage, Group, frozenset[str]]:
    stage = Stage(world, {"ENFORCER_BRAKE_COUNT": "1", "ENFORCER_BRAKE_PERCENT": "10"})
    group = stage.group()
    ann, gus = stage.user(group), stage.guest(group)
    stage.user(group)
    for user in (ann, gus):
        await stage.row(group, user.id, ENDED)
    await stage.run(stage.sweep(group))
    return stage, group, ids(ann, gus)


async def _held_digest(stage: Stage, group: Group) -> str:
    plans = await stage.world.services(stage.environ).plans.waiting([group.id])
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


async def accounts_disabled(world: CrashWorld) -> Scene:
    """Accounts are disabled too, except that of somebody with a current row in another group."""
    stage = Stage(world, {"ENFORCER_DISABLE_ACCOUNTS": "all"})
    group, other = stage.group(), stage.group()
    ann, ben, ron = stage.user(group), stage.user(group, other), stage.user(group)
    for user, day in ((ann, ENDED), (ben, ENDED), (ron, RUNNING)):
        await stage.row(group, user.id, day)
    await stage.row(other, ben.user_principal_name, RUNNING)
    end = End(leaving={group.id: ids(ann, ben)}, disabled=ids(ann))
    return stage.scene(stage.sweep(group), end)


async def a_leavers_group(world: CrashWorld) -> Scene:
    """Two are put into the leavers' group; a member whose access was extended is taken out of it."""
    ron = world.tenant.add_user(f"{len(world.tenant.objects)} Renewed")
    left = world.tenant.add_group("Left", members=(ron,))
    stage = Stage(world, {"ENFORCER_LEAVERS_GROUP": left.id})
    group = stage.group()
    ann, gus = stage.user(group), stage.guest(group)
    world.tenant.add_member(group, ron)
    for user, day in ((ann, ENDED), (gus, ENDED), (ron, RUNNING)):
        await stage.row(group, user.id, day)

    async def everybody_is_where_they_belong(scene: Scene) -> None:
        assert set(scene.world.tenant.members[left.id]) == {ann.id, gus.id}
        assert _users(await scene.ledger(group.id), Action.LEAVERS_ADD) == {ann.id, gus.id}

    end = End(leaving={group.id: ids(ann, gus)}, joining={left.id: ids(ron)})
    return stage.scene(stage.sweep(group), end, last_check=everybody_is_where_they_belong)


async def newcomers(world: CrashWorld) -> Scene:
    """One leaves and two join, one of them with a row by mail address only."""
    stage = Stage(world, {"ENFORCER_ONBOARD": "add"})
    group = stage.group()
    ann, ron = stage.user(group), stage.user(group)
    nia, gil = stage.user(), stage.guest()
    for key, day in ((ann.id, ENDED), (ron.id, RUNNING), (nia.id, RUNNING), (gil.mail, RUNNING)):
        await stage.row(group, key, day)
    end = End(leaving={group.id: ids(ann)}, joining={group.id: ids(nia, gil)})
    return stage.scene(stage.sweep(group), end)


async def the_morning_after(world: CrashWorld) -> Scene:
    """Earlier runs left one to verify, one without revoked sessions, and one who was renewed since."""
    stage = Stage(world)
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
    await world.tables.records.save(group.id, [offboarded, *begun])
    return stage.scene(stage.sweep(group), End(leaving={group.id: ids(half_done)}))


async def one_person_now(world: CrashWorld) -> Scene:
    """Somebody whose access has not ended is offboarded from both groups; the call is repeated."""
    stage = Stage(world)
    group, other = stage.group(), stage.group()
    ann, ron = stage.user(group, other), stage.user(group)
    await stage.row(group, ann.id, RUNNING)
    await stage.row(other, ann.user_principal_name, RUNNING)
    await stage.row(group, ron.id, RUNNING)
    job = Job(kind=Kind.OFFBOARD, about=ann.user_principal_name, environ=stage.environ)
    return stage.scene(job, End(leaving={group.id: ids(ann), other.id: ids(ann)}))


async def one_person_now_and_a_sweep(world: CrashWorld) -> Scene:
    """Somebody who was offboarded before is back; the call is not repeated, the sweep finishes it."""
    stage = Stage(world)
    group = stage.group()
    ann, ron = stage.user(group), stage.user(group)
    await stage.row(group, ann.id, ENDED)
    await stage.row(group, ron.id, RUNNING)
    await stage.run(stage.sweep(group), stage.sweep(group))
    world.tenant.add_member(group, ann)
    job = Job(kind=Kind.OFFBOARD, about=ann.id, environ=stage.environ)
    return stage.scene(job, End(leaving={group.id: ids(ann)}), repairs=(stage.sweep(group),))


async def an_undo(world: CrashWorld) -> Scene:
    """A run removed two people and disabled their accounts; their rows are fixed, and it is undone."""
    stage = Stage(world, {"ENFORCER_DISABLE_ACCOUNTS": "all"})
    group = stage.group()
    ann, gus, _ron = stage.user(group), stage.guest(group), stage.user(group)
    for user in (ann, gus):
        await stage.row(group, user.id, ENDED)
    await stage.run(stage.sweep(group))
    for user in (ann, gus):
        await stage.row(group, user.id, RUNNING)
    run = (await world.services(stage.environ).runs.of_group(group.id, datetime.now(UTC)))[-1]
    job = Job(kind=Kind.UNDO, about=run.run_id, environ=stage.environ)
    return stage.scene(job, End(joining={group.id: ids(ann, gus)}))


type Build = Callable[[CrashWorld], Awaitable[Scene]]

SCENES: tuple[Build, ...] = (
    a_night,
    a_released_plan,
    an_approval,
    accounts_disabled,
    a_leavers_group,
    newcomers,
    the_morning_after,
    one_person_now,
    one_person_now_and_a_sweep,
    an_undo,
)
