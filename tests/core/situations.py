"""Groups with registers of every kind, for what holds of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from enforcer.core.contractors import RegisterRow
from enforcer.core.enforcement import Enforcement, State
from enforcer.core.members import Member
from enforcer.core.plan import GroupPlan
from enforcer.core.planner import GroupFacts, plan_group
from enforcer.core.user_kind import UserKind
from enforcer.settings import Disable, Onboarding, Settings, Unregistered
from tests.core.bad_input import NO_DATES
from tests.core.group import ENDED, GROUP, NOW, settings, user_id


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A group with its register, at one time."""

    rows: list[RegisterRow]
    members: list[Member]
    enforcements: list[Enforcement]
    settings: Settings

    def plan(self, now: datetime = NOW) -> GroupPlan:
        facts = GroupFacts(
            group_id=GROUP, rows=self.rows, members=self.members, enforcements=self.enforcements
        )
        return plan_group(facts, self.settings, now)


ADDRESSES = [f"person{number}@contoso.example" for number in range(6)] + ["team@contoso.example"]
ADDRESS = st.sampled_from(ADDRESSES + [address.title() for address in ADDRESSES])
ID = st.integers(0, 5).map(user_id)
MEMBER = st.builds(
    Member,
    id=ID,
    user_principal_name=ADDRESS,
    mail=st.one_of(st.just(""), ADDRESS),
    other_addresses=st.lists(ADDRESS, max_size=1).map(tuple),
    user_kind=st.sampled_from(UserKind),
    kind=st.sampled_from(["user"] * 9 + ["group"]),
)
DATE = st.one_of(
    st.dates(date(2026, 9, 1), date(2027, 3, 1)).map(date.isoformat),
    st.integers(-100, 100).map(lambda hours: NOW + timedelta(hours=hours)),
)
ROW = st.builds(
    RegisterRow,
    partition_key=st.sampled_from([GROUP] * 9 + [GROUP.replace("9", "A")]),
    row_key=st.one_of(
        ID, ID.map(str.upper), ADDRESS, ADDRESS.map("<{}>".format), ADDRESS.map("\u200b{}".format)
    ),
    end_date=st.one_of(DATE, DATE, st.sampled_from(NO_DATES)),
    start_date=st.one_of(st.none(), DATE, st.sampled_from(NO_DATES)),
)
PAST = st.sampled_from([None, *(NOW - timedelta(hours=hours) for hours in (0.5, 2, 30))])


def _known(key: str | None, user_id: str, **more: Any) -> Enforcement:
    """What is kept under an object ID is about whoever has it; an address may have been anybody's."""
    return Enforcement(row_key=key or user_id, user_id=user_id, **more)


ENFORCEMENT = st.builds(
    _known,
    key=st.one_of(st.none(), ADDRESS),
    user_id=ID,
    state=st.sampled_from(State),
    end_date=st.sampled_from([ENDED, "2026-10-31"]),
    due_at=PAST,
    user_kind=st.sampled_from(UserKind),
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
    disable_accounts=st.sampled_from(Disable),
    unregistered=st.sampled_from(Unregistered),
    onboard=st.sampled_from(Onboarding),
    protected_ids=st.frozensets(ID, max_size=1),
)
SITUATIONS = st.builds(
    Situation,
    rows=st.lists(ROW, max_size=12, unique_by=lambda one: (one.partition_key, one.row_key)),
    members=st.lists(MEMBER, max_size=6, unique_by=lambda one: one.id),
    enforcements=st.lists(ENFORCEMENT, max_size=6, unique_by=lambda one: one.row_key),
    settings=SETTINGS,
)
