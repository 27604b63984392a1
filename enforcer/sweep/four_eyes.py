"""Who caused a held plan, and so cannot be the one who approves it."""

from __future__ import annotations

from collections.abc import Iterable

from enforcer.core.actors import Actor
from enforcer.core.exceptions import FourEyesError
from enforcer.core.keys import normalised
from enforcer.core.ledger import Entry
from enforcer.core.plan import HeldPlan
from enforcer.core.settings import FourEyes
from enforcer.services import Services
from enforcer.storage.tables.begun import register_changes
from enforcer.storage.tables.lookups import HeldPerson, held_people


async def require_second_person(services: Services, held: HeldPlan, actor: Actor) -> None:
    """Make sure that whoever approves a plan has not caused it.

    Raises:
        FourEyesError: They have, and four eyes are on.
        RunError, UnavailableError: The tables could not be read.
    """
    if services.settings.four_eyes is FourEyes.OFF:
        return
    off = "somebody else has to approve it (ENFORCER_FOUR_EYES)"
    runs = await services.runs.of_id(held.run_id, [held.group_id]) if held.run_id else []
    if actor.id in {held.asked_by, *(run.actor for run in runs)}:
        raise FourEyesError(f"you asked for the run that made plan {held.digest}: {off}", field="digest")
    changed = await _changed_by(services, held, actor)
    if changed or (held.joiners and actor.id in held.causes):
        raise FourEyesError(
            f"you changed {changed or 'some'} of the rows that plan {held.digest} acts on: {off}",
            field="digest",
        )


async def _changed_by(services: Services, held: HeldPlan, actor: Actor) -> int:
    """Return how many people are in the plan because of what the actor wrote."""
    people = await held_people(services.tables, held.digest)
    history = _History(people)
    for entry in await register_changes(services.tables, held.group_id, 0):
        history.follow(entry)
    return sum(actor.id in authors for authors in history.authors())


class _History:
    """Who wrote what the plan goes by: the end date that it has, and the last change of all."""

    def __init__(self, people: Iterable[HeldPerson]) -> None:
        self._people = list(people)
        self._numbers = {
            key: number
            for number, person in enumerate(self._people)
            for key in (normalised(person.row_key or ""), person.user_id)
            if key
        }
        self._of_end: list[set[str]] = [set() for _ in self._people]
        self._last: list[str] = ["" for _ in self._people]

    def follow(self, entry: Entry) -> None:
        number = self._numbers.get(normalised(entry.row_key), self._numbers.get(entry.user))
        if number is None:
            return
        self._last[number] = entry.actor
        if entry.end_date == self._people[number].end_date:
            self._of_end[number].add(entry.actor)

    def authors(self) -> list[set[str]]:
        return [of_end | {last} for of_end, last in zip(self._of_end, self._last, strict=True)]
