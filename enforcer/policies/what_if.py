"""Ask Entra's What If evaluation whether a policy would block a person's next sign-in.

    account disabled by us                    disabled, without asking
    a policy blocks all apps                  blocked, with the policy's name
    none does; account disabled, or deleted   disabled
    none does; still in a managed group       not asked: reads lag behind, or they work for another group, too
    none does                                 not blocked

Source: conditionalAccessRoot: evaluate. It knows policies and memberships, but not whether the account is
enabled.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from enforcer.core.exceptions import AccessDeniedError, NotFoundError, ReadError, UnavailableError
from enforcer.core.offboarding_record import OffboardingRecord, Proof, Sessions
from enforcer.core.policy import BLOCK, Policy
from enforcer.graph.conditional_access import READING
from enforcer.graph.memberships import groups_having
from enforcer.services import Services

_NO_TIME = "the time for asking was up"
_NO_PERMISSION = f"this identity lacks {READING}"
_NO_ANSWER = "Entra did not answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known about a person's next sign-in.

    Attributes:
        policy: The names of the policies that block the person.
        detail: Why Entra was not asked, or why the account is unusable.
    """

    proof: Proof
    policy: str = ""
    detail: str = ""

    @property
    def words(self) -> str:
        """The wording for the ledger."""
        more = self.policy or self.detail
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
        except AccessDeniedError:
            self.stopped = _NO_PERMISSION
        except UnavailableError:
            self.stopped = _NO_ANSWER
        except ReadError as error:
            return Answer(proof=Proof.NOT_ASKED, detail=str(error))
        return None

    async def _ask(self, person: OffboardingRecord) -> Answer:
        try:
            applied = await self.services.conditional_access.evaluate(person.user_id)
            blocking = sorted(policy.display_name for policy in applied if _shuts_out(policy))
            if blocking:
                return Answer(proof=Proof.BLOCKED, policy="; ".join(blocking))
            account = await self.services.directory.find(person.user_id)
        except NotFoundError:
            return _gone()
        if account.enabled is False:
            return Answer(proof=Proof.DISABLED)
        return await self._why_not_blocked(person.user_id)

    async def _why_not_blocked(self, user_id: str) -> Answer:
        """Return not blocked; not asked where a managed group still lists the person."""
        listed = await groups_having(self.services.graph, user_id, self.services.settings.group_ids)
        if listed:
            return Answer(proof=Proof.NOT_ASKED, detail=f"still listed as a member of {', '.join(listed)}")
        return Answer(proof=Proof.NOT_BLOCKED)


def _shuts_out(policy: Policy) -> bool:
    """Whether it blocks everything. Our own block policy may exempt what its template exempts."""
    ours = policy.key == BLOCK and not policy.is_altered
    return policy.is_enabled and policy.blocks_everywhere and (ours or not policy.exempts_apps)


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
