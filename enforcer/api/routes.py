"""The routes of the API."""

from __future__ import annotations

from functools import cache
from typing import Any

from enforcer.api.bodies import ContractorBody, ImportBody, OffboardBody, OffboardingsBody, SweepBody
from enforcer.api.documents import (
    ApprovedPlans,
    ContractorDocument,
    ContractorPage,
    Health,
    ImportedContractors,
    RunDocument,
    StartedSweeps,
    UndoneRun,
)
from enforcer.api.flags import ALLOWING
from enforcer.api.handlers.contractors import (
    DEFAULT_LIMIT,
    LARGEST_LIMIT,
    delete_contractor,
    get_contractor,
    list_contractors,
    put_contractor,
)
from enforcer.api.handlers.imports import (
    CSV,
    IMPORT_PARAMETERS,
    LARGEST_IMPORT,
    WORKBOOK,
    import_contractors,
)
from enforcer.api.handlers.offboarding import offboard, offboard_several
from enforcer.api.handlers.overview import get_health, get_status
from enforcer.api.handlers.runs import approve_plan, get_run, start_sweeps, undo_run
from enforcer.api.openapi import describe
from enforcer.core.batch_answer import BatchAnswer
from enforcer.core.offboard_answer import Offboarded
from enforcer.offboarding.or_queue import QueuedOffboarding
from enforcer.status.group_status import Status
from enforcer.web.calls import Call
from enforcer.web.messages import Response, respond
from enforcer.web.roles import Access
from enforcer.web.routes import Parameter, Route


@cache
def openapi_document() -> dict[str, Any]:
    return describe(ROUTES)


async def get_openapi(_: Call) -> Response:
    return respond(openapi_document())


_GROUP = Parameter(
    name="group_id",
    description="A managed group; by default, all",
    schema={"type": "string"},
)

ROUTES = (
    Route(
        name="offboard_now",
        method="POST",
        path="contractors/{user}/offboard",
        access=Access.OFFBOARD,
        handler=offboard,
        summary="Offboard a person now, from all managed groups, with or without a row in the register",
        body=OffboardBody,
        answers={200: Offboarded, 202: QueuedOffboarding},
        refusals=(400, 404, 409, 413, 415, 502),
    ),
    Route(
        name="offboard_many",
        method="POST",
        path="offboardings",
        access=Access.OFFBOARD,
        handler=offboard_several,
        summary="Offboard up to 100 people now, with one decision of the brake and one approval",
        body=OffboardingsBody,
        answers={200: BatchAnswer, 202: BatchAnswer},
        refusals=(400, 409, 413, 415, 502),
    ),
    Route(
        name="list_contractors",
        method="GET",
        path="contractors",
        access=Access.READ,
        handler=list_contractors,
        summary="List the register",
        query=(
            _GROUP,
            Parameter(
                name="limit",
                description="The most rows to return",
                schema={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": LARGEST_LIMIT,
                    "default": DEFAULT_LIMIT,
                },
            ),
            Parameter(
                name="continuation",
                description="The next page: `continuation` of the last answer",
                schema={"type": "string"},
            ),
        ),
        answers={200: ContractorPage},
        refusals=(400,),
    ),
    Route(
        name="get_contractor",
        method="GET",
        path="contractors/{user}",
        access=Access.READ,
        handler=get_contractor,
        summary="Show a contractor's row, and what was done about them",
        query=(_GROUP,),
        answers={200: ContractorDocument},
        refusals=(400, 404, 409),
    ),
    Route(
        name="put_contractor",
        method="PUT",
        path="contractors/{user}",
        access=Access.EXTEND,
        handler=put_contractor,
        summary="Register a person whom Entra knows, or change their row",
        body=ContractorBody,
        query=ALLOWING,
        answers={200: ContractorDocument, 201: ContractorDocument},
        refusals=(400, 404, 409, 413, 415),
    ),
    Route(
        name="delete_contractor",
        method="DELETE",
        path="contractors/{user}",
        access=Access.OFFBOARD,
        handler=delete_contractor,
        summary="Delete a contractor's row; nobody leaves a group by this",
        query=(_GROUP,),
        answers={200: ContractorDocument},
        refusals=(400, 404, 409),
    ),
    Route(
        name="import_contractors",
        method="POST",
        path="contractors/import",
        access=Access.EXTEND,
        handler=import_contractors,
        summary="Write many rows: all of them, or none if any is wrong",
        query=IMPORT_PARAMETERS,
        body=ImportBody,
        largest_body=LARGEST_IMPORT,
        media_types=(CSV, WORKBOOK),
        answers={200: ImportedContractors},
        refusals=(400, 413, 415),
    ),
    Route(
        name="start_sweeps",
        method="POST",
        path="sweeps",
        access=Access.OFFBOARD,
        handler=start_sweeps,
        summary="Sweep one managed group or all of them now",
        body=SweepBody,
        answers={202: StartedSweeps},
        refusals=(400, 409, 413, 415),
    ),
    Route(
        name="get_run",
        method="GET",
        path="runs/{id}",
        access=Access.READ,
        handler=get_run,
        summary="Show a run, group by group",
        answers={200: RunDocument},
        refusals=(404,),
    ),
    Route(
        name="undo_run",
        method="POST",
        path="runs/{id}/undo",
        access=Access.OFFBOARD,
        handler=undo_run,
        summary="Restore the memberships that a run removed, and enable the accounts that it disabled",
        answers={200: UndoneRun},
        refusals=(404, 409),
    ),
    Route(
        name="approve_plan",
        method="POST",
        path="plans/{digest}/approval",
        access=Access.APPROVE,
        handler=approve_plan,
        summary="Approve a plan that the brake holds: for one run, and only while it stays the same",
        answers={200: ApprovedPlans},
        refusals=(404, 409),
    ),
    Route(
        name="get_status",
        method="GET",
        path="status",
        access=Access.READ,
        handler=get_status,
        summary="Show when each group was last swept, and who is stuck, held or ending soon",
        answers={200: Status},
    ),
    Route(
        name="get_openapi",
        method="GET",
        path="openapi.json",
        access=Access.READ,
        handler=get_openapi,
        summary="Describe this API",
        answers={200: None},
    ),
    Route(
        name="get_health",
        method="GET",
        path="health",
        access=Access.ANYBODY,
        handler=get_health,
        summary="Say whether the app is up",
        answers={200: Health},
    ),
)
