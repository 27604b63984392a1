"""Conditional Access policies, and their What If evaluation."""

import re

import msgspec
from msgspec import Struct, field

from sandbox.directory.conditional_access import Reason, SignIn, why_not
from sandbox.directory.errors import GraphError, not_found
from sandbox.directory.ids import new_id
from sandbox.directory.messages import Answer, Call, no_content
from sandbox.directory.odata import parse_select
from sandbox.directory.permissions import EVALUATE_POLICIES, READ_POLICIES, WRITE_POLICIES
from sandbox.directory.policy_types import understood
from sandbox.directory.router import Endpoint, Service
from sandbox.directory.routes.policy_forms import STRENGTHS, completed, merged
from sandbox.directory.sign_in import attributes_of_apps
from sandbox.directory.state import Sandbox
from sandbox.directory.tenant import Json

_EQUALS = re.compile(r"^\s*(?P<name>\w+)\s+eq\s+'(?P<value>(?:[^']|'')*)'\s*$")


class Identity(Struct, rename="camel"):
    user_id: str | None = None
    external_user_type: str | None = None
    external_tenant_id: str | None = None


class Context(Struct, rename="camel"):
    include_applications: list[str] = field(default_factory=list)
    user_action: str | None = None
    authentication_context_value: str | None = None


class Circumstances(Struct, rename="camel"):
    client_app_type: str | None = None
    device_platform: str | None = None
    sign_in_risk_level: str | None = None
    user_risk_level: str | None = None
    insider_risk_level: str | None = None
    ip_address: str | None = None
    country: str | None = None
    device_info: Json | None = None
    authentication_flow: Json | None = None


class Question(Struct, rename="camel"):
    sign_in_identity: Identity
    sign_in_context: Context
    sign_in_conditions: Circumstances
    applied_policies_only: bool | None = None


def list_policies(call: Call, sandbox: Sandbox) -> Answer:
    policies = list(sandbox.tenant.policies.values())
    if "$filter" in call.query:
        match = _EQUALS.match(call.query["$filter"])
        if match is None:
            raise GraphError(400, "BadRequest", "Invalid filter clause.")
        value = match["value"].replace("''", "'")
        policies = [one for one in policies if str(one.get(match["name"])) == value]
    select = parse_select(call.query.get("$select"))
    shown = [{name: one.get(name) for name in select} if select else one for one in policies]
    return Answer(
        body={"@odata.context": f"{call.root}/$metadata#identity/conditionalAccess/policies", "value": shown}
    )


def get_policy(call: Call, sandbox: Sandbox) -> Answer:
    return Answer(body=_entity(call, _find(call, sandbox)))


def create_policy(call: Call, sandbox: Sandbox) -> Answer:
    now = msgspec.to_builtins(sandbox.clock.now())
    policy = completed({**call.json(), "id": new_id(), "createdDateTime": now, "modifiedDateTime": None})
    sandbox.tenant.policies[policy["id"]] = policy
    return Answer(status=201, body=_entity(call, policy))


def change_policy(call: Call, sandbox: Sandbox) -> Answer:
    policy = _find(call, sandbox)
    changed = merged(policy, call.json())
    changed |= {name: policy[name] for name in ("id", "createdDateTime")}
    changed["modifiedDateTime"] = msgspec.to_builtins(sandbox.clock.now())
    sandbox.tenant.policies[policy["id"]] = completed(changed)
    return no_content()


def delete_policy(call: Call, sandbox: Sandbox) -> Answer:
    del sandbox.tenant.policies[_find(call, sandbox)["id"]]
    return no_content()


def list_strengths(call: Call, sandbox: Sandbox) -> Answer:  # noqa: ARG001 -- the built-in ones are the same everywhere
    return Answer(
        body={
            "@odata.context": f"{call.root}/$metadata#policies/authenticationStrengthPolicies",
            "value": list(STRENGTHS.values()),
        }
    )


def evaluate(call: Call, sandbox: Sandbox) -> Answer:
    try:
        question = msgspec.convert(call.json(), Question)
    except msgspec.ValidationError as error:
        raise GraphError(400, "BadRequest", f"Invalid What If request: {error}") from error
    attempt = _attempt(question, sandbox)
    try:
        results = [_result(policy, attempt) for policy in sandbox.tenant.policies.values()]
    except ValueError as error:
        raise GraphError(501, "NotImplemented", f"The sandbox cannot evaluate this: {error}") from error
    if question.applied_policies_only:
        results = [one for one in results if one["policyApplies"]]
    context = f"{call.root}/$metadata#Collection(microsoft.graph.whatIfAnalysisResult)"
    return Answer(body={"@odata.context": context, "value": results})


def _find(call: Call, sandbox: Sandbox) -> Json:
    policy_id = call.parameters["policy"].lower()
    if policy_id not in sandbox.tenant.policies:
        raise GraphError(404, "ResourceNotFound", f"{policy_id} does not exist in the directory.")
    return sandbox.tenant.policies[policy_id]


def _entity(call: Call, policy: Json) -> Json:
    return {"@odata.context": f"{call.root}/$metadata#identity/conditionalAccess/policies/$entity", **policy}


def _attempt(question: Question, sandbox: Sandbox) -> SignIn:
    """Return the sign-in to evaluate, with the memberships that reads show."""
    identity = question.sign_in_identity
    user = sandbox.tenant.user(identity.user_id or "")
    if user is None and identity.external_user_type is None:
        raise not_found(identity.user_id or "")
    now = sandbox.clock.seconds()
    conditions, context = question.sign_in_conditions, question.sign_in_context
    derived = user.guest_kind if user and sandbox.settings.what_if_derives_guest_kind else None
    placed = conditions.ip_address is not None or conditions.country is not None
    return SignIn(
        user_id=user.id if user else "",
        groups=frozenset(sandbox.tenant.all_listed_groups_of(user.id, now) if user else ()),
        roles=frozenset(user.directory_roles if user else ()),
        guest=identity.external_user_type or derived,
        home_tenant_id=identity.external_tenant_id or (user.home_tenant_id if user else None),
        applications=frozenset(context.include_applications),
        user_action=context.user_action,
        authentication_context=context.authentication_context_value,
        app_attributes=attributes_of_apps(sandbox.tenant),
        # No named location is known here, so that an address is in none.
        locations=frozenset() if placed else None,
        device=conditions.device_info,
        client_app=conditions.client_app_type,
        platform=conditions.device_platform,
        sign_in_risk=conditions.sign_in_risk_level,
        user_risk=conditions.user_risk_level,
        insider_risk=conditions.insider_risk_level,
        authentication_flow=(conditions.authentication_flow or {}).get("transferMethod"),
    )


def _result(policy: Json, attempt: SignIn) -> Json:
    reason = why_not(understood(policy), attempt)
    return {**policy, "policyApplies": reason is Reason.NOT_SET, "analysisReasons": reason.value}


_POLICIES = "/identity/conditionalAccess/policies"
_POLICY = f"{_POLICIES}/{{policy}}"

ROUTES = (
    *(
        Endpoint(
            method=method,
            pattern=pattern,
            handler=handler,
            permissions=permissions,
            service=Service.CONDITIONAL_ACCESS,
        )
        for method, pattern, handler, permissions in (
            ("GET", _POLICIES, list_policies, READ_POLICIES),
            ("GET", _POLICY, get_policy, READ_POLICIES),
            ("POST", _POLICIES, create_policy, WRITE_POLICIES),
            ("PATCH", _POLICY, change_policy, WRITE_POLICIES),
            ("DELETE", _POLICY, delete_policy, WRITE_POLICIES),
            ("POST", "/identity/conditionalAccess/evaluate", evaluate, EVALUATE_POLICIES),
        )
    ),
    *(
        Endpoint(
            method="GET",
            pattern=pattern,
            handler=list_strengths,
            permissions=READ_POLICIES,
            service=Service.CONDITIONAL_ACCESS,
        )
        for pattern in (
            "/policies/authenticationStrengthPolicies",
            "/identity/conditionalAccess/authenticationStrength/policies",
        )
    ),
)
