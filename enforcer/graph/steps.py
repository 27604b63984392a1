"""Changes the directory: the steps of an offboarding, and those that undo them."""

from __future__ import annotations

import asyncio

import msgspec

from enforcer.core.exceptions import AccessDeniedError, ReadError, UnavailableError
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.graph.batch import Batcher, Precondition, no_precondition
from enforcer.graph.client import GraphClient
from enforcer.graph.directory import Directory
from enforcer.graph.reply import Reply, ReplyKind, Request

# How long a confirmed group counts as confirmed: one check serves all removals of about the same time.
_CONFIRMED_SECONDS = 30.0


class _Done(msgspec.Struct):
    value: bool | None = None


class DirectorySteps:
    """Takes steps; each checks its precondition (see `Batcher.write`) and raises what that raises."""

    def __init__(self, client: GraphClient, directory: Directory) -> None:
        self._client, self._directory = client, directory
        self._batcher = Batcher(client)
        self._confirming = asyncio.Lock()
        self._confirmed: dict[str, float] = {}

    async def remove(
        self, group_id: str, user_id: str, precondition: Precondition = no_precondition
    ) -> StepResult:
        """Remove a person from the group. They are out afterwards, whoever did it, or the step has failed."""
        # Without `/$ref` this call would delete the user account itself (group: remove member).
        path = "/groups/{group}/members/{user}/$ref"
        reply = await self._write("DELETE", path, {"group": group_id, "user": user_id}, b"", precondition)
        if reply.not_a_member:
            # A deleted group gives the same answer, and would look like perfect success.
            try:
                await self._confirm(group_id)
            except UnavailableError as error:
                return _result(Reply(status=0, message=str(error)))
            return StepResult(
                outcome=StepOutcome.ABSENT, request_id=reply.request_id, uncertain=reply.repeated
            )
        return _result(reply)

    async def revoke(self, user_id: str, precondition: Precondition = no_precondition) -> StepResult:
        """Invalidate the person's refresh tokens and browser sessions in this tenant."""
        path = "/users/{user}/revokeSignInSessions"
        reply = await self._write("POST", path, {"user": user_id}, b"", precondition)
        if reply.ok and _says_false(reply):
            return StepResult(
                outcome=StepOutcome.FAILED, request_id=reply.request_id, explanation="Graph answered: false"
            )
        return await self._result_for(user_id, reply)

    async def set_enabled(
        self, user_id: str, *, enabled: bool, precondition: Precondition = no_precondition
    ) -> StepResult:
        """Enable or disable the account."""
        body = msgspec.json.encode({"accountEnabled": enabled})
        reply = await self._write("PATCH", "/users/{user}", {"user": user_id}, body, precondition)
        return await self._result_for(user_id, reply)

    async def add(
        self, group_id: str, user_id: str, precondition: Precondition = no_precondition
    ) -> StepResult:
        """Add a person to the group; it is not an error if they are a member already."""
        reply = await self._add(group_id, user_id, precondition)
        return _already_in(reply) if reply.already_a_member else _result(reply)

    async def add_leaver(
        self, leavers_group: str, user_id: str, precondition: Precondition = no_precondition
    ) -> StepResult:
        """Put a person into the leavers' group; an account that no longer exists needs no blocking."""
        reply = await self._add(leavers_group, user_id, precondition)
        return _already_in(reply) if reply.already_a_member else await self._result_for(user_id, reply)

    async def _add(self, group_id: str, user_id: str, precondition: Precondition) -> Reply:
        body = msgspec.json.encode({"@odata.id": f"{self._client.url}/directoryObjects/{user_id}"})
        path = "/groups/{group}/members/$ref"
        return await self._write("POST", path, {"group": group_id}, body, precondition)

    async def _result_for(self, user_id: str, reply: Reply) -> StepResult:
        """Return the result of a step on an account; a missing account is confirmed: no later run checks."""
        if reply.not_found and await self._is_gone(user_id):
            return StepResult(outcome=StepOutcome.NO_ACCOUNT, request_id=reply.request_id)
        return _result(reply)

    async def _is_gone(self, user_id: str) -> bool:
        try:
            return await self._directory.account(user_id) is None
        except (AccessDeniedError, ReadError, UnavailableError):
            return False

    async def _confirm(self, group_id: str) -> None:
        """Make sure that the group exists, asking Graph only once in a while."""
        now = asyncio.get_running_loop().time()
        async with self._confirming:
            if now - self._confirmed.get(group_id, -_CONFIRMED_SECONDS) >= _CONFIRMED_SECONDS:
                await self._directory.require_group(group_id)
                self._confirmed[group_id] = asyncio.get_running_loop().time()

    async def _write(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        body: bytes,
        precondition: Precondition,
    ) -> Reply:
        """Make a write; return status 0 if Graph does not answer in time."""
        try:
            request = Request(method=method, path=path, parameters=parameters, body=body)
            return await self._batcher.write(request, precondition)
        except UnavailableError as error:
            return Reply(status=0, message=str(error))


def _says_false(reply: Reply) -> bool:
    """Whether the body says that nothing was done (user: revokeSignInSessions returns a Boolean)."""
    try:
        return msgspec.json.decode(reply.body, type=_Done).value is False
    except msgspec.MsgspecError:
        return False  # 204 or a text: the status decides


def _already_in(reply: Reply) -> StepResult:
    return StepResult(outcome=StepOutcome.ABSENT, request_id=reply.request_id, uncertain=reply.repeated)


def _result(reply: Reply) -> StepResult:
    if reply.ok:
        return StepResult(outcome=StepOutcome.DONE, request_id=reply.request_id)
    return StepResult(
        outcome=StepOutcome.FAILED,
        request_id=reply.request_id,
        explanation=reply.explanation,
        forbidden=reply.forbidden,
        unavailable=reply.kind is ReplyKind.RETRY,
    )
