"""What the Bicep compiler would report, as far as it can be checked without it, as a workflow does."""

import re
from pathlib import Path

import pytest

from tests.support.bicep import (
    INFRA,
    MAIN,
    PARAMETER_FILES,
    TEMPLATES,
    code,
    declared,
    local_names,
    modules,
    parameters,
    text_of,
    used,
)

KEYWORDS = {"if", "for", "in", "true", "false", "null", "existing", "string", "int", "bool", "object", "any"}
all_templates = pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)


@all_templates
def test_every_name_that_is_used_is_declared(template: Path) -> None:
    assert used(template) <= declared(template) | local_names(template) | KEYWORDS


@all_templates
def test_every_name_that_is_declared_is_used(template: Path) -> None:
    text = code(template)
    exported = set(re.findall(r"@export\(\)(?:\n@.*)*\ntype (\w+)", text))
    actions = set(re.findall(r"(?m)^(?:resource|module) (\w+)", text))  # made for their own sake
    unused = {
        name
        for name in declared(template) - exported - actions
        if len(re.findall(rf"\b{name}\b(?!:)", text)) < 2
    }
    assert not unused


@all_templates
def test_modules_are_given_what_they_declare_and_all_that_they_need(template: Path) -> None:
    for module in modules(template):
        takes = parameters(module.file)
        needs = {name for name, parameter in takes.items() if parameter.required}
        assert needs <= module.given <= set(takes), module.symbol


def test_every_module_is_used() -> None:
    assert {module.file for module in modules(MAIN)} | {INFRA / "modules/types.bicep"} == {
        path for path in TEMPLATES if path.parent.name == "modules"
    }


def test_outputs_of_modules_exist() -> None:
    outputs = {
        module.symbol: set(re.findall(r"(?m)^output (\w+)", text_of(module.file))) for module in modules(MAIN)
    }
    wanted = re.findall(r"\b(\w+)\.outputs\.(\w+)", text_of(MAIN))
    assert wanted
    for symbol, output in wanted:
        assert output in outputs[symbol], f"{symbol}.{output}"


@pytest.mark.parametrize("file", PARAMETER_FILES, ids=lambda path: path.name)
def test_parameter_files_give_what_the_template_declares_and_needs(file: Path) -> None:
    template = re.search(r"(?m)^using '([^']+)'", text_of(file))
    assert template
    takes = parameters(file.parent / template[1])
    given = set(re.findall(r"(?m)^param (\w+) =", text_of(file)))
    needs = {name for name, parameter in takes.items() if parameter.required}
    assert needs <= given <= set(takes)


@all_templates
def test_files_that_are_loaded_exist(template: Path) -> None:
    for name in re.findall(r"load(?:Text|Json)Content\('([^']+)'\)", text_of(template)):
        assert (template.parent / name).is_file(), name


@all_templates
def test_only_stable_api_versions_are_used(template: Path) -> None:
    versions = re.findall(r"'Microsoft\.[\w/.]+@([^']+)'", text_of(template))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d|v1\.0", version) for version in versions)


@all_templates
def test_no_key_and_no_connection_string_is_read(template: Path) -> None:
    assert not re.search(r"listKeys|listAccountSas|AccountKey|SharedAccessKey|listSecrets", text_of(template))


@pytest.mark.parametrize("template", [MAIN, INFRA / "identity.bicep"], ids=lambda path: path.name)
def test_every_parameter_of_an_entry_point_is_described(template: Path) -> None:
    assert not {name for name, parameter in parameters(template).items() if not parameter.description}
