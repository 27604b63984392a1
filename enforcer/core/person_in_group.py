"""What one managed group knows about somebody who is offboarded on demand, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from enforcer.core.calendar.dates import instant
from enforcer.core.contractors import Contractor
from enforcer.core.members import Person
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.plan import Admission, KeyState, Offboard, Step
from enforcer.core.runs import Outcome, Result
from enforcer.core.settings import Settings
from enforcer.core.steps import StepOutcome, StepResult

# What people see when the list has a person whom the removal does not find.
_STILL_LISTED = "Entra still lists them: its lists lag behind, or they are in a group inside this one"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonInGroup:
    """What is known about a person in one managed group.

    Attributes:
        run_id: Of the run that offboards them now.
        row_key: Their row's key; None if they have no row.
        ended: Their row, if its end had already come.
        earlier: Their record from before.
        key_taken: The record under their row's key is about somebody else, who had the address before.
        listed: Entra has them in the group; None if it does not say. Reads may lag behind.
    """

    group_id: str
    run_id: str
    row_key: str | None = None
    ended: Contractor | None = None
    earlier: OffboardingRecord | None = None
    key_taken: bool = False
    listed: bool | None = None

    @property
    def begun(self) -> OffboardingRecord | None:
        """The record of an offboarding that was begun and not finished."""
        return self.earlier if self.earlier is not None and self.earlier.unfinished else None

    @property
    def is_concerned(self) -> bool:
        """Whether the group concerns them at all: by a row, a membership or a record."""
        return self.row_key is not None or self.listed is True or self._is_on_record

    @property
    def is_known(self) -> bool:
        """Whether they are a contractor of the group, as far as anybody can tell."""
        return self.row_key is not None or self.listed is True or self.earlier is not None

    @property
    def was_member(self) -> bool:
        """Whether they are a member, or were when the offboarding was begun; a row alone proves nothing."""
        return self.listed is True or (self._is_on_record and not self._kept_account)

    @property
    def _kept_account(self) -> bool:
        return self.begun is None or self.begun.keeps_account

    @property
    def _is_on_record(self) -> bool:
        earlier = self.earlier
        if earlier is None or not (earlier.unfinished or earlier.run_id == self.run_id):
            return False
        # A removal that failed where nobody knew whether they were a member at all.
        doubtful = earlier.due_at is None and earlier.removed_at is None and earlier.attempts > 0
        return not doubtful

    def after(self, removal: StepResult) -> PersonInGroup:
        """Return what is known after the attempt to remove them: whoever was removed was a member."""
        was_there = removal.outcome is StepOutcome.DONE or removal.uncertain
        return replace(self, listed=True) if was_there else self

    def weighed(self, removal: StepResult) -> StepResult:
        """Return the result of a removal, corrected where it found nobody in a group that lists them.

        If an earlier attempt got no answer, that was the removal, unless one is on record.
        """
        known = self.earlier is not None and self.earlier.removed_at is not None
        if removal.outcome is not StepOutcome.ABSENT or not self.listed or known:
            return removal
        if removal.uncertain:
            return replace(removal, outcome=StepOutcome.DONE)
        return replace(removal, uncertain=True, explanation=_STILL_LISTED)

    def offboarding(self, person: Person, account: Account, now: datetime) -> Offboard:
        """Plan their offboarding from this group at the instant `now` (UTC)."""
        end_date, due_at = self._end_of_access(now)
        return Offboard(
            user_id=person.id,
            row_key=self.row_key,
            user_principal_name=person.user_principal_name,
            mail=person.mail,
            end_date=end_date,
            due_at=due_at,
            user_kind=person.user_kind,
            steps=(
                *((Step.DISABLE,) if account.disable else ()),
                Step.REMOVE,
                *((Step.LEAVERS_ADD,) if account.to_leavers else ()),
                Step.REVOKE,
            ),
            was_disabled=account.was_disabled,
            keeps_account=account.keeps,
            admission=Admission.FRESH if self.begun is None else Admission.BEGUN,
            earlier=self.earlier,
            key_state=KeyState.TAKEN if self.key_taken and self.earlier is None else KeyState.OWN,
        )

    def _end_of_access(self, now: datetime) -> tuple[str, datetime | None]:
        """Return the end of access: the row's, that of an offboarding on record, or now.

        A group that does not concern them gave no access that could end.
        """
        if self.ended is not None:
            return self.ended.end_date, self.ended.due_at
        known = self.begun if self.listed else self.earlier
        if self.row_key is None and known is not None and known.due_at is not None:
            return known.end_date, known.due_at  # called again: not a second end of access
        return (instant(now), now) if self.is_concerned else ("", None)

    def with_own_removal(self, outcome: Outcome) -> Outcome:
        """Count a removal that this very run made in an earlier try, as when the queue delivers again."""
        own = self.earlier if self.earlier is not None and self.earlier.run_id == self.run_id else None
        if own is None or own.removed_at is None or outcome.result is not Result.ALREADY_ABSENT:
            return outcome
        removed = replace(outcome.record, removed_at=own.removed_at)
        return replace(outcome, result=Result.REMOVED, record=removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What becomes of the person's account, which is the same for all groups.

    Attributes:
        was_disabled: It was disabled before this began: not our doing, nor ours to undo.
        disable: It is to be disabled.
        keeps: It is not to be disabled by whoever completes this either.
        to_leavers: It is to be put into the leavers' group.
    """

    was_disabled: bool
    disable: bool
    keeps: bool = False
    to_leavers: bool = False

    @classmethod
    def of(
        cls,
        person: Person,
        groups: Sequence[PersonInGroup],
        settings: Settings,
        roles: Sequence[str] = (),
    ) -> Account:
        """Decide it. Only members of a group lose their account, and only if they hold no directory role.

        The same goes for the leavers' group, because its policy blocks them as well.

        Nobody is believed on a row's word: whoever may write rows could have anybody's account disabled.
        """
        begun = [in_group.begun for in_group in groups if in_group.begun is not None]
        was_disabled = all(item.was_disabled for item in begun) if begun else person.enabled is False
        # Whoever can sign in now was enabled in the meantime: by an undo, or by somebody else.
        was_disabled = was_disabled and person.enabled is not True
        keeps = bool(roles) or not any(in_group.was_member for in_group in groups)
        return cls(
            was_disabled=was_disabled,
            disable=settings.disable_accounts.means(guest=person.user_kind.is_guest)
            and not keeps
            and not was_disabled,
            keeps=keeps,
            to_leavers=bool(settings.leavers_group) and not keeps,
        )


def recorded(groups: Sequence[PersonInGroup]) -> Sequence[PersonInGroup]:
    """Return the groups that record the offboarding: those that concern the person, or else the first."""
    return [in_group for in_group in groups if in_group.is_concerned] or groups[:1]
