"""How an entry of table `ledger`, and the head of the chain, are written as rows."""

from __future__ import annotations

import msgspec

from enforcer.core.brake import Batch, Window
from enforcer.core.ledger import Action, Entry, Head, Link
from enforcer.storage.tables.tables import Entity

HEAD = "head"
WINDOW = "Window"


def key_of(sequence: int) -> str:
    """Return the RowKey of an entry."""
    return f"{sequence:012d}"


_COLUMNS = {
    "at": "At",
    "actor": "Actor",
    "action": "Action",
    "group": "Group",
    "user": "User",
    "row_key": "ContractorKey",
    "run": "RunId",
    "end_date": "EndDate",
    "due_at": "DueAt",
    "outcome": "Outcome",
    "request_id": "RequestId",
    "note": "Note",
}
_ALL_COLUMNS = {"PartitionKey", "RowKey", *_COLUMNS.values(), "Previous", "Hash", "Writer"}
# Only of actors who have a name: entries of earlier versions have no such column.
_NAME = "ActorName"


def link_entity(group_id: str, link: Link) -> Entity:
    entity: Entity = {"PartitionKey": group_id, "RowKey": key_of(link.sequence)}
    for field, column in _COLUMNS.items():
        entity[column] = str(getattr(link.entry, field))
    if link.entry.actor_name:
        entity[_NAME] = link.entry.actor_name
    entity["Previous"], entity["Hash"], entity["Writer"] = link.previous, link.hash, link.writer
    return entity


def read_link(entity: Entity) -> Link:
    """Read a link from the table, however damaged it is."""
    values = {field: str(entity.get(column, "")) for field, column in _COLUMNS.items()}
    row_key = str(entity["RowKey"])
    return Link(
        sequence=int(row_key) if row_key.isascii() and row_key.isdigit() else -1,
        entry=Entry(action=_action(values.pop("action")), actor_name=str(entity.get(_NAME, "")), **values),
        previous=str(entity.get("Previous", "")),
        hash=str(entity.get("Hash", "")),
        writer=str(entity.get("Writer", "")),
        damage=_damage(entity, row_key),
    )


def _action(text: str) -> Action:
    try:
        return Action(text)
    except ValueError:
        return Action.UNREADABLE


def _damage(entity: Entity, row_key: str) -> str:
    """Return damage that the hash does not show: extra or missing columns, or columns of another type."""
    if not (row_key.isascii() and row_key.isdigit() and row_key == key_of(int(row_key))):
        return f"is followed by a row with the key {row_key!r:.50}, which is not an entry's"
    if wrong := sorted((entity.keys() - {_NAME}) ^ _ALL_COLUMNS):
        return f"was changed after it was written: it has too many or too few columns ({', '.join(wrong)})"
    wrong = sorted(name for name, value in entity.items() if not isinstance(value, str))
    return f"was changed after it was written: no text in {', '.join(wrong)}" if wrong else ""


def read_window(entity: Entity) -> Window | None:
    try:
        return Window(msgspec.json.decode(entity[WINDOW], type=tuple[Batch, ...]))
    except (KeyError, TypeError, msgspec.MsgspecError):
        return None


def read_head(entity: Entity) -> Head:
    """Read the head; an unreadable one counts as missing."""
    sequence = entity.get("Sequence")
    return Head(sequence, str(entity.get("Hash", ""))) if isinstance(sequence, int) else Head()
