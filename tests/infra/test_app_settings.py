"""The settings in the Bicep are those of the code and the documentation."""

import re
from collections.abc import Iterator

import pytest

from enforcer.core.calendar.midnight import Midnight
from enforcer.core.settings import Disable, Mode, Onboarding, Settings, Unregistered, load_settings
from tests.support.bicep import ROOT
from tests.support.deployment import (
    DEPLOYED,
    Json,
    deployment,
    description,
    is_expression,
    required,
    template,
)

PARAMETERS: dict[str, Json] = template("main")["parameters"]
SET = set(deployment("everything").app_settings)
# Settings that may contain secrets, by the parameter of the module that takes them.
SECRET = {"ENFORCER_NOTIFY_URLS": "notifyUrls", "ENFORCER_HEARTBEAT_URLS": "heartbeatUrls"}
# Defaults that only Azure knows.
DYNAMIC = {"tenantId": "this tenant", "authorityUrl": "this cloud's"}
# What only the command line reads: where the app is, for which it needs no setting of its own.
COMMAND_LINE = {"ENFORCER_API_URL"}
GROUP = "11111111-2222-3333-4444-555555555555"
# As the template renders it: Azure's endpoints end with a slash.
TABLES = {"EnforcerStorage__tableServiceUri": "https://st1.table.core.windows.net/"}
REQUIRED = {"ENFORCER_GROUP_IDS": GROUP, "ENFORCER_MODE": "enforce"} | TABLES


class Listener(dict[str, str]):
    """An environment that records which variables are read."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: object = None) -> str:
        self.asked.add(key)
        return super().get(key, str(default or ""))

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)


def names_in_the_code(prefix: str) -> set[str]:
    listener = Listener(REQUIRED)
    load_settings(listener)
    return {name for name in listener.asked if name.startswith(prefix)}


def settings_of_the_code() -> set[str]:
    return names_in_the_code("ENFORCER_") - COMMAND_LINE


def settings_of_the_bicep() -> dict[str, str]:
    """Return the expression of each setting."""
    given = template("main")["resources"]["app"]["properties"]["parameters"]
    secret = {key: given[name]["value"] for key, name in SECRET.items()}
    return {**given["enforcerSettings"]["value"], **secret}


def parameters_of_settings() -> Iterator[tuple[str, str, Json]]:
    """Yield setting, name and definition of each parameter that is a setting."""
    for name, parameter in PARAMETERS.items():
        found = re.match(r"ENFORCER_\w+", description(parameter))
        if found:
            yield found[0], name, parameter


def test_the_bicep_sets_what_the_code_reads_and_nothing_else() -> None:
    assert set(settings_of_the_bicep()) == settings_of_the_code()


def test_each_setting_has_one_parameter_of_the_same_name() -> None:
    named = {setting: name for setting, name, _ in parameters_of_settings()}
    assert set(named) == settings_of_the_code()
    for setting, name in named.items():
        words = setting.removeprefix("ENFORCER_").lower().split("_")
        assert name == words[0] + "".join(word.capitalize() for word in words[1:])


def test_each_setting_is_set_from_its_own_parameter() -> None:
    named = {setting: name for setting, name, _ in parameters_of_settings()}
    for setting, expression in settings_of_the_bicep().items():
        assert f"parameters('{named[setting]}')" in expression, setting


@pytest.mark.parametrize("name", DEPLOYED)
def test_a_deployment_sets_what_the_code_reads_and_nothing_else(name: str) -> None:
    given = {setting for setting in deployment(name).app_settings if setting.startswith("ENFORCER_")}
    assert given == settings_of_the_code()


def test_the_defaults_are_those_of_the_code() -> None:
    given = {key: value for key, value in deployment("default").app_settings.items() if "ENFORCER" in key}
    plain = {key: value for key, value in given.items() if not is_expression(value)}
    assert given.keys() - plain.keys() == SECRET.keys() | {"ENFORCER_AUTHORITY_URL"}
    chosen = ("ENFORCER_GROUP_IDS", "ENFORCER_MODE", "ENFORCER_TENANT_ID")
    by_default = load_settings(TABLES | plain)
    assert by_default == load_settings(TABLES | {name: plain[name] for name in chosen})


def test_what_is_chosen_is_what_the_code_reads() -> None:
    given = deployment("everything").app_settings
    chosen = load_settings(TABLES | {key: value for key, value in given.items() if not is_expression(value)})
    assert (chosen.mode, chosen.midnight, chosen.disable_accounts) == (
        Mode.ENFORCE,
        Midnight.DAY,
        Disable.GUESTS,
    )
    assert len(chosen.group_ids) == 2
    assert chosen.warn_days == (30, 7)


def test_the_mode_has_to_be_chosen() -> None:
    assert required(PARAMETERS["mode"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mode", Mode),
        ("midnight", Midnight),
        ("disableAccounts", Disable),
        ("unregistered", Unregistered),
        ("onboard", Onboarding),
    ],
)
def test_a_choice_allows_what_the_code_allows(
    name: str, kind: type[Mode | Midnight | Disable | Unregistered | Onboarding]
) -> None:
    assert set(PARAMETERS[name]["allowedValues"]) == {member.value for member in kind}


@pytest.mark.parametrize(
    ("name", "setting"),
    [("leaseSeconds", "ENFORCER_LEASE_SECONDS"), ("brakePercent", "ENFORCER_BRAKE_PERCENT")],
)
def test_the_bounds_are_accepted_by_the_code(name: str, setting: str) -> None:
    for bound in ("minValue", "maxValue"):
        value = str(PARAMETERS[name][bound])
        assert isinstance(load_settings(REQUIRED | {setting: value}), Settings)


@pytest.mark.parametrize("connection", ["AzureWebJobsStorage", "EnforcerStorage"])
def test_a_connection_has_endpoints_credential_and_client_id(connection: str) -> None:
    """With a user-assigned identity the Functions host needs them all, or answers 401, 403 or 500."""
    names = {name for name in SET if name.startswith(connection)}
    assert names == {
        f"{connection}__blobServiceUri",
        f"{connection}__queueServiceUri",
        f"{connection}__tableServiceUri",
        f"{connection}__credential",
        f"{connection}__clientId",
    }


def test_the_code_reads_the_connection_by_names_that_are_set() -> None:
    read = names_in_the_code("EnforcerStorage") - {"EnforcerStorage"}
    assert read
    assert read <= SET


def test_nothing_is_set_that_flex_consumption_refuses() -> None:
    """Source: the considerations of the Flex Consumption plan."""
    refused = {
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_RUNTIME",
        "WEBSITE_RUN_FROM_PACKAGE",
        "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "ENABLE_ORYX_BUILD",
        "WEBSITE_TIME_ZONE",
        "TZ",
        "linuxFxVersion",
    }
    assert not {name for name in refused if name in SET | set(deployment("everything").site["siteConfig"])}


def test_the_app_runs_the_python_of_the_project() -> None:
    version = (ROOT / ".python-version").read_text().strip()
    runtime = deployment("default").site["functionAppConfig"]["runtime"]
    assert runtime == {"name": "python", "version": version}


def test_the_instrumentations_of_the_libraries_are_all_off() -> None:
    """They would record whole URLs: people's addresses and webhooks' secrets."""
    from azure.monitor.opentelemetry import _constants as distribution

    disabled = deployment("default").app_settings["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"]
    assert set(disabled.split(",")) == set(distribution._ALL_SUPPORTED_INSTRUMENTED_LIBRARIES)


def default_in_words(name: str, parameter: Json) -> str:
    if name in DYNAMIC:
        return DYNAMIC[name]
    if required(parameter):
        return "required"
    value = parameter["defaultValue"]
    return str(value).strip("'") if value != "" else "empty"


def test_the_deployment_guide_lists_each_parameter_and_its_default() -> None:
    guide = (ROOT / "docs/deploy.md").read_text()
    for setting, name, parameter in parameters_of_settings():
        row = f"| `{name}` | `{setting}` | "
        assert row in guide, name
        default = guide.split(row, 1)[1].split("|", 1)[0].replace("`", "").strip()
        assert default == default_in_words(name, parameter), name


def test_the_deployment_guide_names_every_other_parameter() -> None:
    guide = (ROOT / "docs/deploy.md").read_text()
    of_settings = {name for _, name, _ in parameters_of_settings()}
    for name in PARAMETERS.keys() - of_settings:
        assert f"`{name}`" in guide, name
