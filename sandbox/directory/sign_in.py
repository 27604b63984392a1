"""Whether a person could sign in now, and whether an existing session is still valid."""

from datetime import datetime

from msgspec import Struct, field

from sandbox.directory.conditional_access import Reason, SignIn, why_not
from sandbox.directory.entra_apps import BASIC_SCOPES
from sandbox.directory.objects import ServicePrincipal, User
from sandbox.directory.policy_types import Policy, PolicyState, understood
from sandbox.directory.tenant import Tenant

# The grant controls that a person can satisfy, unless the attempt says otherwise.
EVERYTHING = (
    *("mfa", "authenticationStrength", "compliantDevice", "domainJoinedDevice", "approvedApplication"),
    *("compliantApplication", "passwordChange", "termsOfUse"),
)
_DEVICE_CONTROLS = frozenset({"compliantDevice", "domainJoinedDevice"})
# The platform of a device that does not say what it is: only `all` includes it.
_UNKNOWN = "unknown"


class Attempt(Struct, kw_only=True, forbid_unknown_fields=True):
    """Somebody tries to sign in.

    Attributes:
        user: Object ID or user principal name.
        app: App ID.
        scopes: What is asked for; empty for more than basic scopes.
        device: The device's properties (`isCompliant`, …); empty for one that is not registered.
        locations: The named locations that they come from.
        satisfies: The controls that they can satisfy.
    """

    user: str
    app: str
    scopes: list[str] = field(default_factory=list)
    device: dict[str, str | bool] = field(default_factory=dict)
    locations: list[str] = field(default_factory=list)
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
    met = [_judge(understood(one), attempt, user, tenant) for one in tenant.policies.values()]
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


def attributes_of_apps(tenant: Tenant) -> dict[str, dict[str, str]]:
    """Return the custom security attributes of applications, by app ID."""
    return {app.app_id.lower(): app.attributes for app in tenant.each(ServicePrincipal) if app.attributes}


def _judge(policy: Policy, attempt: Attempt, user: User, tenant: Tenant) -> Met:
    scopes = {scope.lower() for scope in attempt.scopes}
    reason = why_not(
        policy,
        SignIn(
            user_id=user.id,
            groups=frozenset(tenant.all_groups_of(user.id)),
            roles=frozenset(user.directory_roles),
            guest=user.guest_kind,
            home_tenant_id=user.home_tenant_id,
            applications=frozenset({attempt.app}),
            client_app=attempt.client_app_type,
            platform=attempt.device_platform or _UNKNOWN,
            basic=bool(scopes) and scopes <= BASIC_SCOPES,
            app_attributes=attributes_of_apps(tenant),
            device=attempt.device,
            locations=frozenset(attempt.locations),
            sign_in_risk="none",
            user_risk="none",
            insider_risk="none",
            authentication_flow="none",
        ),
    )
    return Met(
        id=policy.id,
        display_name=policy.display_name,
        state=policy.state.value,
        result=_result(policy, reason, _able(attempt, user, tenant), user),
        reason=reason.value,
    )


def _able(attempt: Attempt, user: User, tenant: Tenant) -> set[str]:
    """Return the controls that the person can satisfy; guests' devices count only where they are trusted."""
    untrusted = user.external and not tenant.trusts_guest_devices
    return set(attempt.satisfies) - (_DEVICE_CONTROLS if untrusted else frozenset())


def _result(policy: Policy, reason: Reason, able: set[str], user: User) -> str:
    if reason is not Reason.NOT_SET:
        return "not_applied"
    if policy.state is PolicyState.REPORT_ONLY:
        return "report_only"
    if policy.blocks:
        return "blocked"
    return "granted" if _satisfied(policy, able, user) else "unmet"


def _satisfied(policy: Policy, able: set[str], user: User) -> bool:
    grant = policy.grant_controls
    if grant is None:
        return True
    wanted = [*(grant.built_in_controls or ()), *(grant.custom_authentication_factors or ())]
    wanted += ["termsOfUse"] if grant.terms_of_use else []
    # A strength reaches only those who sign in with Entra.
    reached = user.identity_provider == "entra"
    wanted += ["authenticationStrength"] if grant.authentication_strength and reached else []
    met = [control in able for control in wanted]
    return not met or (all(met) if grant.operator == "AND" else any(met))


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
