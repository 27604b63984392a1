"""The settings of the Bicep are those of the code and of the documentation."""

import re
from collections.abc import Iterator

import pytest

from enforcer.core.calendar.midnight import Midnight
from enforcer.core.settings import Disable, Mode, Onboarding, Settings, Unregistered, load_settings
from tests.support.bicep import INFRA, MAIN, ROOT, Parameter, parameters, text_of

APP = INFRA / "modules/app.bicep"
GROUP = "11111111-2222-3333-4444-555555555555"
# As the template renders it: Azure's endpoints end with a slash.
TABLES = {"EnforcerStorage__tableServiceUri": "https://st1.table.core.windows.net/"}
REQUIRED = {"ENFORCER_GROUP_IDS": GROUP} | TABLES


class Listener(dict[str, str]):
    """An environment that remembers what it was asked for."""

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
    return names_in_the_code("ENFORCER_")


def settings_of_the_bicep() -> dict[str, str]:
    """The expression of each setting."""
    block = re.search(r"(?ms)^    enforcerSettings: \{\n(.*?)^    \}", text_of(MAIN))
    assert block
    given = dict(re.findall(r"(?m)^      (ENFORCER_\w+): (.+)$", block[1]))
    return given | dict(re.findall(r"(?m)^  (ENFORCER_\w+): (.+)$", text_of(APP)))


def parameters_of_settings() -> Iterator[tuple[str, Parameter]]:
    for parameter in parameters(MAIN).values():
        found = re.match(r"ENFORCER_\w+", parameter.description)
        if found:
            yield found[0], parameter


def environment_by_default() -> dict[str, str]:
    """What the app would see where every parameter keeps its default."""
    given = {setting: _rendered(parameter.default) for setting, parameter in parameters_of_settings()}
    return given | REQUIRED | {"ENFORCER_MODE": "enforce", "ENFORCER_TENANT_ID": ""}


def _rendered(default: str | None) -> str:
    match (default or "").strip():
        case "true" | "false" as truth:
            return truth
        case text if text.startswith("["):
            return text.strip("[]").replace(" ", "")
        case text:
            return text.strip("'")


def test_the_bicep_sets_what_the_code_reads_and_nothing_else() -> None:
    assert set(settings_of_the_bicep()) == settings_of_the_code()


def test_each_setting_has_one_parameter_of_the_same_name() -> None:
    named = {setting: parameter.name for setting, parameter in parameters_of_settings()}
    assert set(named) == settings_of_the_code()
    for setting, name in named.items():
        words = setting.removeprefix("ENFORCER_").lower().split("_")
        assert name == words[0] + "".join(word.capitalize() for word in words[1:])


def test_each_setting_is_set_from_its_own_parameter() -> None:
    named = {setting: parameter.name for setting, parameter in parameters_of_settings()}
    for setting, expression in settings_of_the_bicep().items():
        assert re.search(rf"\b{named[setting]}\b", expression), setting


def test_the_defaults_are_those_of_the_code() -> None:
    by_default = load_settings(environment_by_default())
    assert by_default == load_settings(REQUIRED | {"ENFORCER_MODE": "enforce"})


def test_the_mode_has_to_be_chosen_and_the_first_deployment_only_reports() -> None:
    assert parameters(MAIN)["mode"].required
    assert "readEnvironmentVariable('ENFORCER_MODE', 'report')" in text_of(INFRA / "main.bicepparam")


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
    assert parameters(MAIN)[name].allowed == {member.value for member in kind}


@pytest.mark.parametrize(
    ("name", "setting"),
    [("leaseSeconds", "ENFORCER_LEASE_SECONDS"), ("brakePercent", "ENFORCER_BRAKE_PERCENT")],
)
def test_the_bounds_are_accepted_by_the_code(name: str, setting: str) -> None:
    parameter = parameters(MAIN)[name]
    for decorator in ("minValue", "maxValue"):
        bound = parameter.bound(decorator)
        assert bound is not None
        assert isinstance(load_settings(REQUIRED | {setting: str(bound)}), Settings)


@pytest.mark.parametrize("connection", ["AzureWebJobsStorage", "EnforcerStorage"])
def test_a_connection_has_no_plain_setting(connection: str) -> None:
    """With a user-assigned identity the Functions host wants all of them, or answers 401, 403 or 500."""
    names = set(re.findall(rf"(?m)^  ({connection}\w*):", text_of(APP)))
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
    assert read <= set(re.findall(r"(?m)^  (EnforcerStorage\w*):", text_of(APP)))


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
    assert not {name for name in refused if re.search(rf"\b{name}\b", text_of(APP))}


def test_the_app_runs_the_python_of_the_project() -> None:
    version = (ROOT / ".python-version").read_text().strip()
    assert f"version: '{version}'" in text_of(APP)


def test_the_instrumentations_of_the_libraries_are_all_off() -> None:
    """They would record whole URLs: addresses of people, and the secrets of webhooks."""
    from azure.monitor.opentelemetry import _constants as distribution

    found = re.search(r"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: '([^']*)'", text_of(APP))
    assert found
    assert set(found[1].split(",")) == set(distribution._ALL_SUPPORTED_INSTRUMENTED_LIBRARIES)


def test_the_guide_lists_each_parameter_with_setting_and_default() -> None:
    guide = (ROOT / "docs/deploy.md").read_text()
    for setting, parameter in parameters_of_settings():
        default = "required" if parameter.required else (parameter.default or "").strip("'") or "empty"
        row = f"| `{parameter.name}` | `{setting}` | "
        assert row in guide, parameter.name
        assert default in guide.split(row, 1)[1].split("|", 1)[0].replace("`", ""), parameter.name


def test_the_deployment_guide_names_every_other_parameter() -> None:
    guide = (ROOT / "docs/deploy.md").read_text()
    of_settings = {parameter.name for _, parameter in parameters_of_settings()}
    for name in parameters(MAIN).keys() - of_settings:
        assert f"`{name}`" in guide, name


@pytest.mark.parametrize("name", ["ENFORCER_GROUP_IDS", "ALERT_EMAILS"])
def test_lists_from_the_environment_may_have_spaces_and_empty_entries(name: str) -> None:
    """As in the settings: a group with a space before it would be one that no run ever names."""
    text = (INFRA / "main.bicepparam").read_text()
    split = rf"split\(readEnvironmentVariable\('{name}'(?:, '')?\), ','\)"
    assert re.search(rf"filter\(map\({split}, (\w+) => trim\(\1\)\), (\w+) => !empty\(\2\)\)", text)
