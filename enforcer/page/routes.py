"""The page's routes. They are not part of the API or its description."""

from __future__ import annotations

from enforcer.page.changes import change_person
from enforcer.page.importing import LARGEST, import_upload, show_import
from enforcer.page.overview import approve, show_overview
from enforcer.page.person_view import show_person
from enforcer.web.roles import Access
from enforcer.web.routes import Route

# The Functions host reads an empty route as the function's name; a parameter that must be empty is `/api/`
# (https://github.com/Azure/Azure-Functions/issues/2473).
_NOTHING = "{nothing:maxlength(0)?}"
_PERSON = "people/{user}"
_IMPORT = "import"

PAGES = (
    Route(
        name="page",
        method="GET",
        path=_NOTHING,
        access=Access.READ,
        handler=show_overview,
        summary="Show the overview, or search",
    ),
    Route(
        name="page_approve",
        method="POST",
        path=_NOTHING,
        access=Access.APPROVE,
        handler=approve,
        summary="Approve a held plan",
    ),
    Route(
        name="page_person",
        method="GET",
        path=_PERSON,
        access=Access.READ,
        handler=show_person,
        summary="Show a person",
    ),
    Route(
        name="page_change",
        method="POST",
        path=_PERSON,
        access=Access.EXTEND,
        handler=change_person,
        summary="Register, extend or offboard a person",
    ),
    Route(
        name="page_import",
        method="GET",
        path=_IMPORT,
        access=Access.EXTEND,
        handler=show_import,
        summary="Choose a file to import",
    ),
    Route(
        name="page_upload",
        method="POST",
        path=_IMPORT,
        access=Access.EXTEND,
        handler=import_upload,
        summary="Show what would follow from a file, or import it",
        largest_body=LARGEST,
    ),
)
