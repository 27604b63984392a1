"""Answers with directory objects: a single one, or a collection of one or several types."""

from collections.abc import Callable, Iterable, Iterator

from sandbox.directory.errors import unsupported_query
from sandbox.directory.filters import holds, parse
from sandbox.directory.messages import Answer, Call
from sandbox.directory.objects import DirectoryObject, DirectoryRole, ServicePrincipal, User
from sandbox.directory.odata import SCHEMAS, check_select, columns, parse_select, show, show_typed
from sandbox.directory.paging import Listing, page_of
from sandbox.directory.permissions import READ_MEMBER_PROPERTIES, READ_ROLES, allowed
from sandbox.directory.state import Sandbox
from sandbox.directory.tenant import Json

# From an ID to the IDs that follow it, in order.
type Following = Callable[[str], Iterable[str]]

_CASTS = {
    f"{prefix}{schema.name.lower()}": kind
    for kind, schema in SCHEMAS.items()
    for prefix in ("microsoft.graph.", "graph.")
}


def entity(call: Call, entry: DirectoryObject) -> Answer:
    """Answer with an object and the properties that the call selects."""
    select = parse_select(call.query.get("$select"))
    check_select(type(entry), select)
    context = f"{call.root}/$metadata#{_context(type(entry), select)}/$entity"
    return Answer(body={"@odata.context": context, **show(entry, select)})


def sorted_ids(ids: Iterable[str]) -> Following:
    ordered = sorted(ids)
    return lambda after: (one for one in ordered if one > after)


def collection(call: Call, sandbox: Sandbox, following: Following) -> Answer:
    """Answer with a page of the objects with these IDs, or those of the type that the path casts to."""
    if "$filter" in call.query or "$search" in call.query or "$orderby" in call.query:
        raise unsupported_query("Unsupported Query. The query needs advanced query capabilities.")
    kind = _cast(call.parameters.get("cast"))
    select = parse_select(call.query.get("$select"))
    if kind is not None:
        check_select(kind, select)

    def present(after: str) -> Iterator[DirectoryObject]:
        return _of_kind(following(after), kind, sandbox)

    listing = Listing(
        context=_context(kind, select),
        following=present,
        show=_renderer(call, sandbox, kind, select),
        count=_count(call, present),
    )
    return page_of(listing, call, sandbox.settings)


def matching[T: DirectoryObject](
    call: Call, sandbox: Sandbox, kind: type[T], candidates: Iterable[T]
) -> Answer:
    """Answer with a page of the objects of one type that satisfy the call's $filter."""
    select = parse_select(call.query.get("$select"))
    check_select(kind, select)
    condition = parse(call.query["$filter"]) if "$filter" in call.query else None
    ordered = sorted(candidates, key=lambda one: one.id)

    def following(after: str) -> Iterator[T]:
        later = (one for one in ordered if one.id > after)
        return (one for one in later if condition is None or holds(condition, one, columns(kind)))

    listing = Listing(context=_context(kind, select), following=following, show=lambda one: show(one, select))
    return page_of(listing, call, sandbox.settings)


def _cast(text: str | None) -> type[DirectoryObject] | None:
    if text is None:
        return None
    kind = _CASTS.get(text.lower())
    if kind is None:
        raise unsupported_query(f"The cast to '{text}' is not supported.")
    return kind


def _of_kind(
    ids: Iterable[str], kind: type[DirectoryObject] | None, sandbox: Sandbox
) -> Iterator[DirectoryObject]:
    hidden = None if sandbox.settings.list_service_principals else ServicePrincipal
    for object_id in ids:
        # Deleted objects keep their memberships, unseen.
        entry = sandbox.tenant.objects.get(object_id)
        if entry is None or (kind is not None and not isinstance(entry, kind)):
            continue
        if hidden is None or not isinstance(entry, hidden):
            yield entry


def _context(kind: type[DirectoryObject] | None, select: tuple[str, ...]) -> str:
    name = "directoryObjects" if kind is None else f"{SCHEMAS[kind].name}s"
    return f"{name}({','.join(select)})" if select else name


def _renderer(
    call: Call, sandbox: Sandbox, kind: type[DirectoryObject] | None, select: tuple[str, ...]
) -> Callable[[DirectoryObject], Json]:
    # A collection of one type states it once, in its context; a mixed one states it with each object.
    render = show_typed if kind is None else show
    needed: dict[type[DirectoryObject], tuple[frozenset[str], ...]] = {
        User: READ_MEMBER_PROPERTIES,
        DirectoryRole: READ_ROLES,
    }
    hidden: tuple[type[DirectoryObject], ...] = tuple(
        of
        for of, permissions in needed.items()
        if sandbox.settings.enforce_permissions and not allowed(call.caller.permissions, permissions)
    )

    def rendered(entry: DirectoryObject) -> Json:
        shown = render(entry, select)
        if isinstance(entry, hidden):
            return {name: value if name in ("@odata.type", "id") else None for name, value in shown.items()}
        return shown

    return rendered


def _count(call: Call, present: Callable[[str], Iterator[DirectoryObject]]) -> int | None:
    if call.query.get("$count", "").lower() != "true" or not call.eventual:
        return None
    return sum(1 for _ in present(""))
