"""A stand-in for `az` and for Azure behind it: it takes no call that azure-cli's parser would not take.

`az` is a program of its own, as it is for the product; it passes its arguments on to this process, where a
test looks at what was made and orders what goes wrong.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import yaml

from enforcer.deployment.bicep_functions import guid, unique_string
from sandbox.directory import ServicePrincipal, User
from sandbox.directory.permissions import ACCESS_AS_USER
from sandbox.directory.server import DirectoryServer
from sandbox.directory.tokens import TokenRequest
from tests.support.azure_cli_calls import command_of, mistakes, parsed

SUBSCRIPTION = "99999999-8888-7777-6666-555555555555"
TAG = {"application": "contractor-access-enforcer"}
# What the enforcer needs and a subscription may never have had.
PROVIDERS: Final = frozenset(
    f"Microsoft.{name}"
    for name in (
        "Authorization",
        "Insights",
        "ManagedIdentity",
        "OperationalInsights",
        "Storage",
        "Web",
        "App",
        "Network",
    )
)
TABLE_CONTRIBUTOR = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
# Nothing but the interpreter and its sockets is loaded: there are dozens of calls in a test.
_AZ = """\
#!{python} -IS
import _socket, sys
connection = _socket.socket()
connection.connect(("127.0.0.1", {port}))
body = "\\0".join(sys.argv[1:]).encode()
connection.sendall(b"POST /az HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
answer = b""
while part := connection.recv(65536):
    answer += part
code, out, err = answer.partition(b"\\r\\n\\r\\n")[2].decode().split("\\0")
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(int(code))
"""


class AzError(Exception):
    """`az` fails with this text."""


@dataclass
class AzureWorld:
    """Azure, as one subscription shows it.

    Attributes:
        person: Whoever is signed in with `az login`; None for nobody.
        may_write: Whether they may create anything in Azure.
        calls: What `az` was told, in order.
        troubles: Commands that fail, each with its text and how often.
        interrupted: Commands whose answer gets lost once, after they have taken effect.
        code: The files of the package that was deployed; empty for none.
        open_to_strangers: Whether the app's API answers without a token.
    """

    directory: DirectoryServer
    port: int
    person: User | None
    may_write: bool = True
    authority_url: str = "https://login.microsoftonline.com"
    manager_url: str = "https://management.azure.com/"
    calls: list[list[str]] = field(default_factory=list)
    troubles: list[list[Any]] = field(default_factory=list)
    interrupted: set[str] = field(default_factory=set)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)
    assignments: list[dict[str, Any]] = field(default_factory=list)
    locks: list[dict[str, Any]] = field(default_factory=list)
    providers: set[str] = field(default_factory=lambda: {*PROVIDERS})
    policy: dict[str, Any] | None = None
    blobs: list[dict[str, Any]] = field(default_factory=list)
    code: frozenset[str] = frozenset()
    open_to_strangers: bool = False
    runs: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fails(self, command: str, text: str, times: int = 1) -> None:
        """Have a command fail with this text, as often as that."""
        self.troubles.append([command, text, times])

    def ran(self, command: str) -> list[list[str]]:
        """Return the calls of a command."""
        return [call for call in self.calls if command_of(call) == command]

    def identity(self) -> ServicePrincipal:
        """Return the enforcer's identity in Entra ID."""
        return self.directory.tenant.application("id-contractor-access")

    # What az is told ----------------------------------------------------------------------------------------

    def run(self, arguments: list[str]) -> dict[str, Any]:
        self.calls.append(arguments)
        if wrong := [*mistakes(arguments)]:
            return {"code": 2, "out": "", "err": f"ERROR: {'; '.join(wrong)}\n"}
        command = command_of(arguments)
        for trouble in self.troubles:
            if command.startswith(trouble[0]) and trouble[2]:
                trouble[2] -= 1
                return {"code": 1, "out": "", "err": f"ERROR: {trouble[1]}\n"}
        try:
            found = self._perform(command, parsed(arguments))
        except AzError as error:
            return {"code": 3, "out": "", "err": f"ERROR: {error}\n"}
        if command in self.interrupted:
            self.interrupted.remove(command)
            return {"code": 1, "out": "", "err": "ERROR: Connection aborted.\n"}
        return {"code": 0, "out": "" if found is None else json.dumps(found), "err": ""}

    def _perform(self, command: str, options: dict[str, list[str]]) -> Any:
        if command == "cloud show":
            return self._cloud()
        if self.person is None:
            raise AzError("Please run 'az login' to setup account.")
        written = command.rpartition(" ")[2] in {"create", "delete", "update", "register", "config-zip"}
        if written and not self.may_write:
            raise AzError(
                f"(AuthorizationFailed) The client '{self.person.user_principal_name}' does not have"
                f" authorization to perform action over scope '/subscriptions/{SUBSCRIPTION}'"
            )
        method = getattr(self, "_" + command.replace(" ", "_").replace("-", "_"), None)
        if method is None:
            raise AzError(f"this stand-in does not do `az {command}`")
        return method(options)

    def _cloud(self) -> Any:
        return {
            "name": "AzureCloud",
            "endpoints": {
                "microsoftGraphResourceId": f"{self.directory.url}/",
                "activeDirectory": self.authority_url,
                "resourceManager": self.manager_url,
            },
        }

    def _account_show(self, _: dict[str, list[str]]) -> Any:
        assert self.person is not None
        return {
            "id": SUBSCRIPTION,
            "tenantId": self.directory.tenant.tenant_id,
            "user": {"name": self.person.user_principal_name, "type": "user"},
        }

    def _account_get_access_token(self, options: dict[str, list[str]]) -> Any:
        assert self.person is not None
        if "--scope" in options:
            audience = options["--scope"][0].removesuffix("/.default")
            request = TokenRequest(audience=audience, user=self.person.id)
        else:
            audience = options["--resource"][0]
            request = TokenRequest(audience=audience, user=self.person.id, scopes=[ACCESS_AS_USER])
        token = self.directory.token(request)
        return {"accessToken": token, "expires_on": 4102444800, "expiresOn": "2100-01-01 00:00:00.000000"}

    # Resource groups and what is in them --------------------------------------------------------------------

    def _group(self, name: str) -> dict[str, Any]:
        if name not in self.groups:
            raise AzError(f"(ResourceGroupNotFound) Resource group '{name}' could not be found.")
        return self.groups[name]

    def _group_show(self, options: dict[str, list[str]]) -> Any:
        return self._group(options["--name"][0])

    def _group_create(self, options: dict[str, list[str]]) -> Any:
        name = options["--name"][0]
        self.groups[name] = {
            "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}",
            "name": name,
            "location": options["--location"][0],
            "tags": _tags(options.get("--tags", [])),
        }
        return self.groups[name]

    def _group_delete(self, options: dict[str, list[str]]) -> None:
        self._group(options["--name"][0])
        assert not self.locks
        del self.groups[options["--name"][0]]

    def _tag_update(self, options: dict[str, list[str]]) -> Any:
        group = self._group(options["--resource-id"][0].rpartition("/")[2])
        given = _tags(options["--tags"])
        for name, value in given.items():
            if len(value) > 256 or len(name) > 512:
                raise AzError("(InvalidTagValueLength) a tag value is too long")
        if options["--operation"] == ["Delete"]:
            group["tags"] = {name: value for name, value in group["tags"].items() if name not in given}
        else:
            group["tags"] = {**group["tags"], **given}
        return group

    def _provider_list(self, _: dict[str, list[str]]) -> Any:
        states = {True: "Registered", False: "NotRegistered"}
        return [
            {"namespace": one, "registrationState": states[one in self.providers]}
            for one in sorted(PROVIDERS)
        ]

    def _provider_register(self, options: dict[str, list[str]]) -> None:
        self.providers |= set(options["--namespace"])

    def _identity_show(self, options: dict[str, list[str]]) -> Any:
        self._group(options["--resource-group"][0])
        name = options["--name"][0]
        found = [one for one in self.resources if one["name"] == name]
        if not found:
            raise AzError(f"(ResourceNotFound) The Resource '{name}' was not found.")
        identity = self.directory.tenant.application(name)
        return {"id": found[0]["id"], "principalId": identity.id, "clientId": identity.app_id}

    def _identity_create(self, options: dict[str, list[str]]) -> Any:
        name, group = options["--name"][0], options["--resource-group"][0]
        self._group(group)
        self.add_resource(group, "Microsoft.ManagedIdentity/userAssignedIdentities", name)
        identity = self.directory.tenant.add_managed_identity(name)
        identity.service_principal_names.append(name)
        return self._identity_show(options)

    def add_resource(self, group: str, kind: str, name: str, tags: dict[str, str] | None = None) -> str:
        """Put a resource into a group, unless it is there; return its ID."""
        resource_id = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{kind}/{name}"
        if all(one["id"] != resource_id for one in self.resources):
            self.resources.append({"id": resource_id, "name": name, "type": kind, "tags": tags or TAG})
        return resource_id

    def _resource_list(self, options: dict[str, list[str]]) -> Any:
        if "--tag" in options and "--resource-group" in options:
            raise AzError("you cannot use '--tag' with '--resource-group'")
        kind = options.get("--resource-type", [""])[0].lower()
        return [one for one in self.resources if not kind or one["type"].lower() == kind]

    def _resource_delete(self, options: dict[str, list[str]]) -> None:
        for resource_id in options["--ids"]:
            if any(lock["scope"] == resource_id for lock in self.locks):
                raise AzError(f"(ScopeLocked) The scope '{resource_id}' cannot be deleted: it is locked.")
            gone = [one for one in self.resources if one["id"] == resource_id]
            if not gone:
                raise AzError(f"(ResourceNotFound) The Resource '{resource_id}' was not found.")
            if gone[0]["type"].endswith("storageAccounts") and self.policy is not None:
                raise AzError("(AccountProtectedByImmutability) a container has a retention policy")
            if gone[0]["type"].endswith("userAssignedIdentities"):
                self.directory.tenant.remove_principal(self.directory.tenant.application(gone[0]["name"]))
            self.resources.remove(gone[0])

    # Deployments --------------------------------------------------------------------------------------------

    def _deployment_group_create(self, options: dict[str, list[str]]) -> Any:
        group = options["--resource-group"][0]
        self._group(group)
        tenant = _parameters(options)
        suffix = unique_string(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}", tenant["name"])
        unique, storage = f"{tenant['name']}-{suffix}", f"st{suffix}"
        account = self.add_resource(group, "Microsoft.Storage/storageAccounts", storage)
        made = [
            account,
            self.add_resource(group, "Microsoft.Web/serverfarms", f"plan-func-{unique}"),
            self.add_resource(group, "Microsoft.Web/sites", f"func-{unique}"),
            self.add_resource(group, "Microsoft.OperationalInsights/workspaces", f"log-{unique}"),
            self.add_resource(group, "Microsoft.Insights/scheduledQueryRules", f"{unique}-held"),
            *(self.assign(account, one["id"], TABLE_CONTRIBUTOR) for one in tenant["operators"]),
            self.assign(account, self.identity().id, TABLE_CONTRIBUTOR),
        ]
        if tenant["lock"] and not self.locks:
            self.locks = [
                {
                    "id": f"{account}/providers/Microsoft.Authorization/locks/no-deletion",
                    "name": "no-deletion",
                    "scope": account,
                }
            ]
        if tenant["reportRetentionDays"] and self.policy is None:
            self.policy = {
                "state": "Unlocked",
                "immutabilityPeriodSinceCreationInDays": tenant["reportRetentionDays"],
                "etag": '"1"',
            }
        outputs = {
            "appName": f"func-{unique}",
            "apiUrl": f"{self.url}/api",
            "storageAccountName": storage,
            "tableServiceUri": f"https://{storage}.table.core.windows.net/",
            "queueServiceUri": f"https://{storage}.queue.core.windows.net/",
            "blobServiceUri": f"https://{storage}.blob.core.windows.net/",
            "warnings": [] if tenant["alertEmails"] else ["Nobody is notified of alarms."],
        }
        return {
            "properties": {
                "outputs": {name: {"type": "string", "value": value} for name, value in outputs.items()},
                "outputResources": [{"id": one} for one in made],
            }
        }

    def _deployment_group_what_if(self, options: dict[str, list[str]]) -> Any:
        _parameters(options)
        return {"changes": [{"changeType": "Create", "resourceId": "/x/providers/Microsoft.Web/sites/func"}]}

    def assign(self, scope: str, principal_id: str, role: str, *, name: str = "") -> str:
        """Assign an Azure role, unless it is; return the assignment's ID."""
        name = name or guid(scope, principal_id, role)
        assignment_id = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        same = [
            one
            for one in self.assignments
            if one["id"] != assignment_id
            and (
                one["properties"]["scope"],
                one["properties"]["principalId"],
                one["properties"]["roleDefinitionId"].rpartition("/")[2],
            )
            == (scope, principal_id, role)
        ]
        if same:
            raise AzError(
                "(RoleAssignmentExists) The role assignment already exists. The ID of the existing role"
                f" assignment is {same[0]['name'].replace('-', '')}."
            )
        if all(one["id"] != assignment_id for one in self.assignments):
            definition = (
                f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
            )
            properties = {"scope": scope, "principalId": principal_id, "roleDefinitionId": definition}
            self.assignments.append({"id": assignment_id, "name": name, "properties": properties})
        return assignment_id

    def _rest(self, options: dict[str, list[str]]) -> Any:
        url = options.get("--url", [""])[0]
        if not url.endswith("/providers/Microsoft.Authorization/roleAssignments"):
            raise AzError(f"this stand-in does not GET {url}")
        assert options["--url-parameters"] == ["api-version=2022-04-01"]
        return {"value": self.assignments}

    def _role_assignment_delete(self, options: dict[str, list[str]]) -> None:
        self.assignments = [one for one in self.assignments if one["id"] not in options["--ids"]]

    def _functionapp_deployment_source_config_zip(self, options: dict[str, list[str]]) -> None:
        with ZipFile(options["--src"][0]) as package:
            self.code = frozenset(package.namelist())
        if not {"host.json", "function_app.py"} <= self.code:
            raise AzError("Deployment was not successful: the package is not a function app.")

    def _storage_container_immutability_policy_show(self, _: dict[str, list[str]]) -> Any:
        if self.policy is None:
            raise AzError("(ContainerImmutabilityPolicyNotFound) The policy was not found.")
        return self.policy

    def _storage_container_immutability_policy_delete(self, options: dict[str, list[str]]) -> None:
        assert self.policy is not None
        assert options["--if-match"] == [self.policy["etag"]]
        self.policy = None

    def _storage_blob_list(self, _: dict[str, list[str]]) -> Any:
        return self.blobs

    def _lock_list(self, _: dict[str, list[str]]) -> Any:
        return self.locks

    def _lock_delete(self, options: dict[str, list[str]]) -> None:
        self.locks = [one for one in self.locks if one["id"] not in options["--ids"]]

    # The app ------------------------------------------------------------------------------------------------

    def serve(self, method: str, path: str, authorized: bool) -> tuple[int, Any]:  # noqa: FBT001, PLR0911
        """Answer as the deployed app and the authentication in front of it do."""
        if not self.code:
            return 404, {}
        if path == "/api/health":
            return 200, {"status": "ok"}
        if not authorized and not self.open_to_strangers:
            return 401, {}
        match method, path.split("/")[2:]:
            case "GET", ["status"]:
                return 200, {}
            case "POST", ["sweeps"]:
                self.runs.append(f"run-{len(self.runs) + 1}")
                return 202, {"run_id": self.runs[-1]}
            case "GET", ["runs", run_id]:
                return 200, {
                    "run_id": run_id,
                    "state": "complete",
                    "runs": [{"group_id": "g", "state": "complete", "due": 0}],
                }
        return 404, {}


def _tags(given: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (one.partition("=") for one in given)}


def _parameters(options: dict[str, list[str]]) -> dict[str, Any]:
    """Read the values as the compiler does: from the YAML file that the parameter file loads."""
    file = Path(options["--parameters"][0])
    text = file.read_text()
    assert f"loadYamlContent('{file.stem}.yaml')" in text
    values: dict[str, Any] = yaml.safe_load(file.with_suffix(".yaml").read_text())
    for override in options["--parameters"][1:]:
        name, _, value = override.partition("=")
        values[name] = int(value)
    if not values["groupIds"]:
        raise AzError("Error BCP333: The provided value has a length of 0, the expected minimum is 1.")
    return values


@contextmanager
def running_azure(directory: DirectoryServer, folder: Path, person: User | None) -> Iterator[AzureWorld]:
    """Run Azure while the block runs, with an `az` in the folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    world = AzureWorld(directory, server.server_port, person)
    server.world = world  # type: ignore[attr-defined]
    program = folder / "az"
    program.write_text(_AZ.format(python=sys.executable, port=server.server_port))
    program.chmod(0o755)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        world: AzureWorld = self.server.world  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/az":
            ran = world.run(body.decode().split("\0"))
            status, content = 200, "\0".join(map(str, ran.values())).encode()
        else:
            status, found = world.serve(method, self.path, "Authorization" in self.headers)
            content = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass
