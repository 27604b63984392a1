"""Judges each end of access by its history.

verdict      what it says
-----------  ---------------------------------------------------------------------------------------------
in_time      out of the group, and all steps done, within the SLA after the end of access
late         removed by the enforcer, or the last step done, after the SLA was over
pending      not out yet, or some step not done yet; the SLA is not over
overdue      not out, in again, or some step not done; the SLA is over
unproven     out of the group, but not removed by the enforcer: nobody can tell since when
unknown      no removal is on record, and the group's members could not be read
withdrawn    the end date was extended, or the row deleted, before all of that was done
no_end_date  a member without a row, removed because the settings say so: there is no SLA to measure by
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from enforcer.core.evidence.access_history import AccessHistory, in_order, moment, times
from enforcer.core.evidence.cases import Case, Membership, Verdict
from enforcer.core.evidence.period import Period
from enforcer.core.keys import is_object_id
from enforcer.core.ledger import Action, EntryOutcome, Link
from enforcer.core.offboarding_record import READS_SETTLE, OffboardingRecord, Sessions


def cases(found: Iterable[AccessHistory], period: Period, sla: timedelta, now: datetime) -> list[Case]:
    """Judge every end of access that falls within the period and has come."""
    histories = [history for history in in_order(found) if _concerns(history, period, now)]
    return [_CaseJudge(history, sla, now).case() for history in histories]


def _concerns(history: AccessHistory, period: Period, now: datetime) -> bool:
    if history.due_at is not None:
        return period.has(history.due_at) and history.due_at <= now
    removals = [moment(link.entry.at) for link in history.of(Action.REMOVE)]
    return any(at is not None and period.has(at) for at in removals)


class _CaseJudge:
    def __init__(self, history: AccessHistory, sla: timedelta, now: datetime) -> None:
        self._history, self._sla, self._now = history, sla, now
        self._removals = times(history, Action.REMOVE, EntryOutcome.REMOVED)
        self._absences = times(history, Action.REMOVE, EntryOutcome.ALREADY_ABSENT)
        self._disabled = times(history, Action.DISABLE, EntryOutcome.DISABLED, Sessions.NO_ACCOUNT)
        joined = (EntryOutcome.ADDED, EntryOutcome.ALREADY_A_MEMBER, Sessions.NO_ACCOUNT)
        self._left = times(history, Action.LEAVERS_ADD, *joined)
        known = history.record.removed_at if history.record else None
        # The first of either: whoever was removed was later found to be out, and the other way round.
        # The record's own time counts only if the ledger has neither.
        self._out_at = min([*self._removals, *self._absences], default=known)
        self._by_us = self._out_at in self._removals

    def case(self) -> Case:
        history, known = self._history, self._history.record
        row = history.ending.written if history.ending else None
        sessions, revoked_at = self._sessions()
        return Case(
            group_id=history.group_id,
            user_id=history.person if is_object_id(history.person) else "",
            row_key=history.row_key,
            display_name=row.display_name if row else "",
            company=row.company if row else "",
            sponsor=row.sponsor if row else "",
            end_date=history.end_date,
            due_at=history.due_at,
            verdict=self._verdict(),
            removed_at=self._out_at,
            removed_by=self._remover(),
            lag_seconds=self._lag_seconds(),
            sessions=sessions,
            revoked_at=revoked_at,
            disabled_at=max(times(history, Action.DISABLE, EntryOutcome.DISABLED), default=None),
            proof=self._proof(),
            proof_policy=known.proof_policy if known else "",
            verified_at=self._verified_at(),
            membership=self._membership(),
            state=known.state.value if known else "",
            remark=self._remark(),
            runs=tuple(dict.fromkeys(link.entry.run for link in history.links if link.entry.run)),
            entries=tuple(link.sequence for link in history.links),
            request_ids=tuple(link.entry.request_id for link in history.links if link.entry.request_id),
        )

    # The verdict -----------------------------------------------------------------------------------------

    def _verdict(self) -> Verdict:
        history = self._history
        if history.due_at is None:
            return Verdict.NO_END_DATE
        deadline = history.due_at + self._sla
        if self._out_at is not None and self._done_at is not None and not self._is_back:
            if self._done_at <= deadline:
                return Verdict.IN_TIME
            return Verdict.LATE if self._by_us or self._out_at <= deadline else Verdict.UNPROVEN
        if self._is_withdrawn:
            return Verdict.WITHDRAWN
        if self._out_at is None and not self._is_unfinished and history.is_member is not True:
            return Verdict.UNKNOWN if history.is_member is None else Verdict.UNPROVEN
        return Verdict.PENDING if self._now <= deadline else Verdict.OVERDUE

    @property
    def _done_at(self) -> datetime | None:
        """When the last step was done; None if one of them is not on record as done."""
        revoked_at = self._settled_at()
        if self._out_at is None or revoked_at is None or self._is_unfinished or self._is_left_enabled:
            return None
        return max(self._out_at, revoked_at, *(min(done) for done in (self._disabled, self._left) if done))

    def _settled_at(self) -> datetime | None:
        """Return when the sessions were settled; what came before the removal does not count."""
        if self._out_at is None:
            return None
        known = self._history.record
        settled = times(self._history, Action.REVOKE, *Sessions)
        after = None
        if known is not None and known.sessions is not None:
            after = known.revoked_at or self._out_at
        return min((at for at in settled if at >= self._out_at), default=after)

    @property
    def _is_done_late(self) -> bool:
        """Whether they were out within the SLA, but something else took longer."""
        if self._history.due_at is None or self._out_at is None or self._done_at is None:
            return False
        return self._out_at <= self._history.due_at + self._sla < self._done_at

    @property
    def _is_left_enabled(self) -> bool:
        """Whether the account was to be disabled but was not, and no record says that all is done."""
        wanted = any(self._history.of(Action.DISABLE))
        return wanted and not self._disabled and self._history.record is None

    @property
    def _is_unfinished(self) -> bool:
        known = self._history.record
        return known is not None and known.unfinished

    @property
    def _is_back(self) -> bool:
        """Whether the person is in the group again although nothing allows it.

        Graph may list somebody for a while after their removal.
        """
        if self._history.is_member is not True or self._history.goes_on:
            return False
        last = max([*self._removals, *self._absences], default=self._out_at)
        return last is not None and self._now - last >= READS_SETTLE

    @property
    def _is_withdrawn(self) -> bool:
        if self._history.goes_on:
            return True
        if self._history.ending is not None:
            return False  # the row says again, or still, that access has ended
        last = self._history.links[-1].entry.action if self._history.links else None
        return last is Action.WITHDRAW or self._history.extended_at is not None

    # What is known ---------------------------------------------------------------------------------------

    def _remover(self) -> str:
        if self._out_at is None:
            return ""
        if not self._by_us:
            return "not the enforcer" if self._absences else "unrecorded"
        removal = next(link for link in self._history.of(Action.REMOVE) if _is_at(link, self._out_at))
        return removal.entry.actor

    def _lag_seconds(self) -> float | None:
        if self._out_at is None or self._history.due_at is None or not self._by_us or self._history.was_out:
            return None
        return (self._out_at - self._history.due_at).total_seconds()

    def _sessions(self) -> tuple[str, datetime | None]:
        """Return what became of the sessions, and when they were revoked (another tenant's never are)."""
        known = self._history.record
        settled = [link for link in self._history.of(Action.REVOKE) if link.entry.outcome in set(Sessions)]
        if settled:
            outcome, at = settled[-1].entry.outcome, moment(settled[-1].entry.at)
        else:
            outcome, at = (known.sessions or "", known.revoked_at) if known else ("", None)
        return outcome, at if outcome == Sessions.REVOKED else None

    def _proof(self) -> str:
        known = self._history.record
        if known is not None and known.proof is not None:
            return known.proof.value
        entries = list(self._history.of(Action.PROOF))
        return entries[-1].entry.outcome if entries else ""

    def _verified_at(self) -> datetime | None:
        verified = [at for link in self._history.of(Action.VERIFY) if (at := moment(link.entry.at))]
        known = self._history.record
        return min(verified, default=known.verified_at if known else None)

    def _membership(self) -> Membership:
        match self._history.is_member:
            case True:
                return Membership.MEMBER
            case False:
                return Membership.NOT_A_MEMBER
            case _:
                return Membership.UNKNOWN

    def _remark(self) -> str:
        history, known = self._history, self._history.record
        extended = history.extended_at
        is_out = self._out_at is not None and not self._is_unfinished
        said = {
            "was out before this end came, and nothing on record has let them in since": history.was_out,
            "was in the group again and removed again": len(self._removals) > 1,
            "is in the group again": self._out_at is not None and self._is_back,
            "the last step was done only after the SLA was over": self._is_done_late,
            "their sessions are not on record as revoked": is_out and self._settled_at() is None,
            "their account is not on record as disabled": is_out and self._is_left_enabled,
            "the end date was extended after it had passed": extended is not None,
            "access goes on until another date": history.goes_on,
            f"not finished: {_trouble(known)}": self._is_unfinished,
        }
        return "; ".join(text for text, applies in said.items() if applies)


def _is_at(link: Link, at: datetime) -> bool:
    return moment(link.entry.at) == at and link.entry.outcome == EntryOutcome.REMOVED


def _trouble(known: OffboardingRecord | None) -> str:
    if known is None:
        return ""
    return f"{known.state.value}, {known.attempts} runs have failed; {known.last_error}".rstrip("; ")
