"""Whether a person could sign in now, and whether an existing session is still valid."""

from datetime import datetime

import msgspec
from msgspec import Struct, field

from sandbox.directory.conditional_access import Policy, PolicyState, Reason, SignIn, why_not
from sandbox.directory.objects import ServicePrincipal, User
from sandbox.directory.tenant import Tenant

# The grant controls that a person can satisfy, unless the attempt says otherwise.
EVERYTHING = ("mfa", "authenticationStrength", "compliantDevice", "domainJoinedDevice", "passwordChange")


class Attempt(Struct, kw_only=True, forbid_unknown_fields=True):
    """`user`: object id or user principal name; `app`: app id. `satisfies`: controls they can satisfy."""

    user: str
    app: str
    client_app_type: str = "browser"
    device_platform: str | None = None
    satisfies: list[str] = field(default_factory=lambda: list(EVERYTHING))
    session_issued_at: datetime | None = None


class Met(Struct, kw_only=True):
    """A policy and its result for this attempt: not_applied, report_only, granted, unmet or blocked."""

    id: str
    display_name: str
    state: str
    result: str
    reason: str


class Session(Struct, kw_only=True):
    alive: bool
    reason: str


class Outcome(Struct, kw_only=True):
    """`reason`: granted, or what prevented it.

    unknown_user, account_disabled, not_assigned, blocked_by_policy or controls_not_met.
    """

    signed_in: bool
    reason: str
    blocked_by: list[str] = field(default_factory=list)
    policies: list[Met] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    session: Session | None = None


def try_to_sign_in(attempt: Attempt, tenant: Tenant) -> Outcome:
    user = tenant.user(attempt.user)
    if user is None:
        return Outcome(signed_in=False, reason="unknown_user", session=_dead(attempt, "unknown_user"))
    groups = tenant.all_groups_of(user.id)
    met = [_judge(msgspec.convert(one, Policy), attempt, user, groups) for one in tenant.policies.values()]
    reason = _reason(attempt, tenant, user, met)
    return Outcome(
        signed_in=reason == "granted",
        reason=reason,
        blocked_by=[one.display_name for one in met if one.result == "blocked"],
        policies=met,
        groups=sorted(groups),
        session=_session(user, attempt.session_issued_at),
    )


def _reason(attempt: Attempt, tenant: Tenant, user: User, met: list[Met]) -> str:
    results = {one.result for one in met}
    if not user.account_enabled:
        return "account_disabled"
    if not _assigned(user, attempt.app, tenant):
        return "not_assigned"
    if "blocked" in results:
        return "blocked_by_policy"
    return "controls_not_met" if "unmet" in results else "granted"


def _judge(policy: Policy, attempt: Attempt, user: User, groups: set[str]) -> Met:
    reason = why_not(
        policy,
        SignIn(
            user_id=user.id,
            groups=frozenset(groups),
            roles=frozenset(user.directory_roles),
            guest=user.guest_kind,
            home_tenant_id=user.home_tenant_id,
            applications=frozenset({attempt.app}),
            client_app=attempt.client_app_type,
            platform=attempt.device_platform,
        ),
    )
    return Met(
        id=policy.id,
        display_name=policy.display_name,
        state=policy.state.value,
        result=_result(policy, reason, attempt),
        reason=reason.value,
    )


def _result(policy: Policy, reason: Reason, attempt: Attempt) -> str:
    if reason is not Reason.NOT_SET:
        return "not_applied"
    if policy.state is PolicyState.REPORT_ONLY:
        return "report_only"
    if policy.blocks:
        return "blocked"
    return "granted" if _satisfied(policy, attempt) else "unmet"


def _satisfied(policy: Policy, attempt: Attempt) -> bool:
    if policy.grant_controls is None:
        return True
    wanted = list(policy.grant_controls.built_in_controls or ())
    wanted += ["authenticationStrength"] if policy.grant_controls.authentication_strength else []
    met = [control in attempt.satisfies for control in wanted]
    return not met or (all(met) if policy.grant_controls.operator == "AND" else any(met))


def _assigned(user: User, app: str, tenant: Tenant) -> bool:
    """Whether the user is assigned to the application; nested groups do not count."""
    try:
        application: ServicePrincipal = tenant.application(app)
    except LookupError:
        return True
    if not application.app_role_assignment_required:
        return True
    holders = (user.id, *tenant.groups_of(user.id))
    return any(
        one.resource_id == application.id for holder in holders for one in tenant.assignments.get(holder, ())
    )


def _session(user: User, issued_at: datetime | None) -> Session | None:
    if issued_at is None:
        return None
    if user.external:
        # It began in the guest's home tenant, beyond the reach of this one.
        return Session(alive=True, reason="home_tenant")
    if not user.account_enabled:
        return Session(alive=False, reason="account_disabled")
    if issued_at < user.sign_in_sessions_valid_from_date_time:
        return Session(alive=False, reason="revoked")
    return Session(alive=True, reason="valid")


def _dead(attempt: Attempt, reason: str) -> Session | None:
    return Session(alive=False, reason=reason) if attempt.session_issued_at else None
