"""What answers requests: admit, handle, and turn every error into its answer."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from time import monotonic

from enforcer.core.exceptions import EnforcerError
from enforcer.graph.retries import RetryBudget
from enforcer.offboarding.or_queue import Budget
from enforcer.services import Services
from enforcer.web.calls import Call
from enforcer.web.gate import Gate
from enforcer.web.messages import Request, Response
from enforcer.web.problems import ProblemError, internal, problem_of, require_size, unavailable
from enforcer.web.routes import Route
from enforcer.web.signing_keys import KeyRing
from enforcer.web.tokens import issuers

# Somebody waits for the answer: what takes longer than a few seconds is queued, or requested again.
RETRY_BUDGET = RetryBudget(failures=4.0, throttling=6.0)
_LONGEST_SECONDS = 28.0

_log = logging.getLogger(__name__)


class Api:
    """The API for one event loop.

    Args:
        services: With a small retry budget, such as `RETRY_BUDGET`: somebody is waiting.
        budget: How long an offboarding may take.
    """

    def __init__(self, services: Services, *, budget: Budget | None = None) -> None:
        settings = services.settings
        keys = f"{settings.authority_url}/{settings.tenant_id}/discovery/v2.0/keys"
        self._services = services
        self._gate = Gate(settings, KeyRing(keys, clock=monotonic, issuers=issuers(settings)))
        self._budget = budget or Budget()

    async def answer(self, route: Route, request: Request) -> Response:
        """Answer a request. Never raises."""
        response = await self._answer(route, request)
        return replace(response, headers={**response.headers, "X-Request-Id": request.id})

    async def _answer(self, route: Route, request: Request) -> Response:
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                require_size(request, route.largest_body)
                caller = await self._gate.admit(request, route.access)
                call = Call(request=request, caller=caller, services=self._services, budget=self._budget)
                return await route.handler(call)
        except EnforcerError as error:
            return _answer_problem(problem_of(error), route, request)
        except TimeoutError:
            return _answer_problem(unavailable("It took too long. Try again."), route, request)
        except Exception:  # noqa: BLE001 -- the process's edge: the traceback is for the log, not for the caller
            _log.exception("%s failed, request %s", route.name, request.id)
            return internal().response(request.id)


def _answer_problem(problem: ProblemError, route: Route, request: Request) -> Response:
    _log.info("%s: %d %s, request %s", route.name, problem.status, problem.code, request.id)
    return problem.response(request.id)
