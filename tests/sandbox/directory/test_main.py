import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sandbox.directory import Tenant, dump

ROOT = Path(__file__).parents[3]


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 -- our own program
        [sys.executable, "-m", "sandbox.directory", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def first_line(process: "subprocess.Popen[str]") -> dict[str, str]:
    assert process.stdout is not None
    announced: dict[str, str] = json.loads(process.stdout.readline())
    return announced


def test_it_announces_itself_in_one_line_and_ends_with_its_input(tmp_path: Path) -> None:
    tenant = Tenant()
    tenant.add_user("Ada Lovelace")
    tenant.add_managed_identity("enforcer", "User.Read.All")
    file = tmp_path / "tenant.json"
    file.write_bytes(dump(tenant))
    with start("--tenant", str(file), "--settings", '{"enforce_permissions": true}') as process:
        announced = first_line(process)
        token = httpx.get(
            announced["identity_endpoint"],
            params={"api-version": "2019-08-01", "resource": "https://graph.microsoft.com"},
            headers={"X-IDENTITY-HEADER": announced["identity_header"]},
            trust_env=False,
        ).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        users = httpx.get(f"{announced['url']}/v1.0/users", headers=headers, trust_env=False).json()["value"]
        assert [one["displayName"] for one in users] == ["Ada Lovelace"]
        assert announced["tenant_id"] == tenant.tenant_id
        rest, _ = process.communicate(timeout=10)
    assert (rest, process.returncode) == ("", 0)


@pytest.mark.parametrize("ttl", ["0.1"])
def test_it_ends_when_its_time_is_up(ttl: str) -> None:
    with start("--ttl", ttl) as process:
        assert first_line(process)["authority"].startswith("http://127.0.0.1:")
        assert process.wait(timeout=10) == 0
