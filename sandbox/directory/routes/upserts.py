"""Alternate keys, and changes that create what they name ("Upsert …", `Prefer: create-if-missing`)."""

from sandbox.directory.messages import Call


def alternate_key(text: str) -> tuple[str, str]:
    """Return the name of the key, in lower case, and its value; an object ID has no name."""
    name, equals, value = text.partition("=")
    return (name.lower(), value.strip("'").replace("''", "'")) if equals else ("", text)


def asks_to_create(call: Call) -> bool:
    return call.headers.get("prefer", "").lower() == "create-if-missing"
