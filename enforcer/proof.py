"""Proof by Entra itself: what its What If evaluation says about the next sign-in of whoever was offboarded.

    account disabled by us just now          disabled, without asking
    a policy blocks him from everything      blocked, with the policy's name
    none does; account disabled, or gone     disabled
    none does; a managed group has him       not asked: reads lag behind, or he has a second engagement
    none does                                not blocked: a finding, in every run until somebody mends it

The evaluation allows one question a second, so a run asks as long as its time allows, and a later one goes
on. Nothing here fails a run, delays a removal or undoes one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from enforcer.concurrency import each
from enforcer.core.dates import instant
from enforcer.core.enforcement import Enforcement, Proof, Sessions
from enforcer.core.ledger import Action, Entry
from enforcer.core.plan import Finding, FindingKind
from enforcer.core.planner import READS_SETTLE
from enforcer.exceptions import AccessDeniedError, NotFoundError, ReadError, UnavailableError
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.memberships import groups_having
from enforcer.person import Context
from enforcer.services import Services
from enforcer.telemetry import PolicyDrift, emit

# How long a sweep asks, after everybody is out, and how long an offboarding for which somebody waits.
SWEEP_SECONDS = 60.0
OFFBOARD_SECONDS = 5.0
# Whoever could not be asked about for so long was offboarded under policies that are history.
_ASKED_WITHIN = timedelta(days=30)

_NO_TIME = "the time for asking was up"
_NO_PERMISSION = "this identity lacks Policy.Read.ConditionalAccess"
_NO_ANSWER = "Entra did not answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known about a person's next sign-in.

    Attributes:
        policy: The names of the policies that block him.
        detail: Why Entra was not asked, or what made the account unusable.
    """

    proof: Proof
    policy: str = ""
    detail: str = ""

    @property
    def words(self) -> str:
        """Say it for the ledger."""
        more = self.policy or self.detail
        return f"{self.proof}: {more}" if more else self.proof.value


_NOT_YET = Answer(proof=Proof.NOT_ASKED)


class Inquiry:
    """Asks Entra about one person after the other until the time is up, or asking makes no sense.

    Args:
        services: All adapters.
        seconds: For how long, from now, including all waits.
        permitted: Whether this identity may ask, as far as is known.
    """

    def __init__(self, services: Services, seconds: float, *, permitted: bool = True) -> None:
        self.services = services
        self._policies = ConditionalAccess(services.graph)
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._stopped = "" if permitted else _NO_PERMISSION

    async def answer(self, person: Enforcement) -> Answer:
        """Say what becomes of the person's next sign-in. Raises nothing of this project's errors."""
        known = self.without_asking(person)
        if known is not None:
            return known
        if not self._stopped:
            try:
                async with asyncio.timeout_at(self._deadline):
                    return await self._ask(person)
            except TimeoutError:
                self._stopped = _NO_TIME
            except AccessDeniedError:
                self._stopped = _NO_PERMISSION
            except UnavailableError:
                self._stopped = _NO_ANSWER
            except ReadError as error:
                return Answer(proof=Proof.NOT_ASKED, detail=str(error))
        return Answer(proof=Proof.NOT_ASKED, detail=self._stopped)

    def without_asking(self, person: Enforcement) -> Answer | None:
        """Say what is certain without Entra: no account, or one that we have just disabled."""
        if person.sessions is Sessions.NO_ACCOUNT:
            return _gone()
        # Later somebody may have enabled it again: then Entra is asked.
        if person.disabled_at is not None and self.services.now() - person.disabled_at < READS_SETTLE:
            return Answer(proof=Proof.DISABLED)
        return None

    async def _ask(self, person: Enforcement) -> Answer:
        try:
            met = await self._policies.evaluate(person.user_id)
            blocking = sorted(
                policy.display_name for policy in met if policy.is_enabled and policy.blocks_everywhere
            )
            if blocking:
                return Answer(proof=Proof.BLOCKED, policy="; ".join(blocking))
            account = await self.services.directory.find(person.user_id)
        except NotFoundError:
            return _gone()
        if account.enabled is False:
            return Answer(proof=Proof.DISABLED, detail="by somebody else")
        return await self._why_not_blocked(person.user_id)

    async def _why_not_blocked(self, user_id: str) -> Answer:
        """Look whether a managed group still has him, so that it is right, or too early, not to block him."""
        listed = await groups_having(self.services.graph, user_id, self.services.settings.group_ids)
        if listed:
            return Answer(proof=Proof.NOT_ASKED, detail=f"still listed as a member of {', '.join(listed)}")
        return Answer(proof=Proof.NOT_BLOCKED)


def _gone() -> Answer:
    return Answer(proof=Proof.DISABLED, detail="the account does not exist any more")


# The people of a sweep -----------------------------------------------------------------------------------


def unproven(known: Iterable[Enforcement], listed: Iterable[str], now: datetime) -> list[Enforcement]:
    """Give those offboarded earlier about whom Entra has to be asked again, first whom nothing blocked.

    Args:
        known: All that is known of a group's contractors.
        listed: Object IDs of its members: they are in again, so that there is nothing to prove.
        now: For how long ago somebody was removed.
    """
    members, since = set(listed), now - _ASKED_WITHIN
    return sorted(
        (item for item in known if item.user_id not in members and _is_open(item, since)),
        key=lambda item: (item.proof is not Proof.NOT_BLOCKED, item.row_key),
    )


def _is_open(item: Enforcement, since: datetime) -> bool:
    if item.removed_at is None:
        return False
    recent = item.removed_at >= since
    return item.proof is Proof.NOT_BLOCKED or (recent and item.proof in (None, Proof.NOT_ASKED))


async def prove(
    inquiry: Inquiry, context: Context, fresh: Sequence[Enforcement], earlier: Sequence[Enforcement]
) -> list[Enforcement]:
    """Ask Entra about people of one managed group and record what it says.

    Args:
        inquiry: Asks, for as long as there is time.
        context: Of which run, for the ledger.
        fresh: Whom this run has offboarded, as it has just recorded them.
        earlier: Whom earlier runs have; see `unproven`.

    Returns:
        All the fresh ones, and those of the earlier ones about whom there is an answer.
    """
    services = inquiry.services
    at_once = [_with(item, inquiry.without_asking(item) or _NOT_YET) for item in fresh]
    await services.enforcements.save(context.group_id, at_once)
    told = [(item, await inquiry.answer(item)) for item in at_once]
    again = [(item, await inquiry.answer(item)) for item in earlier]
    again = [(item, answer) for item, answer in again if answer.proof is not Proof.NOT_ASKED]
    await record(services, context, told + [pair for pair in again if pair[0].proof is not pair[1].proof])
    return [_with(item, answer) for item, answer in told + again]


async def record(services: Services, context: Context, told: Sequence[tuple[Enforcement, Answer]]) -> None:
    """Write answers into the ledger, and into the enforcements that do not have them yet."""
    now = services.now()
    entries = [_entry(item, answer, context, now) for item, answer in told]
    await services.ledger.append(context.group_id, entries)

    async def save(pair: tuple[Enforcement, Answer]) -> None:
        # Asking took a while: what somebody else has recorded in the meantime stays.
        current = await services.enforcements.get(context.group_id, pair[0].row_key)
        if current is not None and current.removed_at == pair[0].removed_at:
            await services.enforcements.save(context.group_id, [_with(current, pair[1])])

    await each((pair for pair in told if _with(*pair) != pair[0]), save, at_once=8)


def not_blocked(people: Iterable[Enforcement], group_id: str) -> list[Finding]:
    """Give a finding, and raise the alarm, for everybody whom Entra would let in."""
    findings: list[Finding] = []
    for item in people:
        if item.proof is Proof.NOT_BLOCKED:
            emit(PolicyDrift(group_id=group_id, kind=Proof.NOT_BLOCKED, user_id=item.user_id))
            findings.append(
                Finding(
                    kind=FindingKind.NOT_BLOCKED,
                    row_key=item.row_key,
                    user_id=item.user_id,
                    detail="Entra says that no policy would block his next sign-in",
                )
            )
    return findings


def _with(item: Enforcement, answer: Answer) -> Enforcement:
    return replace(item, proof=answer.proof, proof_policy=answer.policy)


def _entry(item: Enforcement, answer: Answer, context: Context, now: datetime) -> Entry:
    return Entry(
        at=instant(now),
        actor=context.actor,
        action=Action.PROOF,
        group=context.group_id,
        user=item.user_id,
        row_key=item.row_key,
        run=context.run_id,
        end_date=item.end_date,
        due_at=instant(item.due_at) if item.due_at else "",
        outcome=answer.words[:1000],
        note=context.note,
    )
