"""Every Graph call that the code can make exists in Graph and is allowed by the granted permissions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken

from enforcer.core.settings import PROTECTED_GROUPS
from enforcer.deployment.azure_cli import AzureCli
from enforcer.deployment.entra import Entra
from enforcer.deployment.hands import Acting
from enforcer.deployment.identity_step import prepare_identity
from enforcer.deployment.patience import Patience
from enforcer.deployment.people import People
from enforcer.deployment.tags import Deployed
from enforcer.deployment.tenant_file import Principal, TenantFile, form, parsed
from enforcer.deployment.undeploy import remove
from enforcer.deployment.work import Work, read_account
from enforcer.graph.batch import BATCH_SIZE
from enforcer.graph.client import GraphClient
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.directory import Directory
from enforcer.graph.memberships import directory_roles_of, everybody_in, groups_having
from enforcer.graph.pacer import WINDOW_SECONDS, WRITES, Pacer
from enforcer.graph.steps import DirectorySteps
from enforcer.notify.mail import send_mail
from enforcer.notify.wording import Text
from enforcer.policies.as_code.managing import Manager
from enforcer.policies.as_code.sign_in import operators_graph
from enforcer.policies.as_code.wanted import read_wanted
from sandbox.directory.description import GRAPH_V1, Operation
from sandbox.directory.log import Entry
from sandbox.directory.permissions import ACCESS_AS_USER
from sandbox.directory.tokens import AZURE_CLI, TokenRequest
from tests.deployment.conftest import ADMINISTRATOR
from tests.infra.test_permissions import ALWAYS, OPTIONAL
from tests.support.azure_world import running_azure
from tests.support.office import TEMPLATES, Office
from tools.graph_calls import Place, faults, main, paths_in_the_code

MAIL = Text(subject="Ends soon", body="<p>Ada</p>")


@pytest.fixture
async def calls(office: Office) -> list[Entry]:
    """Everything that the product asks of Graph; as an owner of the group it needs no permission."""
    identity = office.tenant.identity
    assert identity is not None
    office.tenant.grant(identity, *sorted(ALWAYS | OPTIONAL.keys() - {"GroupMember.ReadWrite.All"}))
    office.tenant.owners[office.contractors.id].append(identity.id)
    office.somebody_has_access()
    async with GraphClient(office.settings) as client:
        await offboard_people(client, office)
        await ask_about_policies(client, office)
        assert await send_mail(client, office.operator.user_principal_name, "sue@contoso.com", MAIL) == ""
    await manage_policies(office)
    await deploy_and_remove(office)
    return office.directory.sandbox.log.entries


async def offboard_people(client: GraphClient, office: Office) -> None:
    people = [office.tenant.add_user(f"Person {number}") for number in range(3)]
    people.append(office.tenant.add_guest("Gina Guest", "gina@partner.example"))
    office.tenant.fill_group(office.contractors, people)
    directory, group = Directory(client), office.contractors.id
    steps = DirectorySteps(client, directory)
    await directory.require_group(group)
    assert [member async for member in directory.members(group)]
    assert await directory.owners(group)
    for person in people:
        await directory.find(person.id)
        await directory.find(person.mail or "")
    for some in (people[:1], people[1:]):  # alone, then in batches
        await asyncio.gather(*(steps.set_enabled(person.id, enabled=False) for person in some))
        await asyncio.gather(*(steps.remove(group, person.id) for person in some))
        await asyncio.gather(*(steps.revoke(person.id) for person in some))
        await asyncio.gather(*(steps.add(group, person.id) for person in some))


async def ask_about_policies(client: GraphClient, office: Office) -> None:
    access = ConditionalAccess(client, Pacer(1000, 1.0))
    await access.policies()
    await access.evaluate(office.operator.id)
    await groups_having(client, office.operator.id, [office.contractors.id] * (BATCH_SIZE + 1))
    await directory_roles_of(client, office.operator.id)
    assert await everybody_in(client, [office.contractors.id], PROTECTED_GROUPS)


async def manage_policies(office: Office) -> None:
    wanted = read_wanted(TEMPLATES, office.write_values(), office.settings.group_ids)
    async with operators_graph(office.settings) as client:
        manager = Manager(client, ConditionalAccess(client, Pacer(1000, 1.0)))
        for _ in range(2):
            await manager.apply(await manager.plan(wanted, enable=True), wanted, lambda _: None)


async def deploy_and_remove(office: Office) -> None:
    """Take the steps that need Entra ID, as an administrator, with a group that exists and a new one."""
    administrator = office.tenant.add_user("Ada Administrator", directory_roles=[*ADMINISTRATOR])
    folder = office.folder / "deployment"
    folder.mkdir()
    token = office.directory.token(
        TokenRequest(
            audience="https://graph.microsoft.com",
            user=administrator.id,
            scopes=[ACCESS_AS_USER],
            app=AZURE_CLI,
        )
    )
    file = TenantFile(path=folder / "contoso.yaml", text=form(), values=parsed(folder, form()))
    values: dict[str, str | tuple[str, ...] | tuple[Principal, ...]] = {
        "tenantId": office.tenant.tenant_id,
        "groupIds": (office.contractors.id,),
        "newGroup": "Contractors (new)",
        "location": "westeurope",
        "operators": (Principal(id=office.everybody.id, type="Group"),),
    }
    for key, value in values.items():
        file = file.with_value(key, value)
    with running_azure(office.directory, folder, administrator) as azure:
        az = AzureCli(environ={"PATH": str(folder)})
        async with GraphClient(office.settings, credential=_Token(token)) as client:  # type: ignore[arg-type]
            entra = Entra(client)
            work = Work(
                file=file,
                account=await read_account(az),
                azure=az,
                entra=entra,
                hands=Acting(lambda _: None),
                patience=Patience(seconds=30.0, pause=0.01),
            )
            await prepare_identity(work)
            people = People()
            people._entra, people._account = entra, {"id": "x"}
            await people.principal("All contractors")
            await people.principal(administrator.user_principal_name)
            await people.principal(administrator.id)
            await remove(work, Deployed())
    assert azure.resources == []


class _Token:
    """A credential that has its token already."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get_token(self, *_scopes: str, **_more: object) -> AccessToken:
        return AccessToken(self._token, 4102444800)

    async def close(self) -> None:
        pass


def operation_of(entry: Entry) -> Operation | None:
    path = entry.path.removeprefix("/v1.0").partition("?")[0]
    return next((one for one in GRAPH_V1.operations_at(path) if one.method == entry.method), None)


@pytest.mark.anyio
async def test_every_call_is_described_granted_and_answered_as_published(calls: list[Entry]) -> None:
    graph = [entry for entry in calls if entry.path.startswith("/v1.0")]
    refused = [
        f"{entry.method} {entry.path}: {entry.status}"
        for entry in graph
        if (operation := operation_of(entry)) is None or entry.status not in operation.status
    ]
    # An address that is not a user principal name; everything else was allowed and found.
    assert [one for one in refused if not one.endswith(": 404")] == []
    # A deployment looks whether there is something of that name before it creates it.
    looks = ("/users/gina@partner.example?", "(uniqueName=", "(appId=", "/groups/")
    assert all(one.startswith("GET ") and any(look in one for look in looks) for one in refused)


@pytest.mark.anyio
async def test_every_path_in_the_code_is_called_here(calls: list[Entry]) -> None:
    """A new call has to be added to `calls`, so that the sandbox checks what is sent."""
    made = {operation.path for entry in calls if (operation := operation_of(entry))}
    missing = [
        str(place)
        for place in paths_in_the_code()
        if not any(operation.path in made for operation in place.operations)
    ]
    assert missing == []


@pytest.mark.anyio
async def test_every_call_that_is_described_is_made(calls: list[Entry]) -> None:
    """A call that is no longer made need not be described."""
    made = {(operation.method, operation.path) for entry in calls if (operation := operation_of(entry))}
    assert {(one.method, one.path) for one in GRAPH_V1.operations} == made


def test_the_code_names_no_path_that_graph_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    assert capsys.readouterr().out.endswith("; 0 errors\n")


@pytest.mark.parametrize(
    ("code", "text", "fault"),
    [
        ('read("/users/{user}/revokeSignInSession")', "/users/{user}/revokeSignInSession", "is not a call"),
        (
            'X = "/groups"\nY = X + "/{group}/members?$top=5&$skip=5"',
            "/groups/{group}/members?$top=5&$skip=5",
            "takes no $skip",
        ),
        (
            'f"/groups/{group}?$select=nonsense"',
            "/groups/{}?$select=nonsense",
            "a property named 'nonsense'",
        ),
        ('f"/groups/{group}?$select=id,mail"', "/groups/{}?$select=id,mail", "lose the commas of $select"),
        ("\"/users?$filter=jobTitle eq 'x'\"", "/users?$filter=jobTitle eq 'x'", "supports no such filter"),
        ("\"/users?$filter=otherMails eq 'x'\"", "/users?$filter=otherMails eq 'x'", "any(x:x eq"),
        ("\"/users?$filter=otherMails/any(o:o eq 'x')\"", "/users?$filter=otherMails/any(o:o eq 'x')", ""),
        ('"/users/{user}/sendMail?$select=id"', "/users/{user}/sendMail?$select=id", "takes no query"),
    ],
)
def test_a_wrong_path_is_found_wherever_it_is(tmp_path: Path, code: str, text: str, fault: str) -> None:
    package = tmp_path / "package"
    (package / "deep").mkdir(parents=True)
    (package / "deep" / "module.py").write_text(code)
    place = next(one for one in paths_in_the_code(package) if one.text == text)
    assert place == Place(file="package/deep/module.py", line=code.count("\n") + 1, text=text)
    found = [*faults(place)]
    assert any(fault in one for one in found) if fault else found == []


def test_the_limits_that_the_product_keeps_are_those_that_are_published() -> None:
    limits = GRAPH_V1.limits
    assert (limits.writes, limits.writes_seconds, limits.batch) == (WRITES, WINDOW_SECONDS, BATCH_SIZE)
