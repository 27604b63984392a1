"""The tables, queues and containers that the code uses are declared under the same names."""

import ast
import json
from pathlib import Path

from enforcer.storage import queues
from tests.support.bicep import INFRA, ROOT
from tests.support.deployment import deployment

STORAGE = "Microsoft.Storage/storageAccounts"
DEFAULT = deployment("default")


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
    assert tables == DEFAULT.names(f"{STORAGE}/tableServices/tables")


def test_the_queues_and_their_poison_queues_are_declared() -> None:
    used = {queues.SWEEPS, queues.OFFBOARDINGS}
    declared = DEFAULT.names(f"{STORAGE}/queueServices/queues")
    assert used | {f"{queue}-poison" for queue in used} == declared


def test_every_container_of_the_code_is_declared() -> None:
    declared = DEFAULT.names(f"{STORAGE}/blobServices/containers")
    of_the_host = {"azure-webjobs-hosts", "azure-webjobs-secrets", "deployments"}
    assert declared == of_the_host | constants("CONTAINER")


def test_the_workbook_is_json_of_the_workbook_format() -> None:
    workbook = json.loads((INFRA / "workbook.json").read_text())
    assert workbook["version"] == "Notebook/1.0"
