"""`--tenant NAME`: the settings come from a tenant's file, and from what was deployed for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import click

from enforcer.core.exceptions import EnforcerError

_NAME = "ENFORCER_TENANT"
_STORAGE = ("EnforcerStorage", "EnforcerStorage__tableServiceUri")


def tenant_name() -> str:
    """Return the tenant whose file is used; empty if the environment has the settings."""
    return os.environ.get(_NAME, "").strip()


def add_options(command: click.Command) -> None:
    """Let a command, and every command below it, take --tenant and --debug."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_options(each)
        return
    taken = {option for parameter in command.params for option in parameter.opts}
    command.params += [option for option in _options() if not set(option.opts) & taken]


def _options() -> tuple[click.Option, ...]:
    return (
        click.Option(
            ["--tenant"],
            metavar="NAME",
            expose_value=False,
            callback=_choose,
            is_eager=True,
            help="Use the settings of tenants/NAME.yaml. [env: ENFORCER_TENANT]",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            help="Show the whole of an error.",
        ),
    )


def _choose(_context: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value:
        os.environ[_NAME] = value


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings: of the tenant's file, with what this shell has set besides.

    Raises:
        EnforcerError: The file is missing or wrong, or Azure does not say what was deployed.
    """
    name = environ.get(_NAME, "").strip()
    if not name:
        return dict(environ)
    from enforcer.deployment.tenant_file import read_tenant_file

    file = read_tenant_file(name)
    given = file.environment()
    for setting in sorted(given.keys() & environ.keys()):
        if environ[setting].strip() not in ("", given[setting]):
            click.echo(f"note: {setting} of this shell is used, not that of {file.path}", err=True)
    if not any(environ.get(setting) for setting in _STORAGE):
        looking = partial(_deployed, file.get("subscription"), file.get("resourceGroup"), name)
        # In a thread: whoever asks for the settings may be in an event loop.
        with ThreadPoolExecutor(1) as threads:
            given |= threads.submit(lambda: asyncio.run(looking())).result()
    return given | {setting: value for setting, value in environ.items() if value.strip()}


async def _deployed(subscription: str, resource_group: str, name: str) -> dict[str, str]:
    from enforcer.deployment.azure_cli import AzureCli
    from enforcer.deployment.tags import from_tags

    group = await AzureCli(subscription=subscription).look("group", "show", "--name", resource_group)
    found = from_tags((group or {}).get("tags")).environment()
    if not found:
        raise EnforcerError(
            f"nothing is deployed in {resource_group} yet: run `enforcer deploy --tenant {name}`"
        )
    return found
