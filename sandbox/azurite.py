"""Azurite, Microsoft's storage emulator: blob, queue and table on free loopback ports.

It never outlives the process that started it: it exits when its standard input closes, which the operating
system ensures even if the parent is killed.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final
from urllib.parse import quote

from sandbox.certificates import Certificate
from sandbox.child_process import entered_in_a_thread, running

_ACCOUNT: Final = "devstoreaccount"
_ACCOUNTS: Final = 9_999
# The key of Azurite's own account, devstoreaccount1, the same on every machine and documented by Microsoft.
KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SERVICES: Final = ("blob", "queue", "table")

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_READY_LINE: Final = re.compile(r"^Azurite (\w+) service is successfully listening at (\S+)$", re.MULTILINE)
_CLOSE_WITH_STDIN: Final = (
    "data:text/javascript,"
    "process.stdin.resume().on('end',()=>{process.emit('SIGTERM');setTimeout(process.exit,3000).unref()});"
)
# Further accounts with the same key, for callers that need storage of their own. They would be too
# long for an environment variable that is set from outside.
_WITH_ACCOUNTS: Final = (
    "process.env.AZURITE_ACCOUNTS="
    f"Array.from({{length:{_ACCOUNTS}}},(_,i)=>`{_ACCOUNT}${{i+1}}:{KEY}`).join(';')"
)


class AzuriteError(RuntimeError):
    """Azurite is not installed or does not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageEndpoints:
    """Where the services of one storage account answer; each URL ends with the account's name."""

    blob_url: str
    queue_url: str
    table_url: str

    @property
    def account(self) -> str:
        return self.table_url.rpartition("/")[2]

    def of_account(self, number: int) -> StorageEndpoints:
        """Return the same services for another account, numbered from 1 to 9999; 1 is Azurite's own."""
        old, new = f"/{self.account}", f"/{_ACCOUNT}{number}"
        return StorageEndpoints(
            blob_url=self.blob_url.removesuffix(old) + new,
            queue_url=self.queue_url.removesuffix(old) + new,
            table_url=self.table_url.removesuffix(old) + new,
        )

    @property
    def connection_string(self) -> str:
        protocol = self.table_url.partition(":")[0]
        return (
            f"DefaultEndpointsProtocol={protocol};AccountName={self.account};AccountKey={KEY};"
            f"BlobEndpoint={self.blob_url};QueueEndpoint={self.queue_url};TableEndpoint={self.table_url};"
        )


@contextmanager
def running_azurite(
    *,
    folder: Path | None = None,
    certificate: Certificate | None = None,
    node_modules: Path | None = None,
) -> Iterator[StorageEndpoints]:
    """Run Azurite while the block runs.

    Args:
        folder: where the data is kept for the next start; without it, data is in memory and lost at the end.
        certificate: https, and Entra tokens (audience, issuer and time are checked, signatures are not).
        node_modules: where `npm ci` put Azurite; else `SANDBOX_NODE_MODULES` or `sandbox/node_modules`.

    Raises:
        AzuriteError: not installed, or not ready within a minute.
    """
    command = _command(_script(node_modules), folder, certificate)
    with (
        TemporaryFile() as output,
        running(command, stop_seconds=_STOP_SECONDS, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        yield _when_ready(process, output.fileno())


def running_azurite_async(
    *,
    folder: Path | None = None,
    certificate: Certificate | None = None,
    node_modules: Path | None = None,
) -> AbstractAsyncContextManager[StorageEndpoints]:
    """`running_azurite` for use in an event loop."""
    return entered_in_a_thread(
        running_azurite(folder=folder, certificate=certificate, node_modules=node_modules)
    )


def _script(node_modules: Path | None) -> Path:
    default = os.environ.get("SANDBOX_NODE_MODULES") or Path(__file__).with_name("node_modules")
    script = Path(node_modules or default, "azurite", "dist", "src", "azurite.js").resolve()
    if not script.exists():
        raise AzuriteError(f"Azurite is not installed in {script.parents[3]}: run `npm ci` in sandbox/")
    return script


def _command(script: Path, folder: Path | None, certificate: Certificate | None) -> list[str]:
    command = [
        "node",
        "--import",
        _CLOSE_WITH_STDIN + quote(_WITH_ACCOUNTS),
        str(script),
        "--silent",
        "--disableTelemetry",
    ]
    # SDKs newer than this Azurite send API versions unknown to it, for calls that have not changed.
    command += ["--skipApiVersionCheck"]
    for service in SERVICES:
        command += [f"--{service}Host", "127.0.0.1", f"--{service}Port", "0"]
    if folder is None:
        command += ["--inMemoryPersistence"]
    else:
        command += ["--location", str(folder.resolve())]
    if certificate is not None:
        command += ["--oauth", "basic"]
        command += ["--cert", str(certificate.certificate.resolve()), "--key", str(certificate.key.resolve())]
    return command


def _when_ready(process: subprocess.Popen[bytes], output: int) -> StorageEndpoints:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        said = os.pread(output, 65_536, 0).decode()
        urls = {name.lower(): f"{url}/{_ACCOUNT}1" for name, url in _READY_LINE.findall(said)}
        if len(urls) == len(SERVICES):
            return StorageEndpoints(blob_url=urls["blob"], queue_url=urls["queue"], table_url=urls["table"])
        time.sleep(0.02)
    said = os.pread(output, 65_536, 0).decode().strip()
    raise AzuriteError(f"Azurite did not start: {said or 'no output'}")
