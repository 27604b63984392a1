from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from enforcer.core.exceptions import InputError
from enforcer.evidence.files import files, manifest, read_manifest, write
from tests.support.evidence_examples import GROUP, case, evidence

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def test_the_same_evidence_gives_the_same_bytes() -> None:
    first, second = (files(evidence(case("Ada"), case("Bob", hours=30))) for _ in range(2))

    assert first == second


def test_a_line_of_json_for_each_case_names_the_same_fields_as_the_table() -> None:
    table, lines, _ = files(evidence(case("Ada"), case("Bob", hours=None)))

    objects = [json.loads(line) for line in lines.content.splitlines()]
    header = table.content.decode("utf-8-sig").splitlines()[0]
    assert [f'"{name}"' for name in objects[0]] == header.split(",")
    assert (objects[0]["removed_at"], objects[1]["removed_at"]) == ("2026-11-16T00:30:00Z", None)


def test_the_manifest_has_the_sum_of_every_file_and_the_ledgers_heads(tmp_path: Path) -> None:
    found = evidence(case("Ada"))
    rendered = files(found)
    write(tmp_path / "out", rendered, manifest(found, rendered, NOW, "1.0.0"))

    written = json.loads((tmp_path / "out/manifest.json").read_bytes())
    for file in written["files"]:
        content = (tmp_path / "out" / file["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    assert {file["name"] for file in written["files"]} == {"evidence.csv", "evidence.jsonl", "report.html"}
    assert written["ledgers"][0]["group_id"] == GROUP
    assert written["period"]["from"] == "2026-11-01"
    assert written["summary"]["population"] == 1


def test_a_manifest_can_be_read_again(tmp_path: Path) -> None:
    found = evidence(case("Ada"))
    made = manifest(found, files(found), NOW, "1.0.0")
    write(tmp_path, files(found), made)

    assert read_manifest(tmp_path / "manifest.json") == made


def test_a_manifest_of_an_older_version_can_be_read(tmp_path: Path) -> None:
    found = evidence(case("Ada"))
    write(tmp_path, files(found), manifest(found, files(found), NOW, "1.0.0"))
    older = json.loads((tmp_path / "manifest.json").read_bytes())
    del older["groups_left_out"]
    (tmp_path / "manifest.json").write_text(json.dumps(older))

    assert read_manifest(tmp_path / "manifest.json").ledgers == found.chains


def test_evidence_is_never_written_over(tmp_path: Path) -> None:
    found = evidence(case("Ada"))
    rendered = files(found)
    write(tmp_path, rendered, manifest(found, rendered, NOW, "1.0.0"))

    with pytest.raises(InputError, match="never overwritten"):
        write(tmp_path, rendered, manifest(found, rendered, NOW, "1.0.0"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    found = evidence()

    with pytest.raises(InputError, match="cannot be written to"):
        write(tmp_path / "file/out", files(found), manifest(found, files(found), NOW, "1.0.0"))


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"schema": 1}'])
def test_a_file_that_is_not_a_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)

    with pytest.raises(InputError, match="is not a manifest"):
        read_manifest(path)
