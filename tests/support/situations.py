"""Groups with registers of every kind, for what is true of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from enforcer.core.contractors import RegisterRow
from enforcer.core.members import Member
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.plan import FindingKind, GroupPlan, Step
from enforcer.core.planning.planner import GroupSnapshot, plan_group
from enforcer.core.settings import Disable, Onboarding, Settings, Unregistered
from enforcer.core.user_kind import UserKind
from tests.support.bad_input import NO_DATES
from tests.support.paper_group import ENDED, GROUP, NOW, RUNNING, settings, user_id


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A group with its register, at one time."""

    rows: list[RegisterRow]
    members: list[Member]
    records: list[OffboardingRecord]
    engaged_elsewhere: frozenset[str]
    settings: Settings

    def plan(self, now: datetime = NOW) -> GroupPlan:
        snapshot = GroupSnapshot(
            group_id=GROUP,
            rows=self.rows,
            members=self.members,
            records=self.records,
            engaged_elsewhere=self.engaged_elsewhere,
        )
        return plan_group(snapshot, self.settings, now)


ADDRESSES = [f"person{number}@contoso.example" for number in range(6)] + ["team@contoso.example"]
ADDRESS = st.sampled_from(ADDRESSES + [address.title() for address in ADDRESSES])
NUMBER = st.integers(0, 5)
ID = NUMBER.map(user_id)


def _member(number: int, address: str | None, **more: Any) -> Member:
    """Return a member: most have an address of their own, some one that was, or is, another's."""
    return Member(id=user_id(number), user_principal_name=address or ADDRESSES[number], **more)


MEMBER = st.builds(
    _member,
    number=NUMBER,
    address=st.one_of(st.none(), st.none(), ADDRESS),
    mail=st.one_of(st.just(""), st.just(""), ADDRESS),
    other_addresses=st.one_of(st.just(()), st.just(()), st.lists(ADDRESS, max_size=1).map(tuple)),
    user_kind=st.sampled_from(UserKind),
    kind=st.sampled_from(["user"] * 9 + ["group"]),
    enabled=st.sampled_from([True, True, False, None]),
)
DATE = st.one_of(
    st.dates(date(2026, 9, 1), date(2027, 3, 1)).map(date.isoformat),
    st.integers(-100, 100).map(lambda hours: NOW + timedelta(hours=hours)),
)
END = st.one_of(
    st.just(ENDED), st.just(ENDED), st.just(ENDED), DATE, st.just(RUNNING), st.sampled_from(NO_DATES)
)
ROW = st.builds(
    RegisterRow,
    group_id=st.sampled_from([GROUP] * 19 + [GROUP.replace("9", "A")]),
    row_key=st.one_of(
        ID,
        ID.map(str.upper),
        ADDRESS,
        ADDRESS,
        ADDRESS,
        ADDRESS.map("<{}>".format),
        ADDRESS.map("\u200b{}".format),
    ),
    end_date=END,
    start_date=st.one_of(st.none(), st.none(), DATE, st.sampled_from(NO_DATES)),
)
PAST = st.sampled_from([None, *(NOW - timedelta(hours=hours) for hours in (0.5, 2, 30))])


def _known(key: str | None, user_id: str, **more: Any) -> OffboardingRecord:
    """Return a record: an object ID is its own person's, an address may have been anybody's."""
    return OffboardingRecord(row_key=key or user_id, user_id=user_id, **more)


ENFORCEMENT = st.builds(
    _known,
    key=st.one_of(st.none(), ADDRESS, ADDRESS),
    user_id=ID,
    state=st.sampled_from(State),
    end_date=st.sampled_from([ENDED, "2026-10-31"]),
    due_at=PAST,
    user_kind=st.sampled_from(UserKind),
    was_disabled=st.booleans(),
    removed_at=PAST,
    revoked_at=PAST,
    disabled_at=PAST,
    attempts=st.integers(0, 9),
    next_attempt_at=st.one_of(
        st.none(), st.just(NOW - timedelta(hours=1)), st.just(NOW + timedelta(hours=1))
    ),
    run_id=st.sampled_from(["20261120", "20261121"]),
)
SETTINGS = st.builds(
    settings,
    disable_accounts=st.sampled_from([*Disable, Disable.ALL, Disable.ALL]),
    unregistered=st.sampled_from(Unregistered),
    onboard=st.sampled_from(Onboarding),
    protected_ids=st.frozensets(ID, max_size=1),
    brake_count=st.sampled_from([0, 1, 10]),
    brake_percent=st.sampled_from([0.0, 20.0]),
)
SITUATIONS = st.builds(
    Situation,
    rows=st.lists(ROW, min_size=2, max_size=9, unique_by=lambda one: (one.group_id, one.row_key)),
    members=st.lists(MEMBER, min_size=3, max_size=6, unique_by=lambda one: one.id),
    records=st.lists(ENFORCEMENT, min_size=2, max_size=8, unique_by=lambda one: one.row_key),
    engaged_elsewhere=st.frozensets(st.one_of(ID, ADDRESS.map(str.lower)), max_size=4),
    settings=SETTINGS,
)


def reached(situation: Situation, made: GroupPlan) -> Iterator[str]:
    """Yield which of the planner's cases a situation covers."""
    kinds = {finding.kind for finding in made.findings}
    yield from (kind for kind in FindingKind if kind in kinds)
    enabled = {member.id: member.enabled for member in situation.members}
    disabling = [one for one in made.offboard if Step.DISABLE in one.steps]
    has = {
        "held by the brake": made.held,
        "let through by the brake": bool(made.offboard) and not made.held,
        "authorised": any(one.authorised for one in made.offboard),
        "key taken": any(one.key_taken for one in made.offboard),
        "key passed on": any(one.key_passed_on for one in made.offboard),
        "out already": any(one.is_out for one in made.offboard),
        "disabled": bool(disabling),
        "was disabled": any(one.was_disabled for one in made.offboard),
        "enabled again": any(
            enabled.get(one.user_id) is True and one.earlier is not None and one.earlier.was_disabled
            for one in disabling
        ),
        "spared by another group": any(
            one.names & situation.engaged_elsewhere
            for one in made.offboard
            if one not in disabling
            and not one.was_disabled
            and situation.settings.disable_accounts is Disable.ALL
        ),
        "added": bool(made.onboard),
        "ending soon": bool(made.ending_soon),
        "waiting": bool(made.waiting),
        "verified": bool(made.verify),
        "withdrawn": bool(made.withdraw),
    }
    yield from (what for what, applies in has.items() if applies)
