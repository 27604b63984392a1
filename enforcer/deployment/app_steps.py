"""The code, the smoke test and the first run."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from enforcer.core.exceptions import EnforcerError
from enforcer.deployment.azure_cli import AzureError, Trouble
from enforcer.deployment.patience import NotReadyError
from enforcer.deployment.tags import Deployed, read_tags
from enforcer.deployment.work import Work

_SECONDS = 60.0
_CLOSED = frozenset({302, 401, 403})
_REFUSED = 403
_RUNNING = "running"
_RUN_SECONDS, _LOOK_SECONDS = 900.0, 5.0

type Package = Callable[[Path], Awaitable[None]]


async def require_deployed(work: Work) -> Deployed:
    """Return what was deployed. Raises EnforcerError if nothing was."""
    deployed = await read_tags(work)
    if not deployed.app:
        raise EnforcerError(
            f"{work.resource_group} has no enforcer yet: run `{work.command} --only resources` first"
        )
    return deployed


async def deploy_code(work: Work, package: Package) -> None:
    """Build the package, dependencies and all, and deploy it: Azure stops a build after a minute."""
    deployed = await require_deployed(work)
    where = ("--resource-group", work.resource_group, "--name", deployed.app)

    async def deploy() -> None:
        with tempfile.TemporaryDirectory() as folder:
            zip_file = Path(folder) / "app.zip"
            await package(zip_file)
            command = ("functionapp", "deployment", "source", "config-zip", *where)
            await work.azure.ask(*command, "--src", str(zip_file), "--build-remote", "false")

    await work.hands.change(f"package the code and deploy it to {deployed.app}", deploy)


async def smoke_test(work: Work) -> None:
    """Check that the app is up, and closed to whoever has no token."""
    deployed = await require_deployed(work)
    status = await work.patience.repeat(work.hands, lambda: _health(deployed))
    if status == _REFUSED and work.file.several("apiIpRanges"):
        work.hands.say("apiIpRanges keeps this machine out (403): run the smoke test from inside")
        return
    open_to = await _status(f"{deployed.api}/status")
    if open_to not in _CLOSED:
        raise EnforcerError(
            f"{deployed.api}/status answers {open_to} to a caller without a token; it must be 401 or 302."
            " Stop the app:"
            f" `az functionapp stop --resource-group {work.resource_group} --name {deployed.app}`"
        )
    work.hands.say(f"{deployed.api}/health answers {status}; without a token, /status answers {open_to}")


async def _health(deployed: Deployed) -> int:
    status = await _status(f"{deployed.api}/health")
    if status in (200, _REFUSED):
        return status
    raise NotReadyError(
        f"{deployed.api}/health answers {status or 'nothing'}; the app may still be starting"
        " (if it never does, docs/deploy.md#if-the-app-does-not-start)"
    )


async def _status(url: str) -> int:
    """Return the status of the answer to a plain GET; 0 if there is none."""
    import httpx

    async with httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False) as http:
        try:
            return (await http.get(url)).status_code
        except httpx.HTTPError:
            return 0


async def first_run(work: Work) -> None:
    """Have the app look at the groups as it does every night, in report mode, and wait until it has."""
    deployed = await require_deployed(work)

    async def run() -> Any:
        token = await work.patience.repeat(work.hands, lambda: _token(work))
        run_id = await work.patience.repeat(work.hands, lambda: _request_run(deployed, token))
        return await _finished(deployed, token, run_id)

    done = await work.hands.change("run once, in report mode", run)
    if done is not None:
        for group in done["runs"]:
            work.hands.say(f"group {group['group_id']}: {group['state']}, {group['due']} due")


async def _token(work: Work) -> str:
    """Get a token for the API; a role that was just given takes minutes to count."""
    audience = work.file.get("apiAudience")
    try:
        found = await work.azure.ask("account", "get-access-token", "--scope", f"{audience}/.default")
    except AzureError as error:
        if "AADSTS50105" in error.text or error.trouble is Trouble.NOT_REPLICATED:
            raise NotReadyError(
                f"you have no role of the API yet; {work.file.path} names who has one"
            ) from error
        raise
    return str(found["accessToken"])


async def _request_run(deployed: Deployed, token: str) -> str:
    reply = await _call(deployed, token, "POST", "sweeps", {"mode": "report"})
    return str(reply["run_id"])


async def _finished(deployed: Deployed, token: str, run_id: str) -> Any:
    clock = asyncio.get_running_loop().time
    until = clock() + _RUN_SECONDS
    while clock() < until:
        found = await _call(deployed, token, "GET", f"runs/{run_id}", None)
        if found["state"] == "failed":
            reasons = {group.get("error") or "no reason given" for group in found["runs"]}
            raise EnforcerError(f"run {run_id} failed: {'; '.join(sorted(reasons))}")
        if found["state"] != _RUNNING:
            return found
        await asyncio.sleep(_LOOK_SECONDS)
    raise EnforcerError(f"run {run_id} is not finished after {_RUN_SECONDS / 60:.0f} minutes")


async def _call(deployed: Deployed, token: str, method: str, path: str, body: Any) -> Any:
    import httpx

    if urlsplit(deployed.api).scheme != "https" and urlsplit(deployed.api).hostname != "127.0.0.1":
        raise EnforcerError(f"the tag enforcer-api is {deployed.api!r}; a token is sent to https only")
    async with httpx.AsyncClient(timeout=_SECONDS) as http:
        try:
            headers = {"Authorization": f"Bearer {token}"}
            reply = await http.request(method, f"{deployed.api}/{path}", headers=headers, json=body)
        except httpx.HTTPError as error:
            raise NotReadyError(f"{deployed.api} does not answer: {type(error).__name__}") from error
    if reply.status_code in (401, _REFUSED, 503):
        raise NotReadyError(f"{method} /{path} answers {reply.status_code}: {reply.text[:200]}")
    if not reply.is_success:
        raise EnforcerError(f"{method} /{path} answers {reply.status_code}: {reply.text[:200]}")
    return reply.json()
