"""Plan the changes that make the tenant's policies match the files; never touches others' policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from enforcer.core.policy import DECIDING, Json, Policy, PolicyState, made_here, pruned

_TYPE = "@odata.type"
# What decides to whom a policy applies, and for which apps.
_REACH = ("conditions.users.", "conditions.applications.")
_LOOK = "check the sign-in logs, then enable it"
_WITHHELD = "not changed: the policy is enabled, so this would affect sign-ins at once; use --enable"


class PolicyAction(StrEnum):
    CREATE = "create"
    """Always in report-only state."""
    UPDATE = "update"
    """Without changing the state."""
    WITHHOLD = "withhold"
    """An update that is not made, because it would take effect at once and was not requested."""
    REPORT = "report"
    """Put it, disabled by hand, into report-only state: Entra does not evaluate disabled policies."""
    ENABLE = "enable"
    LEFT_OVER = "left_over"
    """Made here but without a file, or a copy: to be deleted by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One property's value in the tenant and in the file; None where it is absent."""

    path: str
    tenant: object
    file: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has to be done about one policy.

    Attributes:
        key: The template's name.
        wanted: The policy in the file; None for what is left over.
        current: The policy in the tenant; None before it is created.
        action: None where nothing has to be done.
        reason: Why less is done than was requested, or than the files say.
    """

    key: str
    wanted: Policy | None
    current: Policy | None
    action: PolicyAction | None
    differences: tuple[Difference, ...] = ()
    reason: str = ""

    @property
    def is_due(self) -> bool:
        """Whether the tenant still has to be changed."""
        return self.action not in (None, PolicyAction.LEFT_OVER)

    @property
    def updates_enabled(self) -> bool:
        """Whether it changes an enabled policy, and so affects the next sign-in."""
        return self.action is PolicyAction.UPDATE and self.current is not None and self.current.is_enabled


def plan_changes(wanted: Sequence[Policy], tenant: Sequence[Policy], *, enable: bool = False) -> list[Change]:
    """Compare the files with the tenant.

    Args:
        wanted: The rendered templates.
        tenant: All policies of the tenant; those that this product did not make are ignored.
        enable: Also enable policies that already match the files, and change to whom an enabled policy
            applies. What this plan creates, or changes while it is not enabled, stays off: nobody has seen
            yet what it does.
    """
    changes = [_change(policy, made_here(tenant, policy.key), enable=enable) for policy in wanted]
    return changes + list(_left_over(wanted, tenant))


def _change(wanted: Policy, found: list[Policy], *, enable: bool) -> Change:
    if not found:
        reason = f"created first; {_LOOK}" if enable else ""
        return Change(key=wanted.key, wanted=wanted, current=None, action=PolicyAction.CREATE, reason=reason)
    current = found[0]
    differences = tuple(_differences(current, wanted))
    if differences:
        action, reason = _updating(current, differences, enable=enable)
    else:
        action, reason = _stepping(current, enable=enable)
    return Change(
        key=wanted.key, wanted=wanted, current=current, action=action, differences=differences, reason=reason
    )


def _updating(
    current: Policy, differences: Sequence[Difference], *, enable: bool
) -> tuple[PolicyAction | None, str]:
    if not current.is_enabled:
        return PolicyAction.UPDATE, f"changed first; {_LOOK}" if enable else ""
    if not enable and any(difference.path.startswith(_REACH) for difference in differences):
        return PolicyAction.WITHHOLD, _WITHHELD
    return PolicyAction.UPDATE, ""


def _stepping(current: Policy, *, enable: bool) -> tuple[PolicyAction | None, str]:
    """Return what to do about the state of a policy that matches its file; people alone disable one."""
    match current.state:
        case PolicyState.ENABLED:
            return None, ""
        case PolicyState.REPORT_ONLY:
            return (PolicyAction.ENABLE if enable else None), ""
        case PolicyState.DISABLED:
            return PolicyAction.REPORT, f"reported on first; {_LOOK}" if enable else ""


def _left_over(wanted: Sequence[Policy], tenant: Sequence[Policy]) -> Iterator[Change]:
    keys = {policy.key for policy in wanted}
    for policy in tenant:
        if policy.key and (policy.key not in keys or made_here(tenant, policy.key)[0] is not policy):
            yield Change(key=policy.key, wanted=None, current=policy, action=PolicyAction.LEFT_OVER)


def _differences(current: Policy, wanted: Policy) -> Iterator[Difference]:
    if current.display_name != wanted.display_name:
        yield Difference(path="displayName", tenant=current.display_name, file=wanted.display_name)
    has, wants = _flat(_deciding(current)), _flat(_deciding(wanted))
    for path in sorted(has.keys() | wants.keys()):
        if has.get(path) != wants.get(path):
            yield Difference(path=path, tenant=has.get(path), file=wants.get(path))


def _deciding(policy: Policy) -> Json:
    return pruned({name: policy.body.get(name) for name in DECIDING})


def _flat(part: Json, prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in part.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def creation(wanted: Policy) -> Json:
    """Return the body that creates a policy, in report-only state."""
    return wanted.body | {"state": PolicyState.REPORT_ONLY.value}


def update(wanted: Policy, current: Policy) -> Json:
    """Return the body that makes the tenant's policy match the file, without changing its state.

    An update keeps what it does not name (conditionalAccessPolicy: update), so it names what was added by
    hand as empty.
    """
    body = {name: _cleared(wanted.body.get(name), current.body.get(name)) for name in DECIDING}
    return {"displayName": wanted.display_name} | body


def _cleared(wanted: object, current: object) -> object:
    if not isinstance(current, dict) or not isinstance(wanted, dict):
        return [] if wanted is None and isinstance(current, list) else wanted
    if "id" in wanted or wanted.get(_TYPE) != current.get(_TYPE):
        # Refers to another object, or is of another type, which lacks the properties to empty.
        return wanted
    names = wanted.keys() | pruned(current).keys()
    return {name: _cleared(wanted.get(name), current.get(name)) for name in sorted(names)}
