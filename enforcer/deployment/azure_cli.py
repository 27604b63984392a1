"""`az`, the one program besides this one that a deployment needs: it acts for the person who is signed in."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from enforcer.core.exceptions import EnforcerError

_LONGEST = 400
_INSTALL = "The Azure CLI is not installed, or not on the PATH: https://aka.ms/azure-cli"


class Trouble(StrEnum):
    """Why Azure did not do as it was told, as far as a deployment can do something about it."""

    SIGN_IN = "sign in"
    DENIED = "denied"
    MISSING = "missing"
    NOT_REPLICATED = "not replicated"
    """Entra ID or Azure has not heard of an identity yet: the same call succeeds some minutes later."""
    ASSIGNED_ALREADY = "assigned already"
    OTHER = "other"


# In this order. The codes are Azure Resource Manager's; the sentences are those of Entra ID and of `az`.
_SIGNS = (
    (Trouble.SIGN_IN, r"az login|AADSTS(50076|50173|700082|70043)|No subscriptions? found"),
    (Trouble.ASSIGNED_ALREADY, r"RoleAssignmentExists|role assignment already exists"),
    (
        Trouble.NOT_REPLICATED,
        r"PrincipalNotFound|does not exist in the directory|FailedIdentityOperation",
    ),
    (Trouble.DENIED, r"AuthorizationFailed|does not have authorization|LinkedAuthorizationFailed|Forbidden"),
    (
        Trouble.MISSING,
        r"NotFound\b|was not found|not be found",
    ),
)


class AzureError(EnforcerError):
    """`az` failed; the text is its own, on one line.

    Args:
        arguments: What it was told.
        text: What it wrote to stderr.
    """

    def __init__(self, arguments: tuple[str, ...], text: str) -> None:
        self.trouble = _trouble(text)
        self.text = text
        command = "az " + " ".join(part for part in arguments[:4] if not part.startswith("-"))
        super().__init__(f"{command}: {_one_line(text)}")


@dataclass(frozen=True, slots=True)
class AzureCli:
    """Runs `az`.

    Attributes:
        environ: The environment of its processes.
        subscription: Passed on with each command; empty for the one that `az account show` names.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    subscription: str = ""

    async def ask(self, *arguments: str) -> Any:
        """Run a command and return what it prints, from JSON; None if it prints nothing.

        Raises:
            AzureError: It failed, or is not installed.
        """
        where = ("--subscription", self.subscription) if self.subscription else ()
        command = (*arguments, *where, "--output", "json", "--only-show-errors")
        process = await asyncio.create_subprocess_exec(
            *_program(self.environ.get("PATH")),
            *command,
            env=dict(self.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode != 0:
            raise AzureError(arguments, err.decode("utf-8", "replace"))
        try:
            return msgspec.json.decode(out) if out.strip() else None
        except msgspec.DecodeError as error:
            raise AzureError(arguments, f"it did not print JSON: {error}") from error

    async def look(self, *arguments: str) -> Any:
        """Return what a command prints; None if what it asks about does not exist. Raises AzureError."""
        try:
            return await self.ask(*arguments)
        except AzureError as error:
            if error.trouble is Trouble.MISSING:
                return None
            raise


def _program(path: str | None) -> tuple[str, ...]:
    found = shutil.which("az", path=path)
    if found is None:
        raise EnforcerError(_INSTALL)
    # On Windows `az` is a batch file, which only its shell can start.
    return ("cmd", "/c", found) if found.lower().endswith((".cmd", ".bat")) else (found,)


def _trouble(text: str) -> Trouble:
    return next((trouble for trouble, signs in _SIGNS if re.search(signs, text)), Trouble.OTHER)


def _one_line(text: str) -> str:
    said = [line.removeprefix("ERROR: ").strip() for line in text.splitlines() if line.strip()]
    return " ".join(said)[:_LONGEST] or "it failed and said nothing"
