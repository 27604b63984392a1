"""With whom of a plan a sweep begins: whom the brake lets through, and whom an approval releases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from enforcer.core.begun_entries import Beginning, Begun
from enforcer.core.brake import Way
from enforcer.core.plan import Candidate, GroupPlan, Offboard, Onboard
from enforcer.core.planning.digest import held_part
from enforcer.core.runs import Occasion
from enforcer.offboarding.admission import Admitted, admit
from enforcer.offboarding.release import released
from enforcer.sweep.group_run import GroupRun

HELD = "held by the brake"
CAME_LATER = "held by the brake: not in the approved plan"
NOT_BEGUN = "this sweep only finishes what was begun"
# Sweeps that follow another by themselves.
_FINISHING = frozenset({Occasion.VERIFICATION, Occasion.CONTINUATION})


@dataclass(frozen=True, slots=True)
class _Approval:
    """Whom an approval releases; `entry` is the ledger's about it."""

    entry: int
    people: Collection[Candidate]


type _Approvals = Mapping[str, _Approval]
"""The approvals that count, by their plan's digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """With whom a sweep begins.

    Attributes:
        left_out: Who is due and left alone, and why.
        waiting: What of the plan needs an approval, under a digest of its own; None if nothing does.
        held: The same, unless the sweep would not have begun with it anyway.
        used: The digests of the approvals that are used up, and by which run: this one, or one that died
            before it could say so.
    """

    offboard: tuple[Offboard, ...]
    onboard: tuple[Onboard, ...]
    left_out: tuple[tuple[Offboard, str], ...] = ()
    waiting: GroupPlan | None = None
    held: GroupPlan | None = None
    used: Mapping[str, str] = field(default_factory=dict)

    @property
    def holds_removals(self) -> bool:
        """Whether nothing about removals is done at all."""
        return self.held is not None and self.held.held and not self.offboard


async def clear(group_run: GroupRun, plan: GroupPlan, begun: Begun) -> Clearance:
    """Decide with whom to begin, and list them in the ledger.

    A run that uses an approval begins with its people alone: whoever came since waits for their own, or for
    the next sweep, whose brake counts them.

    Raises:
        AccessDeniedError, UnavailableError: Storage refuses, or does not answer.
    """
    fresh = _fresh(plan, begun)
    if group_run.run.reason in _FINISHING:
        return _finishing(plan, fresh, begun)
    approvals = await _approvals(group_run) if held_part(plan) is not None else {}
    leaving = await _Choice(group_run, plan, Way.OFFBOARD, fresh, approvals).begin(
        plan.offboard, held=plan.held
    )
    joining = await _Choice(group_run, plan, Way.ONBOARD, fresh, approvals).begin(
        plan.onboard, held=plan.held_onboard
    )
    late = tuple(person for person in plan.offboard if person.candidate not in leaving.people)
    rest = replace(
        plan,
        offboard=late,
        onboard=tuple(one for one in plan.onboard if one.candidate not in joining.people),
        held=bool(late),
        held_onboard=len(joining.people) < len(plan.onboard),
    )
    reason = CAME_LATER if leaving.people else HELD
    return Clearance(
        offboard=tuple(
            replace(person, sequence=leaving.people[person.candidate] or person.sequence)
            for person in plan.offboard
            if person.candidate in leaving.people
        ),
        onboard=tuple(one for one in plan.onboard if one.candidate in joining.people),
        left_out=tuple((person, reason) for person in late),
        waiting=held_part(rest),
        held=held_part(rest),
        used=begun.approvals_under_way() | dict.fromkeys(leaving.used | joining.used, group_run.run.run_id),
    )


def _fresh(plan: GroupPlan, begun: Begun) -> frozenset[Candidate]:
    """Return those whom nobody has let through yet."""
    joiners = (one for one in plan.onboard if not begun.left_over(Way.ONBOARD, one.row_key))
    return frozenset(
        [*(one.candidate for one in plan.offboard if one.is_fresh), *(one.candidate for one in joiners)]
    )


def _finishing(plan: GroupPlan, fresh: Collection[Candidate], begun: Begun) -> Clearance:
    return Clearance(
        offboard=tuple(person for person in plan.offboard if person.candidate not in fresh),
        onboard=tuple(one for one in plan.onboard if one.candidate not in fresh),
        left_out=tuple((person, NOT_BEGUN) for person in plan.offboard if person.candidate in fresh),
        waiting=held_part(plan),
        used=begun.approvals_under_way(),
    )


async def _approvals(group_run: GroupRun) -> _Approvals:
    """Return whom each approval that counts releases; where one does not, its plan waits again."""
    services, found = group_run.services, dict[str, _Approval]()
    for held in await services.plans.released(group_run.group_id):
        if people := await released(services, held, group_run.group_id):
            found[held.digest] = _Approval(held.approval, people)
        else:
            await services.plans.reset(held.digest)
    return found


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Whom a run begins with, each with the ledger's entry that lists them: 0 where an older one does."""

    people: Mapping[Candidate, int] = field(default_factory=dict)
    used: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Choice:
    """Chooses among the people of one way."""

    group_run: GroupRun
    plan: GroupPlan
    way: Way
    fresh: Collection[Candidate]
    approvals: _Approvals

    async def begin(self, people: Sequence[Offboard | Onboard], *, held: bool) -> _Chosen:
        if not held:
            # Somebody else may have let people through since the plan was made, so that these are too many.
            return await self._listed({one.candidate: "" for one in people}) or _Chosen()
        approved = {
            one: digest
            for digest, approval in self.approvals.items()
            for one in self._among(people, approval.people)
        }
        begun = {one.candidate: "" for one in people if approved and one.candidate not in self.fresh}
        return await self._listed(approved | begun) or _Chosen()

    def _among(self, people: Sequence[Offboard | Onboard], named: Collection[Candidate]) -> list[Candidate]:
        return [one.candidate for one in people if one.candidate in named]

    async def _listed(self, chosen: Mapping[Candidate, str]) -> _Chosen | None:
        """List those who are fresh in the ledger, by the approval that releases them; None if too many."""
        sequences, used = dict.fromkeys(chosen, 0), set[str]()
        for digest in dict.fromkeys(chosen.values()):
            people = {one.name: one for one in chosen if chosen[one] == digest and one in self.fresh}
            result = await admit(self.group_run.services, self._beginning(tuple(people), digest))
            if not isinstance(result, Admitted):
                return None
            sequences |= {people[name]: sequence for name, sequence in result.sequences.items()}
            used |= {digest} if people and digest else set()
        return _Chosen(sequences, frozenset(used))

    def _beginning(self, people: Sequence[str], digest: str) -> Beginning:
        run = self.group_run.run
        return Beginning(
            way=self.way,
            group_id=run.group_id,
            run_id=run.run_id,
            actor=run.actor,
            people=people,
            members=self.plan.members,
            at=self.group_run.services.now(),
            approved=digest,
            approval=self.approvals[digest].entry if digest else 0,
        )
