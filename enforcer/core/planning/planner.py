"""The planner: what is to be done in one managed group. Pure: no clock, no calls.

the person's row      listed?  record                 → what the plan says
--------------------  -------  ---------------------  ----------------------------------------------
due                   yes      none                   offboard: (disable,) remove, (leavers_add,)
                                                      revoke
due                   yes      offboarding            the same again, whatever is already done
due                   yes      offboarded, verified   finding re_added, offboard again
due                   yes/no   stuck, tried today     finding stuck, nothing else
due                   yes/no   stuck                  finding stuck, one more attempt
due                   no       offboarding            the steps not known to be done: a run was cut short
due                   no       none, verified         nothing; finding unmatched_row, if nothing is on
                                                      record under its address and members have no row
due, protected        yes      any                    finding protected
due, protected        no       offboarding, stuck     finding protected
not due               yes/no   offboarding, stuck     withdraw: the end date was extended
not due               yes      any                    nothing; ending_soon when the end is near;
                                                      finding disabled_account, if we disable any;
                                                      readmit, if they are in the leavers' group
not due, begun        no       any                    finding missing_member, or onboard
not due, begun,       no       any                    finding missing_member
  protected
not due, not begun    no       none, verified         nothing
not due, at midnight  yes/no   any                    also finding midnight_end, if that is an instant
unreadable            any      any                    finding invalid_row
several rows, or      yes      any                    finding ambiguous_row
  several members
several, all due      yes      any                    finding ambiguous_row, and as due: every row
                                                      agrees
several of one key,   no       any                    finding ambiguous_row, onboard nobody
  one not due, begun
several, all due      no       offboarding, stuck     as due: every row agrees
none                  yes/no   offboarding, stuck     as due: what was begun is finished
none                  yes      other                  finding unregistered_member; also offboard, if
                                                      ENFORCER_UNREGISTERED is offboard
none, protected       yes      other                  finding unregistered_member; protected, if
                                                      ENFORCER_UNREGISTERED is offboard
none                  no       none, verified         nothing
any, or none          no       offboarded             verify, whatever else: the member list is the
                                                      proof
(no user)             yes                             finding not_a_user

The offboarding of a person without a row may have begun with one that no longer means any member, because
their address has changed. That row still counts: the offboarding is finished only if it is due. If their
address, and so the row, is another member's by now, they have no row, and the other member's record is
kept under the object ID: each of the two is judged only by what is known about them.

`matching` decides which row means whom; `plan_builder` words the decisions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from enforcer.core.begun_entries import Begun
from enforcer.core.brake import Way
from enforcer.core.contractors import Contractor, ReadRow, RegisterRow, read_rows
from enforcer.core.end_watch import EndWatch
from enforcer.core.keys import is_object_id, normalised
from enforcer.core.members import Member, MemberIndex
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.plan import Finding, GroupPlan, Plan
from enforcer.core.planning.digest import plan_digest
from enforcer.core.planning.matching import RowMatches
from enforcer.core.planning.plan_builder import PlanBuilder
from enforcer.core.planning.rules import PlanRules
from enforcer.core.settings import Disable, Onboarding, Unregistered


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSnapshot:
    """All that the plan of one managed group depends on, apart from settings and time.

    Attributes:
        rows: The group's rows of the register, or those that can matter to the plan.
        members: Everything that Graph lists in the group.
        enforcements: The group's whole partition of `enforcements`.
        engaged_elsewhere: Keys of the rows by which another managed group still gives access.
        findings: What was found while reading.
        namesakes: Who else has the address of a due row that means a member: object IDs, by normalised key.
        protected_ids: Members of the protected groups: object IDs.
        left_ids: Members of the leavers' group: object IDs.
        begun: Whom the brake has let through, as the ledger says.
        ends: The end of each row, for the next night to compare with.
    """

    group_id: str
    rows: Iterable[RegisterRow]
    members: Iterable[Member]
    records: Iterable[OffboardingRecord] = ()
    engaged_elsewhere: Collection[str] = frozenset()
    findings: Sequence[Finding] = ()
    namesakes: Mapping[str, Collection[str]] = field(default_factory=dict)
    protected_ids: Collection[str] = frozenset()
    left_ids: Collection[str] = frozenset()
    begun: Begun = field(default_factory=Begun)
    ends: EndWatch | None = None


def make_plan(groups: Iterable[GroupSnapshot], rules: PlanRules, now: datetime) -> Plan:
    """Plan all managed groups for the instant `now` (UTC)."""
    plans = tuple(plan_group(snapshot, rules, now) for snapshot in groups)
    return Plan(digest=plan_digest(plans), as_of=now, groups=plans)


def plan_group(snapshot: GroupSnapshot, rules: PlanRules, now: datetime) -> GroupPlan:
    """Plan one managed group for the instant `now` (UTC)."""
    judge = _Judge(snapshot=snapshot, rules=rules, now=now)
    judge.judge_members()
    judge.judge_the_gone()
    judge.judge_the_missing()
    judge.judge_the_ends()
    judge.judge_the_unmatched()
    return judge.builder.finish()


@dataclass(slots=True, kw_only=True)
class _Judge:
    snapshot: GroupSnapshot
    rules: PlanRules
    now: datetime
    people: MemberIndex = field(init=False)
    rows: list[ReadRow] = field(init=False)
    matches: RowMatches = field(init=False)
    records: list[OffboardingRecord] = field(init=False)
    known: dict[str, list[OffboardingRecord]] = field(init=False)
    begun: dict[str, list[OffboardingRecord]] = field(init=False)
    builder: PlanBuilder = field(init=False)

    def __post_init__(self) -> None:
        self.people = MemberIndex.of(self.snapshot.members)
        self.rows = list(read_rows(self.snapshot.rows, self.rules.dates))
        self.matches = RowMatches.of(self.rows, self.people, self.snapshot.namesakes)
        self.records = sorted(self.snapshot.records, key=_age)
        self.known, self.begun = {}, {}
        for item in self.records:
            self.known.setdefault(normalised(item.row_key), []).append(item)
            if item.unfinished:
                self.begun.setdefault(item.user_id, []).append(item)
        self.builder = PlanBuilder(
            group_id=self.snapshot.group_id,
            rules=self.rules,
            people=self.people,
            engaged_elsewhere=self.snapshot.engaged_elsewhere,
            begun=self.snapshot.begun,
            now=self.now,
            findings=[*self.snapshot.findings, *self.matches.findings],
        )

    # Those who are in the group --------------------------------------------------------------------------

    def judge_members(self) -> None:
        for member in self._users():
            rows = self.matches.about(member)
            if not rows:
                self._judge_unregistered(member)
            elif len(rows) > 1:
                self._judge_several_rows(member, rows)
            elif isinstance(rows[0], Contractor):
                self._judge_registered(member, rows[0])

    def _users(self) -> Iterator[Member]:
        for member in self.people:
            if member.is_user:
                yield member
            else:
                self.builder.find_not_a_user(member)

    def _judge_registered(self, member: Member, row: Contractor) -> None:
        if not row.is_due(self.now):
            self._judge_running(member, row)
            return
        record = self._known_of(member, row)
        if self._may_act(member.id, row.row_key) and not self._waits(record, row.end_date):
            self._offboard(member, row, record)

    def _judge_several_rows(self, member: Member, rows: Sequence[ReadRow]) -> None:
        """Offboard them if every row is due: whichever one counts, their access has ended."""
        due = [row for row in rows if isinstance(row, Contractor) and row.is_due(self.now)]
        if len(due) < len(rows):
            return
        records = [*self.begun.get(member.id, ()), *(self._known_of(member, row) for row in due)]
        record = max((item for item in records if item is not None), key=_age, default=None)
        # The row that began it, or else the last one to end: until then they had access.
        row = min(due, key=lambda one: (not _has_begun(record, one), -one.due_at.timestamp(), one.row_key))
        if self._may_act(member.id, row.row_key) and not self._waits(record, row.end_date):
            self._offboard(member, row, record)

    def _judge_running(self, member: Member, row: Contractor) -> None:
        self.builder.withdraw += self.begun.get(member.id, ())
        if member.enabled is False and self.rules.disable is not Disable.NONE:
            self.builder.find_disabled(member, row)
        if row.due_at - self.now <= self.rules.soon:
            self.builder.note_ending_soon(member, row)
        is_left = member.id in self.snapshot.left_ids and row.has_begun(self.now)
        if is_left and not self._is_protected(member.id):
            self.builder.readmit_member(member, row)

    def _judge_unregistered(self, member: Member) -> None:
        if member.id in self.begun:
            begun = self.begun[member.id][-1]
            if self._goes_on(begun):
                self._offboard(member, self._due_row(begun), begun)
            return
        wanted = self.rules.unregistered is Unregistered.OFFBOARD
        if wanted and not self._may_act(member.id, None):
            return
        nameless = self.matches.nameless if wanted else 0
        self.builder.find_unregistered(member, nameless=nameless)
        if wanted and not nameless:
            self._offboard(member, None, self._known_of(member, None))

    def _offboard(self, member: Member, row: Contractor | None, earlier: OffboardingRecord | None) -> None:
        same = earlier if earlier is not None and _is_about(earlier, row) else None
        begun_in = self._begun_in(member.id, earlier, goes_on=self._goes_on_from(same))
        if same is not None and not same.unfinished and same.removed_at is not None:
            self.builder.find_re_added(member, row.row_key if row else None, same.removed_at)
        taken = row is not None and any(item.user_id != member.id for item in self._known_under(row))
        self.builder.offboard_member(member, row, same, begun_in=begun_in, key_taken=taken)

    def _known_of(self, member: Member, row: Contractor | None) -> OffboardingRecord | None:
        """Return the member's record, under the row's key or (if that was taken) their object ID."""
        found = [*self.known.get(member.id, ()), *(self._known_under(row) if row else ())]
        return max((item for item in found if item.user_id == member.id), key=_age, default=None)

    def _known_under(self, row: Contractor) -> Sequence[OffboardingRecord]:
        """Return the records under the row's key, whomever it meant at the time."""
        return self.known.get(row.key, ())

    def _goes_on_from(self, same: OffboardingRecord | None) -> bool:
        """Whether the record of this end of access is of an offboarding that is not over, or hardly."""
        return same is not None and (same.unfinished or same.was_just_removed(self.now))

    def _begun_in(self, user_id: str, known: OffboardingRecord | None, *, goes_on: bool) -> int:
        """Return the ledger's entry by which the brake let them through; 0 if it has not.

        A record alone proves nothing, as anybody might have written it.
        """
        begun, on_record = self.snapshot.begun, known.begun_in if known else 0
        if goes_on and begun.names(Way.OFFBOARD, user_id, on_record):
            return on_record
        return begun.left_over(Way.OFFBOARD, user_id, on_record)

    # Those who are no longer in it -----------------------------------------------------------------------

    def judge_the_gone(self) -> None:
        for item in self.records:
            if item.user_id in self.people:
                continue
            if item.state is State.OFFBOARDED:
                self.builder.verify.append(item)
            elif item.unfinished:
                self._judge_begun(item)

    def _judge_begun(self, item: OffboardingRecord) -> None:
        rows = self.matches.about_the_gone(item)
        if any(isinstance(row, Contractor) and not row.is_due(self.now) for row in rows):
            self.builder.withdraw.append(item)
        elif self._goes_on(item):
            begun_in = self._begun_in(item.user_id, item, goes_on=True)
            self.builder.finish_offboarding(item, self._due_row(item), begun_in)

    # Those who are not in it yet -------------------------------------------------------------------------

    def judge_the_missing(self) -> None:
        for rows in self.matches.of_nobody.values():
            for row in rows:
                if isinstance(row, Contractor) and not row.is_due(self.now) and row.has_begun(self.now):
                    self._judge_missing(row, rows)

    def _judge_missing(self, row: Contractor, rows: Sequence[ReadRow]) -> None:
        if len(rows) > 1:
            self.builder.find_several_rows(row, [other.row_key for other in rows if other is not row])
        elif self.rules.onboard is Onboarding.ADD and not self._is_protected(row.key):
            self.builder.onboard_row(row)
        else:
            self.builder.find_missing(row)

    # When access ends ------------------------------------------------------------------------------------

    def judge_the_ends(self) -> None:
        for row in self.rows:
            if isinstance(row, Contractor) and not row.is_due(self.now):
                self.builder.find_midnight_end(row)

    # Due rows that match nobody --------------------------------------------------------------------------

    def judge_the_unmatched(self) -> None:
        """Report due rows that may have been meant for a member without a row, who therefore stays."""
        if without_row := sum(not self.matches.about(member) for member in self.people if member.is_user):
            for key, rows in self.matches.of_nobody.items():
                if not is_object_id(key) and key not in self.known:
                    for row in rows:
                        if isinstance(row, Contractor) and row.is_due(self.now):
                            self.builder.find_unmatched(row, without_row)

    # What all have in common -----------------------------------------------------------------------------

    def _goes_on(self, begun: OffboardingRecord) -> bool:
        """Whether to finish what was begun, where no row is known to mean the person.

        The row that began it may still exist, under an address that is no longer theirs or because they are
        not listed. By now it may be running, or unreadable.
        """
        rows, due = self.matches.about_the_gone(begun), self._due_row(begun)
        if rows and due is None:
            return False
        if not self._may_act(begun.user_id, due.row_key if due else None):
            return False
        return not self._waits(begun, due.end_date if due else begun.end_date)

    def _due_row(self, begun: OffboardingRecord) -> Contractor | None:
        """Return a row that may mean the person, if all such rows are due."""
        rows = self.matches.about_the_gone(begun)
        due = [row for row in rows if isinstance(row, Contractor) and row.is_due(self.now)]
        return due[0] if due and len(due) == len(rows) else None

    def _may_act(self, user_id: str, row_key: str | None) -> bool:
        if self._is_protected(user_id):
            self.builder.find_protected(user_id, row_key)
            return False
        return True

    def _is_protected(self, user_id: str) -> bool:
        return user_id in self.rules.protected or user_id in self.snapshot.protected_ids

    def _waits(self, item: OffboardingRecord | None, end_date: str) -> bool:
        """Report the stuck; return whether today's attempt was made. A new end date starts afresh."""
        if item is None or item.state is not State.STUCK or item.end_date != end_date:
            return False
        self.builder.find_stuck(item)
        if item.waits(self.now):
            self.builder.waiting.append(item)
        return item.waits(self.now)


def _age(item: OffboardingRecord) -> tuple[bool, str, str]:
    """Return a sort key by which, of several records, the one that counts comes last."""
    return item.unfinished, item.run_id, item.row_key


def _has_begun(record: OffboardingRecord | None, row: Contractor) -> bool:
    """Whether the row has the record's key."""
    return record is not None and row.key == normalised(record.row_key)


def _is_about(item: OffboardingRecord, row: Contractor | None) -> bool:
    """Whether the record is about this very end of access, not an earlier engagement."""
    same_end = row is None or item.end_date == row.end_date
    return same_end or item.state is State.OFFBOARDING
