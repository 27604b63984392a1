"""An admitted request, with everything that a handler needs to answer it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from enforcer.core import keys
from enforcer.core.actors import Actor
from enforcer.core.exceptions import NotFoundError
from enforcer.core.run_ids import new_run_id
from enforcer.offboarding.on_demand import OffboardRequest
from enforcer.offboarding.or_queue import Budget
from enforcer.services import Services
from enforcer.web.gate import holds_role, require_role
from enforcer.web.messages import Request, Response
from enforcer.web.problems import invalid, missing_role
from enforcer.web.roles import Access
from enforcer.web.tokens import Caller

_LONGEST_NAME = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    request: Request
    caller: Caller
    services: Services
    budget: Budget

    @property
    def user(self) -> str:
        """The person whom the path names.

        Raises:
            ProblemError: It is too long or has control characters.
            NotFoundError: It is neither an object ID nor an address, so nobody has that name.
        """
        name = keys.trimmed(self._typed)
        if len(name) > _LONGEST_NAME or re.search(r"[\x00-\x1f\x7f]", name):
            raise invalid("user", f"A user's name has at most {_LONGEST_NAME} characters, all printable.")
        if problem := keys.problem(name):
            raise NotFoundError(f"nobody has that name: it {problem}", field="user")
        return name

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was read differently from what was sent."""
        trimming = keys.trimming(self._typed)
        return (trimming,) if trimming else ()

    def offboarding(self, reason: str) -> OffboardRequest:
        """Return the request to offboard the person whom the path names."""
        return OffboardRequest(
            user=self.user,
            reason=reason,
            actor=self.caller.actor.id,
            actor_name=self.caller.actor.name,
            run_id=new_run_id(self.services.now()),
            seconds=self.budget.now,
        )

    def may(self, access: Access) -> bool:
        """Whether the caller holds a role that suffices."""
        return holds_role(self.caller, access, self.services.settings)

    def require(self, access: Access) -> None:
        """Make sure that the caller holds a role that suffices.

        Raises:
            ProblemError: They do not (403).
        """
        require_role(self.caller, access, self.services.settings)

    def approver(self) -> Actor:
        """Return who approves.

        Raises:
            ProblemError: It is an application that no setting names as an approver (403).
        """
        caller = self.caller
        if caller.app_ids and caller.app_ids.isdisjoint(self.services.settings.approver_app_ids):
            raise missing_role(
                f"{caller.actor.id} is an application that ENFORCER_APPROVER_APP_IDS does not name,"
                " so it approves nothing."
            )
        return caller.actor

    @property
    def _typed(self) -> str:
        # The Functions host has decoded the path once. Careful clients encode twice, because of the `#` in
        # guests' names, which is %23 in the register's keys too. No name contains a `%` of its own.
        return unquote(self.request.parameters.get("user", ""))


type Handler = Callable[[Call], Awaitable[Response]]
