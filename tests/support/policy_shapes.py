"""Shapes of policies as tenants really have them, reduced and renamed, and what each is.

Block policies of public baselines: break-glass groups are excluded, exports carry annotations and empty
objects, and some conditions exist in beta only.
"""

from __future__ import annotations

from dataclasses import dataclass

from enforcer.core.policy import Json

GLASS_GROUP = "44444444-0000-0000-0000-000000000001"
SYNC_ROLE = "d29b2b05-8046-44ba-8758-1e26182fcf32"
MANAGEMENT = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
GUEST_APPS = ("2793995e-0a7d-40d7-bd35-6968ba142197", "00000002-0000-0000-c000-000000000000", "Office365")
EVERY_KIND = (
    "internalGuest,b2bCollaborationGuest,b2bCollaborationMember,b2bDirectConnectUser,otherExternalUser"
    ",serviceProvider"
)
EVERYWHERE = ("browser", "mobileAppsAndDesktopClients", "exchangeActiveSync", "other")


@dataclass(frozen=True, slots=True)
class Shape:
    """A policy and the truth about it.

    Attributes:
        covers: Of a guest and a member who have left, those whom it surely blocks everywhere.
        meets: Whether Entra would apply it to a guest's sign-in to SharePoint with a browser on Windows,
            from nowhere in particular; None where the sandbox has to refuse.
        askable: Whether the guard can ask Entra about it.
    """

    conditions: Json
    controls: tuple[str, ...] = ("block",)
    covers: str = ""
    meets: bool | None = False
    askable: bool = True


def _conditions(users: Json | None = None, apps: Json | None = None, **more: object) -> Json:
    everybody = {"includeUsers": ["All"], "excludeGroups": [GLASS_GROUP]}
    every_app = {"includeApplications": ["All"], "excludeApplications": []}
    given = {"users": users or everybody, "applications": apps or every_app, "clientAppTypes": ["all"]}
    return given | more


def _apps(*included: str, **more: object) -> Json:
    return {"includeApplications": list(included), **more}


GUESTS = {
    "includeUsers": [],
    "excludeGroups": [GLASS_GROUP],
    "includeGuestsOrExternalUsers": {
        "@odata.type": "#microsoft.graph.conditionalAccessGuestsOrExternalUsers",
        "guestOrExternalUserTypes": EVERY_KIND,
        "externalTenants": {"membershipKind": "all"},
    },
}
_NOBODY = {"includeUsers": ["None"]}
_OUTSIDE = {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}
_KNOWN = ["android", "iOS", "windows", "macOS"]

SHAPES = {
    "everybody": Shape(_conditions(), covers="guest member", meets=True),
    "all client types by name": Shape(
        _conditions(clientAppTypes=list(EVERYWHERE)), covers="guest member", meets=True
    ),
    "any platform, any place": Shape(
        _conditions(
            platforms={"includePlatforms": ["all"], "excludePlatforms": []},
            locations={"includeLocations": ["All"]},
        ),
        covers="guest member",
        meets=True,
    ),
    "annotated export": Shape(
        _conditions(
            GUESTS,
            **{  # type: ignore[arg-type]
                "@odata.type": "#microsoft.graph.conditionalAccessConditionSet",
                "clientAppTypes@odata.type": "#Collection(x)",
                "devices": {"includeDevices": [], "excludeDevices": []},
                "locations": [],
                "times": None,
                "deviceStates": None,
            },
        ),
        covers="guest",
        meets=True,
    ),
    "modern clients only": Shape(
        _conditions(clientAppTypes=["browser", "mobileAppsAndDesktopClients"]), meets=True
    ),
    "legacy clients only": Shape(_conditions(clientAppTypes=["exchangeActiveSync", "other"])),
    "untrusted places": Shape(_conditions(locations=_OUTSIDE), meets=True),
    "unknown platforms": Shape(
        _conditions(platforms={"includePlatforms": ["all"], "excludePlatforms": _KNOWN})
    ),
    "sync roles excluded": Shape(
        _conditions({"includeUsers": ["All"], "excludeRoles": [SYNC_ROLE]}), meets=True
    ),
    "members only": Shape(
        _conditions({"includeUsers": ["All"], "excludeUsers": ["GuestsOrExternalUsers"]}), covers="member"
    ),
    "administrators only": Shape(_conditions({"includeRoles": [SYNC_ROLE]})),
    "guests but for some apps": Shape(_conditions(GUESTS, _apps("All", excludeApplications=[*GUEST_APPS]))),
    "admin portals": Shape(_conditions(apps=_apps("MicrosoftAdminPortals", MANAGEMENT))),
    "office": Shape(_conditions(apps=_apps("Office365")), meets=True),
    "no app": Shape(_conditions(apps=_apps("None")), askable=False),
    "registration": Shape(
        _conditions(apps={"includeUserActions": ["urn:user:registersecurityinfo"]}), askable=False
    ),
    "authentication context": Shape(
        _conditions(apps={"includeAuthenticationContextClassReferences": ["c1"]}), askable=False
    ),
    "traffic profile": Shape(
        _conditions(apps={"globalSecureAccess": {"includeTrafficProfiles": "internet"}}),
        meets=None,
        askable=False,
    ),
    "sign-in risk": Shape(_conditions(signInRiskLevels=["high"])),
    "insider risk": Shape(_conditions(insiderRiskLevels="elevated")),
    "device code": Shape(_conditions(authenticationFlows={"transferMethods": "deviceCodeFlow"})),
    "unmanaged devices": Shape(
        _conditions(devices={"deviceFilter": {"mode": "exclude", "rule": "device.isCompliant -eq True"}}),
        meets=True,
    ),
    "workloads": Shape(
        _conditions(_NOBODY, clientApplications={"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]})
    ),
    "agents": Shape(
        _conditions(
            _NOBODY,
            _apps("AllAgentIdResources"),
            agents={"includeAgentUsers": ["All"]},
            agentIdRiskLevels="medium,high",
        ),
        askable=False,
    ),
    "hours": Shape(_conditions(times={"includedRanges": ["night"]}), meets=None),
    "mfa of everybody": Shape(_conditions(), controls=("mfa",), meets=True),
}
