"""The tenant file: what it says, what it may not say, and that Bicep reads the same."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from enforcer.core.exceptions import InputError
from enforcer.core.settings import Mode, load_settings
from enforcer.deployment.tenant_file import (
    OWN_KEYS,
    TenantFileError,
    check,
    form,
    parsed,
    read_tenant_file,
    setting_of,
)
from tests.deployment.conftest import PROJECT, Site
from tests.support.deployment import template
from tools import tenant_template

COMPILER = PROJECT.parent / "shared/tools/bicep"


def test_the_form_has_a_key_for_each_parameter_and_no_other() -> None:
    keys = set(re.findall(r"(?m)^(\w+):", form()))
    assert keys == template("main")["parameters"].keys() | OWN_KEYS


def test_the_form_is_fresh() -> None:
    assert form() == tenant_template.render(), "run `make docs`"


def test_the_file_is_the_settings(site: Site) -> None:
    site.write()
    file = read_tenant_file("contoso").with_value("protectedIds", (site.operator.id, site.administrator.id))
    loaded = load_settings(file.environment() | {"EnforcerStorage": "UseDevelopmentStorage=true"})
    assert loaded.group_ids == (site.contractors.id,)
    assert loaded.mode is Mode.REPORT
    assert loaded.zone.key == "Europe/Berlin"
    assert loaded.protected_ids == {site.operator.id, site.administrator.id}
    assert loaded.warn_days == (14, 7, 1)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("mode", "reprot", "mode is 'reprot'; it must be enforce or report"),
        ("mode", "", "mode is not set"),
        ("timeZone", "Berlin", "timeZone is 'Berlin'; it must be an IANA time zone name"),
        ("timezone", "UTC", "timezone is not a key of tenant files; perhaps timeZone"),
        ("tenantId", "contoso.com", "tenantId is 'contoso.com'; it must be an object ID"),
        ("notifyUrls", "slack://secret", "notifyUrls is written out (not shown"),
        ("groupIds", (), "groupIds and newGroup are both empty"),
        ("operators", "Olga", "operators is not a list"),
        ("operators", ("Olga",), "operators has 'Olga'; it must be {id: OBJECT_ID"),
    ],
)
def test_what_cannot_be_is_named_with_the_file(site: Site, key: str, value: str, problem: str) -> None:
    file = site.write().with_value(key, value)
    with pytest.raises(TenantFileError) as error:
        check(file)
    assert str(error.value).startswith(f"tenants/contoso.yaml: {problem}")
    assert "secret'" not in str(error.value).replace("hold a secret", "")


def test_several_faults_are_named_at_once(site: Site) -> None:
    file = site.write().with_value("mode", "off").with_value("brakePercent", "20%")
    with pytest.raises(TenantFileError) as error:
        check(file)
    assert len(error.value.problems) == 2


def test_a_reference_to_a_key_vault_is_left_to_azure(site: Site) -> None:
    reference = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/urls)"
    file = site.write().with_value("notifyUrls", reference)
    check(file)
    assert "ENFORCER_NOTIFY_URLS" not in file.environment()


def test_a_key_written_twice_is_refused_with_its_line(site: Site) -> None:
    site.write()
    path = Path("tenants/contoso.yaml")
    path.write_text(path.read_text() + "\nmode: 'enforce'\n")
    with pytest.raises(TenantFileError, match=r"contoso.yaml:\d+ has mode a second time"):
        read_tenant_file("contoso")


def test_text_that_is_not_yaml_is_refused_with_its_line(site: Site) -> None:
    with pytest.raises(TenantFileError, match=r"x\.yaml:3 is not YAML"):
        parsed(Path("x.yaml"), "mode: 'report'\ngroupIds: [\n")


def test_a_missing_file_is_named_with_those_that_are_there(site: Site) -> None:
    site.write()
    with pytest.raises(TenantFileError, match=r"no file tenants/contosso\.yaml; there are contoso"):
        read_tenant_file("contosso")
    with pytest.raises(InputError, match="is not a name of a tenant file"):
        read_tenant_file("../contoso")


def test_words_that_yaml_takes_for_truth_values_are_kept(site: Site) -> None:
    site.write()
    path = Path("tenants/contoso.yaml")
    path.write_text(path.read_text() + "\nonOff: off\n")
    values = parsed(path, path.read_text())
    assert values["onOff"] == "off"


def test_a_file_of_an_earlier_version_gets_what_is_new_with_its_comment(site: Site) -> None:
    file = site.write()
    older = re.sub(r"\n(?:#.*\n)+midnight:.*\n", "", file.text)
    file.path.write_text(older)
    completed, added = read_tenant_file("contoso").completed()
    assert added == ("midnight",)
    assert completed.get("midnight") == "instant"
    assert "# ENFORCER_MIDNIGHT." in completed.text[-300:]


def test_a_value_is_written_back_without_losing_a_comment(site: Site) -> None:
    file = site.write()
    changed = file.with_value("groupIds", ("11111111-2222-3333-4444-555555555555",))
    before, after = file.text.splitlines(), changed.text.splitlines()
    assert [line for line in after if line not in before] == [
        "groupIds: ['11111111-2222-3333-4444-555555555555']"
    ]
    assert len(before) == len(after)


def test_every_setting_has_the_name_of_its_key() -> None:
    assert setting_of("groupIds") == "ENFORCER_GROUP_IDS"
    assert setting_of("timeZone") == "ENFORCER_TIME_ZONE"


def compiled(file: Path) -> str:
    done = subprocess.run(  # noqa: S603 -- the compiler that lies beside the project
        [COMPILER, "build-params", file, "--stdout"], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_the_parameter_file_has_no_values_of_its_own(site: Site) -> None:
    file = site.write()
    lines = file.parameter_file.read_text().splitlines()
    given = [line for line in lines if line.startswith("param ")]
    assert given
    assert all(re.fullmatch(r"param (\w+) = tenant\.\1", line) for line in given)
    if COMPILER.exists():
        assert '\\"value\\": \\"report\\"' in compiled(file.parameter_file)
        file.path.write_text(file.with_value("mode", "reprot").text)
        assert "Error BCP033" in compiled(file.parameter_file)
