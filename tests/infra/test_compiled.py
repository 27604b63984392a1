"""What is committed as compiled is what the Bicep files say."""

import json
import os
from pathlib import Path

import pytest

from tests.support.bicep import ROOT
from tools.compiled import DIGESTS, TEMPLATES, Compiler, deployments, digests

COMPILER = ROOT.parent / "shared/tools/bicep"


def test_the_bicep_files_were_compiled_since_they_were_changed() -> None:
    """With a compiler at hand: `python -m tools.compiled BICEP`."""
    assert json.loads(DIGESTS.read_text()) == digests()


@pytest.mark.parametrize("file", deployments(), ids=lambda path: path.stem)
def test_a_deployment_sends_what_its_snapshot_says(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a compiler, the digest shows that the snapshot is as the compiler left it."""
    snapshot = str(file.with_suffix(".snapshot.json").relative_to(ROOT))
    assert json.loads(DIGESTS.read_text())[snapshot] == digests()[snapshot]
    if COMPILER.is_file():
        if not os.access(Path.home(), os.W_OK):  # where the compiler unpacks itself
            monkeypatch.setenv("HOME", str(tmp_path))
        Compiler(program=COMPILER).snapshot(file, "validate")


def test_every_template_that_is_deployed_is_compiled() -> None:
    entries = {path.stem for path in (ROOT / "infra").glob("*.bicep")}
    assert entries == set(TEMPLATES)
