"""Bicep's `uniqueString` and `guid`: the names of resources, known before they exist.

Checked in tests against what Microsoft's compiler computes.
"""

from __future__ import annotations

from uuid import UUID, uuid5

_GUID_NAMESPACE = UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 13
_WORD, _LONG = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
_C1, _C2 = 0x239B961B, 0xAB0E9789


def guid(*texts: str) -> str:
    """Return what Bicep's `guid` makes of these texts."""
    return str(uuid5(_GUID_NAMESPACE, "-".join(texts)))


def unique_string(*texts: str) -> str:
    """Return what Bicep's `uniqueString` makes of these texts: 13 letters and digits."""
    number = _murmur("-".join(texts).encode())
    letters = []
    for _ in range(_LENGTH):
        letters.append(_LETTERS[number >> 59])
        number = number << 5 & _LONG
    return "".join(letters)


def _murmur(data: bytes) -> int:
    """Return Azure Resource Manager's variant of MurmurHash, of 64 bits."""
    first = second = 0
    whole = len(data) - len(data) % 8
    for start in range(0, whole, 8):
        first ^= _scrambled(data[start : start + 4], _C1, 15, _C2)
        first = ((_rotated(first, 19) + second) * 5 + 0x561CCD1B) & _WORD
        second ^= _scrambled(data[start + 4 : start + 8], _C2, 17, _C1)
        second = ((_rotated(second, 13) + first) * 5 + 0x0BCAA747) & _WORD
    first ^= _scrambled(data[whole : whole + 4], _C1, 15, _C2) ^ len(data)
    second ^= _scrambled(data[whole + 4 :], _C2, 17, _C1) ^ len(data)
    first, second = _added(first, second)
    first, second = _added(_mixed(first), _mixed(second))
    return second << 32 | first


def _scrambled(part: bytes, before: int, bits: int, after: int) -> int:
    word = int.from_bytes(part, "little") * before & _WORD
    return _rotated(word, bits) * after & _WORD


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _WORD


def _added(first: int, second: int) -> tuple[int, int]:
    first = (first + second) & _WORD
    return first, (second + first) & _WORD


def _mixed(word: int) -> int:
    word = (word ^ word >> 16) * 0x85EBCA6B & _WORD
    word = (word ^ word >> 13) * 0xC2B2AE35 & _WORD
    return word ^ word >> 16
