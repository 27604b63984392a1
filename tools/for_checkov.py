"""Write what the Bicep files deploy as templates that checkov can read: `python -m tools.for_checkov FOLDER`.

Checkov passes over compiled templates whose resources have symbolic names, without a word. The resources as
the compiler evaluated them (`python -m tools.compiled`) are what will be deployed, values and all.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from tools.compiled import DEPLOYMENTS

_SCHEMA: Final = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def templates() -> dict[str, str]:
    """Return the text of each template, by its file's name."""
    return {
        f"{snapshot.name.partition('.')[0]}.json": json.dumps(
            {
                "$schema": _SCHEMA,
                "contentVersion": "1.0.0.0",
                "resources": json.loads(snapshot.read_text(encoding="utf-8"))["predictedResources"],
            },
            indent=2,
        )
        for snapshot in sorted(DEPLOYMENTS.glob("*.snapshot.json"))
    }


def main() -> int:
    """Write them into the folder."""
    parser = argparse.ArgumentParser(prog="python -m tools.for_checkov", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in templates().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
