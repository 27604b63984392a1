"""The tables, queues and containers that the code uses are declared under the same names."""

import ast
import json
import re
from pathlib import Path

from enforcer.storage import queues
from tests.support.bicep import INFRA, ROOT, array, text_of

STORAGE = INFRA / "modules/storage.bicep"


def constants(name: str) -> set[str]:
    """Return the values of all module constants of that name in the product."""
    found = set()
    for path in (ROOT / "enforcer").rglob("*.py"):
        found |= set(_constants_of(path, name))
    return found


def _constants_of(path: Path, name: str) -> list[str]:
    return [
        statement.value.value
        for statement in ast.parse(path.read_text()).body
        if isinstance(statement, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    ]


def test_every_table_of_the_code_is_declared() -> None:
    tables = constants("TABLE")
    assert {"contractors", "enforcements", "ledger", "runs"} <= tables
    assert tables <= set(array(STORAGE, "tableNames"))


def test_the_queues_and_their_poison_queues_are_declared() -> None:
    used = {queues.SWEEPS, queues.OFFBOARDINGS}
    assert used | {f"{queue}-poison" for queue in used} == set(array(STORAGE, "queueNames"))


def test_every_container_of_the_code_is_declared() -> None:
    declared = set(
        re.findall(r"/containers@[^']+' = \{\n  parent: blobService\n  name: '([^']+)'", text_of(STORAGE))
    )
    assert {"deployments", "reports"} == declared
    assert constants("CONTAINER") <= declared


def test_the_register_writers_get_the_register_and_nothing_else() -> None:
    roles = text_of(INFRA / "modules/roles.bicep")
    assert "parent: tableService\n  name: 'contractors'" in roles
    block = re.search(r"(?ms)^resource registerWriterRoles .*?^\]", roles)
    assert block
    assert re.findall(r"scope: (\w+)", block[0]) == ["register"]


def test_the_api_gate_leaves_out_only_the_health_route() -> None:
    app = text_of(INFRA / "modules/app.bicep")
    excluded = re.search(r"excludedPaths: \[\n(.*?)\]", app, re.DOTALL)
    assert excluded
    assert excluded[1].split() == ["'/api/health'"]


def test_the_workbook_is_json_of_the_workbook_format() -> None:
    workbook = json.loads((INFRA / "workbook.json").read_text())
    assert workbook["version"] == "Notebook/1.0"
