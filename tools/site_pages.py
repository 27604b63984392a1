"""What the documentation site needs beyond `docs/`: the README as its home page, and links out of `docs/`.

MkDocs calls these functions by name (mkdocs.yml, `hooks`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_PROJECT = Path(__file__).parents[1]


def on_files(files: Files, config: Any) -> Files:
    """Add the README as the home page."""
    readme = (_PROJECT / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "index.md", content=readme))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point links to pages of the site; keep only the words of links to files that are not on it."""
    folder = "." if page.file.src_uri == "index.md" else (Path("docs") / page.file.src_uri).parent.as_posix()
    return _outside_fences(markdown, folder)


def _outside_fences(markdown: str, folder: str) -> str:
    parts = re.split(r"(?ms)(^```.*?^```$)", markdown)
    return "".join(part if part.startswith("```") else _relinked(part, folder) for part in parts)


def _relinked(text: str, folder: str) -> str:
    """Rewrite `[words](target)`: MkDocs knows only what lies in `docs/`."""
    return re.sub(r"\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)", lambda link: _link(link, folder), text)


def _link(link: re.Match[str], folder: str) -> str:
    words, (path, _, anchor) = link[1], link[2].partition("#")
    target = (_PROJECT / folder / path).resolve()
    docs = _PROJECT / "docs"
    if not target.is_relative_to(docs):
        home = target == _PROJECT / "README.md"
        return f"[{words}](index.md)" if home and folder == "docs" else words
    here = docs if folder == "." else _PROJECT / folder
    relative = target.relative_to(here, walk_up=True).as_posix()
    return f"[{words}]({relative}{'#' if anchor else ''}{anchor})"
