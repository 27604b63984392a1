"""Whom a policy blocks once they have left: covered, not covered, or not known."""

from __future__ import annotations

import pytest

from enforcer.core.coverage import Coverage, GroupPeople, coverage_of, guest_kinds, would_block
from enforcer.core.members import DirectoryUser
from enforcer.core.policy import Policy, read_policy
from enforcer.core.user_kind import UserKind
from tests.support.policy_examples import (
    BREAK_GLASS,
    GROUP,
    OTHER,
    POPULATION,
    changed,
    handmade,
    in_tenant,
    shipped,
)

BLOCK = in_tenant(shipped()["no-group-no-access"])
NOBODY: dict[str, object] = {"includeGroups": [], "includeGuestsOrExternalUsers": None}
ID = "33333333-0000-0000-0000-000000000001"
MEMBER = DirectoryUser(id=ID, user_kind=UserKind.MEMBER, user_type="Member")
GUEST = DirectoryUser(id=ID, user_kind=UserKind.EXTERNAL, user_type="Guest")
EXTERNAL_MEMBER = DirectoryUser(id=ID, user_kind=UserKind.EXTERNAL, user_type="Member")
INTERNAL = DirectoryUser(id=ID, user_kind=UserKind.INTERNAL_GUEST, user_type="Guest")
UNTYPED = DirectoryUser(id=ID, user_kind=UserKind.EXTERNAL)
UNKNOWN = DirectoryUser(id=ID, user_kind=UserKind.UNKNOWN)
EVERY_EXTERNAL = "b2bCollaborationGuest,b2bCollaborationMember,otherExternalUser"
IN = GroupPeople(people=frozenset({ID}))
CIRCULAR = GroupPeople(circular=frozenset({ID}))
UNREAD = GroupPeople(unknown="it hides its members")
COVERED, NOT_COVERED, NOT_KNOWN = Coverage.COVERED, Coverage.NOT_COVERED, Coverage.NOT_KNOWN


def guests(kinds: str, *tenants: str) -> dict[str, object]:
    only = (
        {"membershipKind": "enumerated", "members": list(tenants)} if tenants else {"membershipKind": "all"}
    )
    return {"guestOrExternalUserTypes": kinds, "externalTenants": only}


def verdict(person: DirectoryUser, group: GroupPeople | None, users: dict[str, object]) -> Coverage:
    """Return whether the block policy with these users blocks the person, who may be in both groups."""
    facts = {POPULATION: group, OTHER: group} if group else {POPULATION: GroupPeople(), OTHER: GroupPeople()}
    return would_block(handmade(changed(BLOCK, **users)), person, facts).coverage


@pytest.mark.parametrize(
    ("person", "kinds"),
    [
        (MEMBER, set()),
        (GUEST, {"b2bCollaborationGuest"}),
        (EXTERNAL_MEMBER, {"b2bCollaborationMember"}),
        (UNTYPED, {"b2bCollaborationGuest", "b2bCollaborationMember", "otherExternalUser"}),
        (INTERNAL, {"internalGuest"}),
        (UNKNOWN, None),
    ],
)
def test_the_kind_of_guest_follows_from_type_and_name(person: DirectoryUser, kinds: set[str] | None) -> None:
    assert guest_kinds(person) == kinds


@pytest.mark.parametrize(
    ("person", "users", "expected"),
    [
        (MEMBER, {"includeUsers": ["All"]}, COVERED),
        (MEMBER, {"includeUsers": [ID.upper()]}, COVERED),
        (MEMBER, {}, NOT_COVERED),
        (MEMBER, {"includeUsers": ["GuestsOrExternalUsers"]}, NOT_COVERED),
        (MEMBER, {"includeRoles": [OTHER]}, NOT_KNOWN),
        (GUEST, {"includeUsers": ["GuestsOrExternalUsers"]}, COVERED),
        (INTERNAL, {"includeUsers": ["GuestsOrExternalUsers"]}, COVERED),
        (UNKNOWN, {"includeUsers": ["GuestsOrExternalUsers"]}, NOT_KNOWN),
        (GUEST, {"includeGuestsOrExternalUsers": guests("b2bCollaborationGuest")}, COVERED),
        (GUEST, {"includeGuestsOrExternalUsers": guests("b2bCollaborationMember")}, NOT_COVERED),
        (GUEST, {"includeGuestsOrExternalUsers": guests("serviceProvider")}, NOT_COVERED),
        (GUEST, {"includeGuestsOrExternalUsers": guests("b2bDirectConnectUser")}, NOT_COVERED),
        (GUEST, {"includeGuestsOrExternalUsers": guests("internalGuest")}, NOT_COVERED),
        (GUEST, {"includeGuestsOrExternalUsers": guests("b2bCollaborationGuest", OTHER)}, NOT_KNOWN),
        (INTERNAL, {"includeGuestsOrExternalUsers": guests("b2bCollaborationGuest")}, NOT_COVERED),
        (INTERNAL, {"includeGuestsOrExternalUsers": guests("internalGuest", OTHER)}, COVERED),
        (UNKNOWN, {"includeGuestsOrExternalUsers": guests("b2bCollaborationGuest")}, NOT_KNOWN),
        (EXTERNAL_MEMBER, {"includeGuestsOrExternalUsers": guests("b2bCollaborationMember")}, COVERED),
        (UNTYPED, {"includeGuestsOrExternalUsers": guests("otherExternalUser")}, NOT_KNOWN),
        (UNTYPED, {"includeGuestsOrExternalUsers": guests(EVERY_EXTERNAL)}, COVERED),
        (GUEST, {"includeGuestsOrExternalUsers": guests("otherExternalUser")}, NOT_COVERED),
        (MEMBER, {"includeGuestsOrExternalUsers": guests("otherExternalUser")}, NOT_COVERED),
    ],
)
def test_whom_a_policy_includes(person: DirectoryUser, users: dict[str, object], expected: Coverage) -> None:
    assert verdict(person, None, NOBODY | users) is expected


@pytest.mark.parametrize(
    ("group", "expected"),
    [(IN, COVERED), (GroupPeople(), NOT_COVERED), (CIRCULAR, NOT_COVERED), (UNREAD, NOT_KNOWN)],
)
def test_a_population_counts_apart_from_the_managed_group(group: GroupPeople, expected: Coverage) -> None:
    assert verdict(MEMBER, group, NOBODY | {"includeGroups": [POPULATION.upper()]}) is expected


@pytest.mark.parametrize(
    ("person", "group", "users", "expected"),
    [
        (MEMBER, GroupPeople(), {"excludeUsers": [ID]}, NOT_COVERED),
        (MEMBER, IN, {"excludeGroups": [GROUP, OTHER]}, NOT_COVERED),
        (MEMBER, GroupPeople(), {"excludeGroups": [GROUP, OTHER]}, COVERED),
        (MEMBER, CIRCULAR, {"excludeGroups": [OTHER]}, COVERED),
        (MEMBER, UNREAD, {"excludeGroups": [GROUP, OTHER]}, NOT_KNOWN),
        (MEMBER, GroupPeople(), {"excludeRoles": [OTHER]}, NOT_KNOWN),
        (GUEST, GroupPeople(), {"excludeUsers": [*BREAK_GLASS, "GuestsOrExternalUsers"]}, NOT_COVERED),
        (
            GUEST,
            GroupPeople(),
            {"excludeGuestsOrExternalUsers": guests("b2bCollaborationGuest")},
            NOT_COVERED,
        ),
        (
            GUEST,
            GroupPeople(),
            {"excludeGuestsOrExternalUsers": guests("b2bCollaborationGuest", OTHER)},
            NOT_KNOWN,
        ),
        (MEMBER, GroupPeople(), {"excludeGuestsOrExternalUsers": guests("b2bCollaborationGuest")}, COVERED),
    ],
)
def test_exclusion_beats_inclusion(
    person: DirectoryUser, group: GroupPeople, users: dict[str, object], expected: Coverage
) -> None:
    assert verdict(person, group, NOBODY | {"includeUsers": ["All"]} | users) is expected


def with_conditions(**conditions: object) -> Policy:
    body = handmade(changed(BLOCK, **NOBODY, includeUsers=["All"])).body
    return read_policy(body | {"conditions": body["conditions"] | conditions})


FOUR = ["browser", "mobileAppsAndDesktopClients", "exchangeActiveSync", "other"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"clientAppTypes": FOUR}, COVERED),
        ({"clientAppTypes": FOUR[:2]}, NOT_COVERED),
        ({"platforms": {"includePlatforms": ["all"], "excludePlatforms": []}}, COVERED),
        ({"platforms": {"includePlatforms": ["all"], "excludePlatforms": ["iOS"]}}, NOT_COVERED),
        ({"locations": {"includeLocations": ["All"]}}, COVERED),
        ({"locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}}, NOT_COVERED),
        ({"locations": []}, COVERED),
        ({"devices": {"includeDevices": [], "excludeDevices": []}}, COVERED),
        (
            {"devices": {"deviceFilter": {"mode": "exclude", "rule": "device.x -eq 1"}}},
            NOT_COVERED,
        ),
        ({"agentIdRiskLevels": "high"}, NOT_COVERED),
        ({"insiderRiskLevels": "elevated"}, NOT_COVERED),
        ({"authenticationFlows": {"transferMethods": "deviceCodeFlow"}}, NOT_COVERED),
        ({"times": {"includedRanges": ["night"]}}, NOT_COVERED),
        ({"applications": {"includeUserActions": ["urn:user:registersecurityinfo"]}}, NOT_COVERED),
        ({"applications": {"includeApplications": ["All"], "excludeApplications": [OTHER]}}, NOT_COVERED),
    ],
)
def test_conditions_narrow_a_policy_unless_they_name_everything(
    conditions: dict[str, object], expected: Coverage
) -> None:
    assert would_block(with_conditions(**conditions), MEMBER, {}).coverage is expected


def test_one_policy_that_blocks_is_enough_otherwise_all_reasons_are_told() -> None:
    off = read_policy(handmade(BLOCK, "Off").body | {"state": "disabled"})
    roles = handmade(changed(BLOCK, **NOBODY, includeRoles=[OTHER]), "Roles")
    everybody = with_conditions()
    assert coverage_of([off, roles, everybody], MEMBER, {}).coverage is COVERED
    assert "Roles may not apply" in coverage_of([off, roles], MEMBER, {}).why
    assert "Off is not enabled" in coverage_of([off], MEMBER, {}).why
    assert coverage_of([], MEMBER, {}).why == "no policy blocks everything"
