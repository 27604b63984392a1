"""Which column contains what: by its name, by what is in it, or because somebody said so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from enforcer.core.keys import is_address, is_object_id, trimmed
from enforcer.register.feed.column_names import IDENTIFYING, Field, looks_like, places, plain_name
from enforcer.register.feed.grid import Grid, Row, text_of
from enforcer.register.feed.problems import FileError, Problem, of_file

# What `--map` may decide.
MAPPABLE = {
    "user": Field.USER,
    "end": Field.END,
    "start": Field.START,
    "name": Field.NAME,
    "company": Field.COMPANY,
    "sponsor": Field.SPONSOR,
    "note": Field.NOTE,
}
_OPTIONS = {field: option for option, field in MAPPABLE.items()}
_HEADER_WITHIN = 30  # rows
# Columns with these names count only if their cells fit: else they are numbers or names of the HR system.
_BY_CONTENT = {
    Field.LOOSE: lambda text: is_address(text) or is_object_id(text),
    Field.MANAGER: is_address,
    Field.TEAM: is_object_id,
}
# What a field makes superfluous.
_INSTEAD = {
    Field.SPONSOR: (Field.MANAGER,),
    Field.NAME: (Field.FIRST_NAME, Field.LAST_NAME),
    Field.GROUP: (Field.TEAM,),
}
_SHOWN = 30  # columns in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An ignored column that may be wanted: `--map FIELD=COLUMN` would use it.

    Attributes:
        is_usable: Whether what is in it could be the field.
    """

    field: str
    column: str
    is_usable: bool

    def __str__(self) -> str:
        if not self.is_usable:
            return (
                f"column {self.column!r} contains no e-mail addresses, so nobody in it becomes a sponsor:"
                " sponsors are known by their e-mail address"
            )
        what = {"start": "start date", "sponsor": "sponsor", "end": "end date"}[self.field]
        return (
            f"column {self.column!r} looks like a {what} and is ignored; to use it: --map"
            f" {self.field}={self.column!r}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a file.

    Attributes:
        header: The row that names them.
        used: The column of each field.
        doubts: Ignored columns that may be wanted.
        rows: Those below the header.
        skipped: The numbers of rows that are neither header nor contractor.
    """

    header: Row
    used: Mapping[Field, int]
    doubts: tuple[Doubt, ...]
    rows: tuple[Row, ...]
    skipped: tuple[int, ...] = ()

    @property
    def identifying(self) -> tuple[int, ...]:
        """The columns that say who the contractor is, the most certain first."""
        return tuple(self.used[field] for field in IDENTIFYING if field in self.used)

    def name(self, column: int) -> str:
        return _names(self.header)[column]

    @property
    def ignored(self) -> tuple[str, ...]:
        used = set(self.used.values())
        return tuple(name for at, name in enumerate(_names(self.header)) if name and at not in used)

    @property
    def told(self) -> str:
        """Which columns are used for what, and which are ignored."""
        used = ", ".join(f"{self.name(at)!r} as {field}" for field, at in self.used.items())
        ignored = f"; ignored: {_listed(self.ignored)}" if self.ignored else ""
        return f"columns used: {used}{ignored}"


def count_named(cells: Sequence[str]) -> int:
    """Return how many fields the cells of a row name; a row that names user and end counts more."""
    fields = {field for cell in cells if len(cell) < 200 for field, _ in places(cell)[:1]}  # noqa: PLR2004
    whole = bool(fields & set(IDENTIFYING)) + (Field.END in fields)
    return len(fields) + 100 * whole


def find_columns(grid: Grid, mapping: Mapping[str, str]) -> Columns:
    """Find the header and what each column contains.

    Args:
        grid: The whole table, with whatever programs write above it.
        mapping: Columns' names by the options in `MAPPABLE`.

    Raises:
        FileError: A column is missing, or several may be meant.
    """
    if not grid.rows:
        raise of_file("the file is empty; its first line must name the columns")
    at = _header_at(grid.rows, mapping)
    header, rows = grid.rows[at], list(grid.rows[at + 1 :])
    skipped = [row.number for row in grid.rows[:at]]
    # Some systems name columns twice: for programs, then for people.
    if rows and count_named(_names(rows[0])) >= 200:  # noqa: PLR2004 -- both user and end
        skipped.append(rows.pop(0).number)
    used = _used(header, rows, mapping)
    doubts = _doubts(header, rows, used)
    return Columns(header=header, used=used, doubts=tuple(doubts), rows=tuple(rows), skipped=tuple(skipped))


def _header_at(rows: Sequence[Row], mapping: Mapping[str, str]) -> int:
    mapped = {plain_name(name) for name in mapping.values()}

    def score(at: int) -> tuple[int, int]:
        names = _names(rows[at])
        return count_named(names) + 100 * len(mapped & set(map(plain_name, names))), -at

    return max(range(min(len(rows), _HEADER_WITHIN)), key=score)


def _used(header: Row, rows: Sequence[Row], mapping: Mapping[str, str]) -> dict[Field, int]:
    names = _names(header)
    mapped = {MAPPABLE[option]: _mapped(header, option, name) for option, name in mapping.items()}
    problems: list[str] = []
    found = dict(mapped)
    for field in Field:
        if field in mapped or _is_decided(field, mapped):
            continue
        taken = found.values()
        columns = [at for at in _best(names, field) if at not in taken and _fits(field, rows, at)]
        if len(columns) > 1:
            columns = _filled(rows, columns)
        if len(columns) > 1:
            problems.append(_several(field, [names[at] for at in columns]))
        elif columns:
            found[field] = columns[0]
    superfluous = [less for field, instead in _INSTEAD.items() if field in found for less in instead]
    found = {field: found[field] for field in Field if field in found and field not in superfluous}
    _settle_the_loose(rows, found)
    problems += _missing(header, rows, found)
    if problems:
        raise FileError([Problem(line=header.number, kind=text, text=text) for text in problems])
    return found


def _settle_the_loose(rows: Sequence[Row], found: dict[Field, int]) -> None:
    """Take a column such as `Id` for the object ID if it has nothing else, or for want of other columns."""
    if Field.LOOSE not in found or not found.keys() & set(IDENTIFYING) - {Field.LOOSE}:
        return
    loose = found.pop(Field.LOOSE)
    if Field.OBJECT_ID not in found and all(is_object_id(text) for text in _texts(rows, loose) if text):
        found[Field.OBJECT_ID] = loose


def _mapped(header: Row, option: str, name: str) -> int:
    names = _names(header)
    found = [at for at, each in enumerate(names) if each == name.strip()] or [
        at for at, each in enumerate(names) if each and plain_name(each) == plain_name(name)
    ]
    if len(found) == 1:
        return found[0]
    why = "several columns" if found else "no column"
    raise FileError(
        [
            Problem(
                line=header.number,
                kind="--map",
                text=f"--map {option}={name}: there is {why} of that name; the columns are {_listed(names)}",
            )
        ]
    )


def _is_decided(field: Field, mapped: Mapping[Field, int]) -> bool:
    """Whether `--map` has already said what this field would say."""
    return (Field.USER in mapped and field in IDENTIFYING) or any(
        of in mapped and field in instead for of, instead in _INSTEAD.items()
    )


def _best(names: Sequence[str], field: Field) -> list[int]:
    """Return the columns of the best tier that has any."""
    ranked = [(tier, at) for at, name in enumerate(names) for of, tier in places(name) if of is field]
    best = min((tier for tier, _ in ranked), default=0)
    return [at for tier, at in ranked if tier == best]


def _fits(field: Field, rows: Sequence[Row], at: int) -> bool:
    fits = _BY_CONTENT.get(field)
    return fits is None or any(fits(_trimmed(row, at)) for row in rows)


def _filled(rows: Sequence[Row], columns: Sequence[int]) -> list[int]:
    """Leave out columns in which there is nothing, unless that is so of all."""
    return [at for at in columns if any(_trimmed(row, at) for row in rows)] or list(columns[:1])


def _missing(header: Row, rows: Sequence[Row], found: Mapping[Field, int]) -> list[str]:
    problems = []
    names = _names(header)
    if not set(found) & set(IDENTIFYING):
        numbers = [names[at] for at in _best(names, Field.LOOSE)]
        why = f" ({_listed(numbers)} contains neither object IDs nor addresses)" if numbers and rows else ""
        problems.append(_nobody("who the contractor is", "user", header, why))
    if Field.END not in found:
        likely = [name for name in names if looks_like(name) is Field.END]
        why = f"; is it {_listed(likely)}?" if likely else ""
        problems.append(_nobody("when access ends", "end", header, why))
    return problems


def _nobody(what: str, option: str, header: Row, why: str) -> str:
    return (
        f"no column says {what}{why}; name one with --map {option}=COLUMN. The columns are"
        f" {_listed(_names(header))}"
    )


def _several(field: Field, names: Sequence[str]) -> str:
    option = _OPTIONS.get(field) or ("user" if field in IDENTIFYING else "")
    cure = f"choose with --map {option}={names[0]!r}" if option else "keep one"
    return f"the columns {_listed(names)} may all be the {field}; {cure}"


def _doubts(header: Row, rows: Sequence[Row], used: Mapping[Field, int]) -> list[Doubt]:
    doubts: dict[Field, Doubt] = {}
    has_sponsor = {Field.SPONSOR, Field.MANAGER} & set(used)
    for at, name in enumerate(_names(header)):
        field = _meant(name)
        if not name or at in used.values() or field not in (Field.START, Field.SPONSOR):
            continue
        if field in used or (field is Field.SPONSOR and has_sponsor) or not any(_texts(rows, at)):
            continue
        usable = field is not Field.SPONSOR or any(map(is_address, _texts(rows, at)))
        doubts.setdefault(field, Doubt(field=_OPTIONS[field], column=name, is_usable=usable))
    return list(doubts.values())


def _meant(name: str) -> Field | None:
    if any(field is Field.MANAGER for field, _ in places(name)):
        return Field.SPONSOR
    return looks_like(name)


def _names(row: Row) -> list[str]:
    return [trimmed(text_of(cell)) for cell in row.cells]


def _texts(rows: Iterable[Row], at: int) -> Iterable[str]:
    return (_trimmed(row, at) for row in rows)


def _trimmed(row: Row, at: int) -> str:
    return trimmed(text_of(row.cell(at)))


def _listed(names: Iterable[str]) -> str:
    shown = [repr(name) for name in names if name]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
