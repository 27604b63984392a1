"""An admitted request, with everything that a handler needs to answer it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from enforcer.core import keys
from enforcer.core.exceptions import NotFoundError
from enforcer.core.run_ids import new_run_id
from enforcer.offboarding.on_demand import OffboardRequest
from enforcer.offboarding.or_queue import Budget
from enforcer.services import Services
from enforcer.web.messages import Request, Response
from enforcer.web.problems import invalid
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
            actor=self.caller.actor,
            run_id=new_run_id(self.services.now()),
            seconds=self.budget.now,
        )

    @property
    def _typed(self) -> str:
        # The Functions host has decoded the path once. Careful clients encode twice, because of the `#` in
        # guests' names, which is %23 in the register's keys too. No name contains a `%` of its own.
        return unquote(self.request.parameters.get("user", ""))


type Handler = Callable[[Call], Awaitable[Response]]
