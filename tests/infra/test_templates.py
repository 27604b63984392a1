"""The compiled templates and what they deploy: closed to strangers, without keys, with everything logged."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.bicep import INFRA, text_of
from tests.support.deployment import (
    DEPLOYED,
    Deployment,
    Json,
    deployment,
    description,
    is_expression,
    scope_of,
    template,
)
from tools.compiled import TEMPLATES

# No stable version of these knows the categories of storage.
ONLY_IN_PREVIEW = {"Microsoft.Insights/diagnosticSettings"}
all_templates = pytest.mark.parametrize("name", TEMPLATES)
all_deployments = pytest.mark.parametrize("deployed", [deployment(name) for name in DEPLOYED], ids=DEPLOYED)


def nodes(node: object) -> Iterator[Json]:
    """Yield every object in a template, however deep."""
    match node:
        case dict():
            yield node
            for value in node.values():
                yield from nodes(value)
        case list():
            for value in node:
                yield from nodes(value)


def test_every_module_is_used() -> None:
    text = text_of(INFRA / "main.bicep")
    used = set(re.findall(r"'modules/([\w-]+)\.bicep'", text))
    assert used == {path.stem for path in (INFRA / "modules").glob("*.bicep")}


@all_templates
def test_only_stable_api_versions_are_used(name: str) -> None:
    found = [
        (node["type"], node["apiVersion"])
        for node in nodes(template(name))
        if "apiVersion" in node and node.get("type") not in ONLY_IN_PREVIEW
    ]
    assert found
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", version) for _, version in found), found


@all_templates
def test_no_key_and_no_connection_string_is_read(name: str) -> None:
    text = json.dumps(template(name))
    assert not re.search(r"listKeys|listAccountSas|AccountKey|SharedAccessKey|listSecrets", text)


@all_templates
def test_every_parameter_of_an_entry_point_is_described(name: str) -> None:
    parameters = template(name)["parameters"]
    assert not {key for key, parameter in parameters.items() if not description(parameter)}


@all_templates
def test_no_output_carries_a_secret(name: str) -> None:
    """Outputs stay in the deployment's history, readable to every Reader of the resource group."""
    compiled = template(name)
    secret = {key for key, one in compiled["parameters"].items() if str(one.get("type")).startswith("secure")}
    assert secret or name == "identity"
    outputs = json.dumps(compiled["outputs"])
    assert not {key for key in secret if f"parameters('{key}')" in outputs}
    assert not re.search(r"(?i)connectionString|instrumentationKey|secret", outputs)


@all_deployments
def test_secrets_stay_expressions_until_they_are_deployed(deployed: Deployment) -> None:
    settings = deployed.app_settings
    assert is_expression(settings["ENFORCER_NOTIFY_URLS"])
    assert is_expression(settings["APPLICATIONINSIGHTS_CONNECTION_STRING"])


@all_deployments
def test_storage_takes_no_key_and_nothing_is_public(deployed: Deployment) -> None:
    account = deployed.the("Microsoft.Storage/storageAccounts")["properties"]
    assert account["allowSharedKeyAccess"] is False
    assert account["defaultToOAuthAuthentication"] is True
    assert account["allowBlobPublicAccess"] is False
    assert account["allowCrossTenantReplication"] is False
    containers = deployed.of("Microsoft.Storage/storageAccounts/blobServices/containers")
    assert {container["properties"]["publicAccess"] for container in containers} == {"None"}


@all_deployments
def test_every_service_requires_the_newest_tls_that_it_offers(deployed: Deployment) -> None:
    """Storage speaks TLS 1.3, but its least version cannot be set above 1.2 yet."""
    account = deployed.the("Microsoft.Storage/storageAccounts")["properties"]
    assert (account["minimumTlsVersion"], account["supportsHttpsTrafficOnly"]) == ("TLS1_2", True)
    web = deployed.site["siteConfig"]
    assert (web["minTlsVersion"], web["scmMinTlsVersion"], deployed.site["httpsOnly"]) == ("1.3", "1.3", True)


@all_deployments
def test_nobody_reaches_the_host_or_deploys_past_entra(deployed: Deployment) -> None:
    assert deployed.site["functionsRuntimeAdminIsolationEnabled"] is True
    policies = deployed.of("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert {one["name"].rpartition("/")[2]: one["properties"]["allow"] for one in policies} == {
        "ftp": False,
        "scm": False,
    }


@all_deployments
def test_telemetry_is_taken_from_entra_identities_only(deployed: Deployment) -> None:
    assert deployed.the("Microsoft.Insights/components")["properties"]["DisableLocalAuth"] is True
    workspace = deployed.the("Microsoft.OperationalInsights/workspaces")["properties"]
    assert workspace["features"]["disableLocalAuth"] is True


@all_deployments
def test_every_access_to_storage_is_logged_in_the_workspace(deployed: Deployment) -> None:
    (workspace,) = deployed.of("Microsoft.OperationalInsights/workspaces")
    logged = {}
    for setting in deployed.of("Microsoft.Insights/diagnosticSettings"):
        assert setting["properties"]["workspaceId"] == workspace["id"]
        logs = setting["properties"]["logs"]
        kind = scope_of(setting).split("/")[-2]
        logged[kind] = {log["category"] for log in logs if log["enabled"]}
    categories = {"StorageRead", "StorageWrite", "StorageDelete"}
    assert logged == dict.fromkeys(("tableServices", "queueServices", "blobServices"), categories)


@all_deployments
def test_old_versions_of_blobs_are_kept_but_the_hosts_not_for_ever(deployed: Deployment) -> None:
    blobs = deployed.the("Microsoft.Storage/storageAccounts/blobServices")["properties"]
    assert blobs["isVersioningEnabled"] is True
    (policy,) = deployed.of("Microsoft.Storage/storageAccounts/managementPolicies")
    (rule,) = policy["properties"]["policy"]["rules"]
    assert not any("reports".startswith(prefix) for prefix in rule["definition"]["filters"]["prefixMatch"])


@pytest.mark.parametrize(("name", "days"), [("default", 400), ("everything", 3650)])
def test_reports_can_be_neither_changed_nor_deleted_for_a_time(name: str, days: int) -> None:
    (policy,) = deployment(name).of(
        "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies"
    )
    assert "/reports/" in policy["name"]
    assert policy["properties"] == {"immutabilityPeriodSinceCreationInDays": days}


@pytest.mark.parametrize(
    ("name", "action", "ranges"),
    [("default", "Allow", set[str]()), ("everything", "Deny", {"198.51.100.0/24"})],
)
def test_code_is_deployed_from_where_the_api_may_be_called(name: str, action: str, ranges: set[str]) -> None:
    web = deployment(name).site["siteConfig"]
    assert web["ipSecurityRestrictionsDefaultAction"] == action
    assert {one["ipAddress"] for one in web["ipSecurityRestrictions"]} == ranges
    assert web["scmIpSecurityRestrictionsUseMain"] is True
    assert web["scmIpSecurityRestrictionsDefaultAction"] == action


def test_in_a_private_network_storage_is_reached_by_endpoints_only() -> None:
    deployed = deployment("private_network")
    account = deployed.the("Microsoft.Storage/storageAccounts")["properties"]
    assert (account["publicNetworkAccess"], account["networkAcls"]["defaultAction"]) == ("Disabled", "Deny")
    endpoints = deployed.of("Microsoft.Network/privateEndpoints")
    reached = {
        one["properties"]["privateLinkServiceConnections"][0]["properties"]["groupIds"][0]
        for one in endpoints
    }
    assert reached == {"blob", "queue", "table"}
    assert deployed.site["virtualNetworkSubnetId"].endswith("/subnets/app")


@all_deployments
def test_the_api_gate_leaves_out_only_the_health_route(deployed: Deployment) -> None:
    (gate,) = [
        one for one in deployed.of("Microsoft.Web/sites/config") if one["name"].endswith("authsettingsV2")
    ]
    assert gate["properties"]["globalValidation"]["excludedPaths"] == ["/api/health"]
    assert gate["properties"]["platform"]["enabled"] == bool(deployed.app_settings["ENFORCER_API_AUDIENCE"])
