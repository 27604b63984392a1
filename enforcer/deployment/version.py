"""Which version this is."""

from __future__ import annotations

from importlib import metadata

_NAME = "contractor-access-enforcer"


def version() -> str:
    """Return the version: of the installed package, or of the checkout that is run."""
    try:
        return metadata.version(_NAME)
    except metadata.PackageNotFoundError:
        return _of_the_checkout()


def _of_the_checkout() -> str:
    import tomllib
    from pathlib import Path

    project = Path(__file__).parents[2] / "pyproject.toml"
    try:
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return "unknown"
