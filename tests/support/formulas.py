"""Texts that some spreadsheet would run, and how to tell."""

from __future__ import annotations

import re

FORMULAS = (
    "=1+1",
    "+49 171",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20A1",
    'x";=HYPERLINK("https://evil.example","click")',
    "x,=1+1",
    "x;+1",
    "x; \uff1d1",
    "x\t@A1",
    "x|-1",
    "'=1+1",
)


def begins_a_formula(cell: str) -> bool:
    """Cut at everything that some spreadsheet takes for a separator, and look at how each piece begins."""
    pieces = re.split(r"[,;|\t\r\n\"]", cell)
    return any(piece.lstrip()[:1] in {*"=+-@\uff1d\uff0b\uff0d\uff20"} for piece in pieces if piece.strip())
