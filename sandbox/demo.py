"""`make demo`: a night in a local tenant, from the plan to the proof."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from pathlib import Path

import httpx

from enforcer.core.offboarding_record import OffboardingRecord, Sessions
from enforcer.core.settings import load_settings
from enforcer.services import open_services
from sandbox.azurite import AzuriteError
from sandbox.directory.objects import User
from sandbox.host.errors import HostError
from sandbox.local_tenant import PROJECT, LocalTenant, enforcer, operator_token, running_local_tenant, shown

BUILD = PROJECT / "build" / "demo"
_NIGHT_SECONDS = 60


class DemoError(RuntimeError):
    """The demo could not continue; the message says where it stopped."""


async def demo() -> None:
    """Run the demo: plan, sweep, proof."""
    shutil.rmtree(BUILD, ignore_errors=True)  # left by an earlier demo
    _say("Starting Azurite, a directory that behaves like Graph, and the function app on Azure's worker")
    async with running_local_tenant(BUILD) as tenant:
        before = _members(tenant)
        _say("0. Conditional Access as code: block contractors who are not (or no longer) in the group")
        await _switch_policies_on(tenant)
        _say("   Would they block every member after leaving? enforcer policies check")
        await _enforcer(tenant, "policies", "check")
        _say(f"1. Who would be offboarded: enforcer plan ({len(before)} members)")
        await _enforcer(tenant, "plan")

        _say("2. Night: the timer function `nightly` fires, and the queue function `sweep` runs")
        took = await _night(tenant)
        _say(f"3. What happened ({took:.1f} s later)")
        await _enforcer(tenant, "status")
        await _tell_who_left(tenant, before)

        _say("4. The second plan: nobody left to offboard")
        await _enforcer(tenant, "plan")

        _say("5. The ledger: a hash chain in which every change shows")
        await _enforcer(tenant, "audit", "verify")
        await _enforcer(tenant, "audit", "export", *_today(), "--out", shown(BUILD / "evidence"))
        await _keep_page(tenant, BUILD / "page.html")
    _say("Everything is stopped. To look at:")
    print(f"  {shown(BUILD / 'evidence' / 'report.html')}   the report for auditors")
    print(f"  {shown(BUILD / 'page.html')}              the operators' page, as it was (make sandbox: live)")


async def _switch_policies_on(tenant: LocalTenant) -> None:
    """Create the shipped policies in report-only state, as always, and then enable them."""
    values = ("--values", shown(BUILD / "policy-values.json"))
    await _enforcer(tenant, "policies", "apply", *values)
    await _enforcer(tenant, "policies", "apply", "--enable", *values)


async def _night(tenant: LocalTenant) -> float:
    """Fire the timer, wait until the sweep that it queued is recorded, and return the seconds that took."""
    started = time.monotonic()
    async with httpx.AsyncClient(base_url=tenant.host.url, timeout=30) as http:
        (await http.post("/admin/functions/nightly", json={})).raise_for_status()
    try:
        async with asyncio.timeout(_NIGHT_SECONDS):
            await _until_a_run_is_over(tenant)
    except TimeoutError as error:
        raise DemoError(f"the sweep had not finished after {_NIGHT_SECONDS} seconds") from error
    return time.monotonic() - started


async def _until_a_run_is_over(tenant: LocalTenant) -> None:
    group_id = tenant.company.contractors.id
    async with open_services(load_settings(tenant.environ)) as services:
        while not any(  # noqa: ASYNC110 -- what is waited for is a row in a table
            run.finished_at for run in await services.runs.of_group(group_id, services.now())
        ):
            await asyncio.sleep(0.1)


def _members(tenant: LocalTenant) -> list[User]:
    group = tenant.company.tenant.members[tenant.company.contractors.id]
    return [user for user in tenant.company.tenant.each(User) if user.id in group]


async def _tell_who_left(tenant: LocalTenant, before: list[User]) -> None:
    """Compare what the directory says with what the enforcer has recorded."""
    after = {user.id for user in _members(tenant)}
    gone = [user for user in before if user.id not in after]
    print(f"\nThe directory itself says: {len(gone)} of {len(before)} members left, {len(after)} stay.")
    known = await _enforcements(tenant)
    policies = {item.proof_policy for item in known.values() if item.proof_policy}
    for user in gone:
        item = known[user.id]
        ours = item.sessions is Sessions.REVOKED
        sessions = "revoked" if ours else "controlled by the home tenant"
        print(f"  {user.display_name:<13} sessions: {sessions:<38} next sign-in: {item.proof}")
    print(f"Blocked, by Entra's own What If evaluation, by: {', '.join(sorted(policies)) or 'nothing'}")


async def _enforcements(tenant: LocalTenant) -> dict[str, OffboardingRecord]:
    async with open_services(load_settings(tenant.environ)) as services:
        found = services.records.of_group(tenant.company.contractors.id)
        return {item.user_id: item async for item in found}


async def _keep_page(tenant: LocalTenant, file: Path) -> None:
    async with httpx.AsyncClient(base_url=tenant.host.url, timeout=30) as http:
        token = operator_token(tenant, "Contractors.Read")
        page = await http.get("/api/", headers={"Authorization": f"Bearer {token}"})
    file.write_text(page.raise_for_status().text, encoding="utf-8")  # noqa: ASYNC240 -- the last thing done


def _today() -> tuple[str, ...]:
    year = time.gmtime().tm_year
    return ("--from", f"{year - 1}-01-01", "--to", f"{year + 1}-12-31")


async def _enforcer(tenant: LocalTenant, *arguments: str) -> None:
    print(f"$ python -m enforcer {' '.join(arguments)}", flush=True)
    if code := await enforcer(tenant.environ, *arguments, "--output", "table"):
        raise DemoError(f"`enforcer {' '.join(arguments)}` ended with exit code {code}")


def _say(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def main() -> None:
    """Run the demo; if it stops early, say why and where the function app's log is."""
    try:
        asyncio.run(demo())
    except (AzuriteError, HostError, DemoError, httpx.HTTPError) as error:
        log = shown(BUILD / "host.log")
        sys.exit(f"\nThe demo stopped: {error}\nThe function app's log, if it was started: {log}")


if __name__ == "__main__":
    main()
