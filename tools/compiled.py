"""Compile the Bicep files, and keep the outcome: `python -m tools.compiled BICEP [--config FILE]`.

Commit what it writes beside the tests: it is reviewed like code, and read by tests without a compiler.
BICEP is Microsoft's compiler. FILE says where the extension for Microsoft Graph is; needed offline only.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).parents[1]
COMPILED: Final = PROJECT / "tests/infra/compiled"
DEPLOYMENTS: Final = PROJECT / "tests/infra/deployments"
DIGESTS: Final = COMPILED / "digests.json"
TEMPLATES: Final = ("main", "identity")
_PLACE: Final = {
    "--subscription-id": "00000000-0000-0000-0000-000000000001",
    "--resource-group": "rg-contractor-access",
    "--location": "westeurope",
    "--tenant-id": "00000000-0000-0000-0000-000000000002",
    "--deployment-name": "enforcer",
}


class CompilerError(RuntimeError):
    """The compiler refuses a file; the message is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    program: Path
    config: Path | None = None

    def template(self, name: str, folder: Path) -> dict[str, Any]:
        """Return what a template compiles to, without what only tells the compiler's version.

        Raises:
            CompilerError: It does not compile.
        """
        out = folder / f"{name}.json"
        self._run("build", PROJECT / f"infra/{name}.bicep", "--outfile", out, *self._configured())
        compiled: dict[str, Any] = _without_generator(json.loads(out.read_text()))
        return compiled

    def snapshot(self, deployment: Path, mode: str) -> None:
        """Write (`overwrite`) or hold against each other (`validate`) what a parameter file deploys.

        Raises:
            CompilerError: It does not compile, or it deploys something else than the snapshot beside it.
        """
        place = (part for pair in _PLACE.items() for part in pair)
        self._run("snapshot", deployment, "--mode", mode, *place)

    def _configured(self) -> tuple[str | Path, ...]:
        return () if self.config is None else ("--config", self.config)

    def _run(self, *arguments: str | Path) -> None:
        command = [str(self.program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- no shell
        if done.returncode != 0:
            raise CompilerError(done.stdout + done.stderr)


def deployments() -> list[Path]:
    """Return the parameter files whose snapshots are kept."""
    return sorted(DEPLOYMENTS.glob("*.bicepparam"))


def digests() -> dict[str, str]:
    """Return the SHA-256 of each file that the compiler read or wrote, by its path in the project."""
    return {str(path.relative_to(PROJECT)): sha256(path.read_bytes()).hexdigest() for path in _files()}


def _files() -> Iterator[Path]:
    infra = PROJECT / "infra"
    yield from (COMPILED / f"{name}.json" for name in TEMPLATES)
    yield from (path.with_suffix(".snapshot.json") for path in deployments())
    yield from sorted([*infra.rglob("*.bicep"), *infra.glob("queries/*.kql"), infra / "workbook.json"])
    yield from deployments()


def _without_generator(node: Any) -> Any:
    match node:
        case dict():
            return {key: _without_generator(value) for key, value in node.items() if key != "_generator"}
        case list():
            return [_without_generator(value) for value in node]
        case _:
            return node


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.compiled", description=__doc__)
    parser.add_argument("bicep", type=Path, help="Microsoft's compiler")
    parser.add_argument("--config", type=Path, help="bicepconfig.json")
    arguments = parser.parse_args()
    compiler = Compiler(program=arguments.bicep, config=arguments.config)
    COMPILED.mkdir(exist_ok=True)
    try:
        for name in TEMPLATES:
            compiled = compiler.template(name, COMPILED)
            (COMPILED / f"{name}.json").write_text(json.dumps(compiled, indent=2) + "\n")
        for deployment in deployments():
            compiler.snapshot(deployment, "overwrite")
    except CompilerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    DIGESTS.write_text(json.dumps(digests(), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
