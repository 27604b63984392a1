"""Users as arguments of the command line."""

from __future__ import annotations

import click

from enforcer.cli.output import tell
from enforcer.core import keys


class UserType(click.ParamType[str]):
    """An object ID, a user principal name or an e-mail address; invisible characters around it go."""

    name = "user"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        del param, ctx
        if warning := keys.trimming(value):
            tell(f"warning: {warning}")
        return keys.trimmed(value)
