"""Ask Entra's What If evaluation whether a policy would block a person's next sign-in.

    account disabled by us                    disabled, without asking
    a policy blocks all apps                  blocked, with the policy's name
    a guest, and one does if asked again      blocked: only the second question names the kind of guest
    none does; account disabled, or deleted   disabled
    none does; still in a managed group       not asked: reads lag behind, or they work for another group, too
    none does                                 not blocked

Source: conditionalAccessRoot: evaluate. It knows policies and memberships, but not whether the account is
enabled.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from enforcer.core.coverage import guest_kinds, hindrances_of
from enforcer.core.exceptions import (
    AccessDeniedError,
    EnforcerError,
    NotFoundError,
    ReadError,
    UnavailableError,
)
from enforcer.core.offboarding_record import OffboardingRecord, Proof, Sessions
from enforcer.graph.conditional_access import Circumstances, Listing
from enforcer.graph.memberships import groups_having
from enforcer.services import Services

_NO_TIME = "the time for asking was up"
# Of two answers the second counts: it states what a policy for guests depends on.
_ASKED_AS = "answer to the question with externalUserType {}; without it, none blocked everywhere"
_NO_ANSWER = "Entra did not answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known about a person's next sign-in.

    Attributes:
        policy: The names of the policies that block the person.
        partly: The names of policies that block the person, but not everywhere.
        detail: Why Entra was not asked, why the account is unusable, or which of two questions counts.
    """

    proof: Proof
    policy: str = ""
    partly: str = ""
    detail: str = ""

    @property
    def words(self) -> str:
        """The wording for the ledger."""
        partly = f"none blocks everywhere; these block in part: {self.partly}" if self.partly else ""
        more = "; ".join(filter(None, (self.policy, partly, self.detail)))
        return f"{self.proof}: {more}" if more else self.proof.value


class WhatIfClient:
    """Asks Entra about one person at a time, until time is up or asking is pointless.

    Args:
        services: All adapters.
        seconds: Time limit from now, including all waits.

    Attributes:
        stopped: Why it no longer asks; empty while it does.
    """

    def __init__(self, services: Services, seconds: float) -> None:
        self.services = services
        self._deadline = asyncio.get_running_loop().time() + seconds
        self.stopped = ""

    async def answer(self, person: OffboardingRecord) -> Answer | None:
        """Return what becomes of the person's next sign-in; None once it no longer asks.

        Raises none of this project's errors.
        """
        known = without_asking(person)
        if known is not None or self.stopped:
            return known
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._ask(person)
        except TimeoutError:
            self.stopped = _NO_TIME
        except AccessDeniedError as error:
            self.stopped = str(error)
        except UnavailableError:
            self.stopped = _NO_ANSWER
        except ReadError as error:
            return Answer(proof=Proof.NOT_ASKED, detail=str(error))
        return None

    async def _ask(self, person: OffboardingRecord) -> Answer:
        try:
            applied = await self._applied(person.user_id)
            if answer := _blocked(applied):
                return answer
            account = await self.services.directory.find(person.user_id)
            # Of the kinds that they may be, one that nothing blocks is enough to get in.
            for kind in sorted(guest_kinds(account) or ()):
                applied = await self._applied(person.user_id, kind)
                answer = _blocked(applied, _ASKED_AS.format(kind))
                if answer is None:
                    break
            if answer:
                return answer
        except NotFoundError:
            return _gone()
        if account.enabled is False:
            return Answer(proof=Proof.DISABLED)
        return await self._why_not_blocked(person.user_id, applied)

    async def _applied(self, user_id: str, kind: str = "") -> Listing:
        circumstances = Circumstances(external_user_type=kind)
        return await self.services.conditional_access.evaluate(user_id, circumstances)

    async def _why_not_blocked(self, user_id: str, applied: Listing) -> Answer:
        """Return not blocked; not asked where a managed group still lists the person."""
        listed = await groups_having(self.services.graph, user_id, self.services.settings.group_ids)
        if listed:
            return Answer(proof=Proof.NOT_ASKED, detail=f"still listed as a member of {', '.join(listed)}")
        if applied.unread:
            unread = f"a policy that applies cannot be read: {'; '.join(applied.unread)}"
            return Answer(proof=Proof.NOT_ASKED, detail=unread)
        partly = [policy.display_name for policy in applied.policies if policy.is_enabled and policy.blocks]
        return Answer(proof=Proof.NOT_BLOCKED, partly="; ".join(sorted(partly)))


async def member_today(services: Services) -> tuple[str, Answer]:
    """Ask about a current member of the managed groups, whom nothing should block.

    Returns:
        The member's object ID, empty where there is none, and what Entra says.
    """
    try:
        for group in services.settings.group_ids:
            async for member in services.directory.members(group):
                if member.is_user and member.enabled is not False:
                    applied = await services.conditional_access.evaluate(member.id)
                    return member.id, _blocked(applied) or Answer(proof=Proof.NOT_BLOCKED)
    except EnforcerError as error:
        return "", Answer(proof=Proof.NOT_ASKED, detail=str(error))
    return "", Answer(proof=Proof.NOT_ASKED, detail="no managed group has a member")


def _blocked(applied: Listing, detail: str = "") -> Answer | None:
    """Return that the person is blocked, if one of the policies that apply blocks everything."""
    blocking = sorted(policy.display_name for policy in applied.policies if not hindrances_of(policy))
    return Answer(proof=Proof.BLOCKED, policy="; ".join(blocking), detail=detail) if blocking else None


def before_asking(person: OffboardingRecord) -> OffboardingRecord:
    """Return the record of somebody just removed, with what is certain, or that Entra was not asked."""
    if person.removed_at is None or person.proof is not None:
        return person
    answer = without_asking(person) or Answer(proof=Proof.NOT_ASKED)
    return replace(person, proof=answer.proof)


def without_asking(person: OffboardingRecord) -> Answer | None:
    """Return what is certain without Entra: there is no account, or we have disabled it."""
    if person.sessions is Sessions.NO_ACCOUNT:
        return _gone()
    return Answer(proof=Proof.DISABLED) if person.disabled_at is not None else None


def _gone() -> Answer:
    return Answer(proof=Proof.DISABLED, detail="the account does not exist any more")
