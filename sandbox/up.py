"""`make sandbox`: keeps the local tenant running to experiment with, until Ctrl-C."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from pathlib import Path

from sandbox.azurite import AzuriteError
from sandbox.easy_auth import running_easy_auth
from sandbox.host.errors import HostError
from sandbox.local_tenant import (
    PROJECT,
    LocalTenant,
    operator_token,
    running_local_tenant,
    session_token,
    shown,
)

BUILD = PROJECT / "build" / "sandbox"
LOG = BUILD / "host.log"
_SHOWN = ("ENFORCER_", "IDENTITY_", "EnforcerStorage", "AzureWebJobsStorage")


async def up() -> None:
    """Start everything, print how to use it, and wait."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with (
        running_local_tenant(BUILD) as tenant,
        running_easy_auth(tenant.host.url, lambda role: session_token(tenant, role)) as page,
    ):
        _write_environment(tenant, BUILD / "env")
        print(_help(tenant, page), flush=True)
        await stopping.wait()
    print("stopped", flush=True)


def _write_environment(tenant: LocalTenant, path: Path) -> None:
    """Write the variables that a shell needs, among them an operator's token, valid for eight hours."""
    values = {name: value for name, value in tenant.environ.items() if name.startswith(_SHOWN)}
    values |= {
        "API": f"{tenant.host.url}/api",
        "TOKEN": operator_token(tenant, "Contractors.Offboard"),
        "APPROVER_TOKEN": operator_token(tenant, "Contractors.Approve"),
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(values.items())]
    # The local tenant's `az`, with which `enforcer policies` is signed in.
    lines.append(f'export PATH={shlex.quote(str(BUILD))}:"$PATH"')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o600)


def _help(tenant: LocalTenant, page: str) -> str:
    return _HELP.format(
        page=f"{page}/api/",
        url=tenant.host.url,
        directory=tenant.directory.url,
        env=shown(BUILD / "env"),
        log=shown(LOG),
        values=shown(BUILD / "policy-values.json"),
    )


_HELP = """
The local tenant runs until Ctrl-C (its function app for an hour).

  page        {page}   for a browser, behind an imitation of App Service's sign-in
  functions   {url}        fire the timer: curl -X POST {url}/admin/functions/nightly -d '{{}}'
  directory   {directory}        requests received: {directory}/sandbox/log
  log         {log}   of the function app

In another shell:

  source {env}
  .venv/bin/python -m enforcer plan
  curl -X POST "$API/contractors/ada.novak@contoso.onmicrosoft.com/offboard" \\
    -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
    -d '{{"reason": "left at 14:10"}}'

Offboarded people are blocked once the Conditional Access policies exist and are enabled:

  .venv/bin/python -m enforcer policies apply --values {values}
  .venv/bin/python -m enforcer policies apply --values {values} --enable
"""


def main() -> None:
    """Keep it running; if it does not start, say why and where the function app's log is."""
    try:
        asyncio.run(up())
    except (AzuriteError, HostError) as error:
        log = shown(LOG)
        sys.exit(
            f"\nThe local tenant did not start: {error}\nThe function app's log, if it was started: {log}"
        )


if __name__ == "__main__":
    main()
