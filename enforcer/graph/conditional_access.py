"""Conditional Access in Graph: the policies, and their evaluation for a person (What If).

These calls are limited to one per second and tenant, across all apps, and their 429 has no Retry-After.
Source: "Microsoft Graph service-specific throttling limits", Conditional Access.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from enforcer.core.exceptions import AccessDeniedError, NotFoundError, ReadError, UnavailableError
from enforcer.core.policy import Json, Policy, is_ours, read_policy
from enforcer.graph.client import GraphClient
from enforcer.graph.decoding import Page, all_of, decode
from enforcer.graph.pacer import Pacer
from enforcer.graph.reply import Reply, ReplyKind, Request
from enforcer.graph.retries import Retries, RetryBudget

POLICIES = "/identity/conditionalAccess/policies"
_POLICY = POLICIES + "/{policy}"
_EVALUATE = "/identity/conditionalAccess/evaluate"
# Permits both listing and evaluating the policies (conditionalAccessRoot: evaluate).
READING = "Policy.Read.All"
_WRITE = "Policy.Read.All, Policy.ReadWrite.ConditionalAccess and Application.Read.All"
# What If needs an app and a client. A policy for all apps applies to any app; this is SharePoint Online's ID,
# the same in every tenant, from Graph's own example (conditionalAccessRoot: evaluate).
ASKED_APP = "00000003-0000-0ff1-ce00-000000000000"
# Short, because nothing urgent waits for these answers and the run holds its lease meanwhile.
RETRY_BUDGET = RetryBudget(failures=10, throttling=60)


@dataclass(frozen=True, slots=True)
class Listing:
    """All policies of the tenant, whoever created them; `unread` names those that are not understood."""

    policies: tuple[Policy, ...]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """The sign-in that is asked about.

    Attributes:
        external_user_type: The person's kind as a guest; empty to leave it to Entra. Not nullable in Graph's
            metadata, so leaving it out may mean `none` there.
    """

    app: str = ASKED_APP
    client: str = "browser"
    platform: str = "windows"
    external_user_type: str = ""


USUAL = Circumstances()


class ConditionalAccess:
    """The tenant's policies, for one event loop; at most one call a second.

    Args:
        client: Graph.
        pacer: Spaces out the calls.
        retry_budget: How long a call is retried.

    All methods raise:
        AccessDeniedError: This identity lacks the permission that the message names.
        ReadError: Graph refused the call, or its answer is malformed.
        UnavailableError: Graph did not answer in time.
    """

    def __init__(
        self, client: GraphClient, pacer: Pacer | None = None, retry_budget: RetryBudget = RETRY_BUDGET
    ) -> None:
        self._client = client
        self._retry_budget = retry_budget
        self._pacer = pacer or Pacer(writes=1, window=1.0)

    async def policies(self) -> Listing:
        """Return all policies of the tenant; those of others that cannot be read are skipped and named."""
        what = "the Conditional Access policies"
        found = await all_of(
            lambda: self._get(POLICIES), lambda reply: _page(reply, what, READING), self._get
        )
        return _listing(found)

    async def create(self, body: Json) -> Policy:
        """Create a policy. A call whose answer is lost is not repeated, as that might create two."""
        request = Request(method="POST", path=POLICIES, body=msgspec.json.encode(body))
        reply = await self._call_once(request)
        if reply.kind is ReplyKind.RETRY:
            raise UnavailableError(f"the policy may or may not have been created: {reply.explanation}")
        _require(reply, "a policy could not be created", _WRITE)
        return _policy(decode(reply, dict[str, Any], "the new policy"))

    async def update(self, policy_id: str, body: Json) -> None:
        """Change a policy; properties that the body omits stay unchanged."""
        reply = await self._call(
            Request(
                method="PATCH",
                path=_POLICY,
                parameters={"policy": policy_id},
                body=msgspec.json.encode(body),
            )
        )
        _require(reply, f"policy {policy_id} could not be changed", _WRITE)

    async def evaluate(self, user_id: str, circumstances: Circumstances = USUAL) -> Listing:
        """Return the policies that Entra would apply to this person's sign-in, including report-only ones.

        Conditions other than the circumstances are not supplied, and so not evaluated.

        Raises:
            NotFoundError: The account does not exist.
        """
        who = {"@odata.type": "#microsoft.graph.userSignIn", "userId": user_id}
        if circumstances.external_user_type:
            who["externalUserType"] = circumstances.external_user_type
        question = {
            "signInIdentity": who,
            "signInContext": {
                "@odata.type": "#microsoft.graph.applicationContext",
                "includeApplications": [circumstances.app],
            },
            "signInConditions": {
                "clientAppType": circumstances.client,
                "devicePlatform": circumstances.platform,
            },
            "appliedPoliciesOnly": True,
        }
        reply = await self._call(Request(method="POST", path=_EVALUATE, body=msgspec.json.encode(question)))
        if reply.not_found:
            raise NotFoundError(f"nobody in this tenant has the object ID {user_id}", field="user")
        page = _page(reply, "Entra's evaluation of a sign-in", READING)
        return _listing([body for body in page.value if body.get("policyApplies")])

    async def _get(self, path: str) -> Reply:
        return await self._call(Request(method="GET", path=path))

    async def _call(self, request: Request) -> Reply:
        """Make a call, retrying where that may help."""
        retries = Retries(self._retry_budget)
        while (reply := await self._paced(request)).kind is ReplyKind.RETRY:
            await retries.wait(reply, self._pacer)
        return reply

    async def _call_once(self, request: Request) -> Reply:
        """Make a call that must not take effect twice: retry only if it certainly had none."""
        retries = Retries(self._retry_budget)
        while (reply := await self._paced(request)).throttled or not reply.sent:
            await retries.wait(reply, self._pacer)
        return reply

    async def _paced(self, request: Request) -> Reply:
        # These calls do not count towards the directory's write quota.
        async with self._pacer.writing(1):
            return await self._client.attempt(request, writes=0)


def _page(reply: Reply, what: str, permission: str) -> Page[Json]:
    _require(reply, f"{what} could not be read", permission)
    return decode(reply, Page[dict[str, Any]], what)


def _require(reply: Reply, failure: str, permission: str) -> None:
    if reply.forbidden or reply.kind is ReplyKind.RUN:
        raise AccessDeniedError(f"{failure}; grant this identity {permission}: {reply.explanation}")
    if not reply.ok:
        raise ReadError(f"{failure}: {reply.explanation}")


def _listing(found: Sequence[Json]) -> Listing:
    policies: list[Policy] = []
    unread: list[str] = []
    for body in found:
        try:
            policies.append(read_policy(body))
        except msgspec.ValidationError as error:
            name = str(body.get("displayName") or body.get("id") or "")
            if not name or is_ours(name):
                raise ReadError(f"policy {name} could not be read: {error}") from error
            unread.append(f"{name}: {error}")
    return Listing(tuple(policies), tuple(unread))


def _policy(body: Json) -> Policy:
    try:
        return read_policy(body)
    except msgspec.ValidationError as error:
        raise ReadError(f"a Conditional Access policy could not be read: {error}") from error
