"""Where the Bicep files are."""

from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"


@cache
def text_of(path: Path) -> str:
    return path.read_text()
