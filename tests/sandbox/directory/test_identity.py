import time

import httpx
import jwt
import pytest
from azure.identity.aio import ManagedIdentityCredential
from kiota_abstractions.api_client_builder import register_default_deserializer
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from kiota_serialization_json.json_parse_node_factory import JsonParseNodeFactory
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.graph_request_adapter import GraphRequestAdapter

from sandbox.directory import Fault
from tests.sandbox.directory.conftest import GRAPH, Scene, error_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def environment(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in scene.server.environment.items():
        monkeypatch.setenv(name, value)


async def fetch(scene: Scene, **query: str) -> httpx.Response:
    return await scene.http.get(
        scene.server.identity_endpoint,
        params={"api-version": "2019-08-01", "resource": GRAPH, **query},
        headers={"X-IDENTITY-HEADER": scene.server.identity_header},
    )


@pytest.mark.usefixtures("environment")
async def test_azure_identitys_own_credential_gets_a_token(scene: Scene) -> None:
    async with ManagedIdentityCredential() as credential:
        token = await credential.get_token(f"{GRAPH}/.default")
    claims = jwt.decode(token.token, options={"verify_signature": False})
    assert claims["roles"] == ["GroupMember.Read.All", "User.Read.All"]
    assert token.expires_on == pytest.approx(time.time() + 86_400, abs=60)


@pytest.mark.usefixtures("environment")
async def test_the_graph_sdks_adapter_works_unchanged(scene: Scene) -> None:
    async with ManagedIdentityCredential() as credential, httpx.AsyncClient(trust_env=False) as http:
        http.base_url = httpx.URL(f"{scene.server.url}/v1.0")
        provider = AzureIdentityAuthenticationProvider(
            credential, scopes=[f"{GRAPH}/.default"], allowed_hosts=["127.0.0.1"]
        )
        register_default_deserializer(JsonParseNodeFactory)
        adapter = GraphRequestAdapter(provider, client=http)

        async def ask(method: Method, path: str, **parameters: str) -> bytes | None:
            request = RequestInformation(
                method, f"{{+baseurl}}{path}", {"group": scene.group.id, **parameters}
            )
            # Kiota takes "XXX" for every status that is an error.
            answer: bytes | None = await adapter.send_primitive_async(request, "bytes", {"XXX": ODataError})
            return answer

        gus = await ask(Method.GET, "/users/{user}", user=scene.gus.user_principal_name)
        assert gus is not None
        assert scene.gus.id.encode() in gus
        assert scene.sandbox.log.entries[-1].path == f"/v1.0/users/{scene.gus.user_principal_name}"
        assert await ask(Method.POST, "/users/{user}/revokeSignInSessions", user=scene.ada.id)
        removal = "/groups/{group}/members/{user}/$ref"
        assert await ask(Method.DELETE, removal, user=scene.ada.id) is None
        with pytest.raises(ODataError) as refused:
            await ask(Method.DELETE, removal, user=scene.ada.id)
    assert refused.value.response_status_code == 404
    assert refused.value.error is not None
    assert refused.value.error.code == "Request_ResourceNotFound"


async def test_an_identity_is_chosen_by_its_client_id(scene: Scene) -> None:
    other = scene.tenant.add_managed_identity("other", "Mail.Send")
    token = (await fetch(scene, client_id=other.app_id)).json()
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert (claims["appid"], claims["roles"], claims["idtyp"]) == (other.app_id, ["Mail.Send"], "app")
    assert (token["resource"], token["token_type"]) == (GRAPH, "Bearer")
    assert isinstance(token["expires_on"], str)


async def test_only_managed_identities_get_tokens_here(scene: Scene) -> None:
    application = scene.tenant.add_application("Not an identity")
    assert (await fetch(scene, client_id=application.app_id)).status_code == 400
    assert (await fetch(scene, client_id="55555555-5555-5555-5555-555555555555")).status_code == 400


async def test_the_identity_header_and_the_version_must_be_right(scene: Scene) -> None:
    assert (await fetch(scene, **{"api-version": "2017-09-01"})).status_code == 400
    query = {"api-version": "2019-08-01", "resource": GRAPH}
    response = await scene.http.get(
        scene.server.identity_endpoint, params=query, headers={"X-IDENTITY-HEADER": "guess"}
    )
    assert response.status_code == 401


async def test_the_platform_may_hand_out_old_tokens(scene: Scene) -> None:
    scene.sandbox.settings.identity_cache_seconds = 3_600
    first = (await fetch(scene)).json()["access_token"]
    assert scene.tenant.identity is not None
    scene.tenant.grant(scene.tenant.identity, "Mail.Send")
    assert (await fetch(scene)).json()["access_token"] == first
    scene.sandbox.clock.advance(3_601)
    later = jwt.decode((await fetch(scene)).json()["access_token"], options={"verify_signature": False})
    assert "Mail.Send" in later["roles"]


async def test_faults_befall_the_identity_endpoint_too(scene: Scene) -> None:
    scene.sandbox.faults.add(Fault(path="/msi/token", status=500))
    assert (await fetch(scene)).status_code == 500
    assert (await fetch(scene)).status_code == 200


async def test_graph_takes_no_call_without_a_token_that_it_knows(scene: Scene) -> None:
    del scene.http.headers["Authorization"]
    response = await scene.http.get("/users")
    assert error_of(response) == (401, "InvalidAuthenticationToken")
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="", authorization_uri=')
    for header in ("Basic abc", "Bearer", "Bearer nonsense", "Bearer a.b.c"):
        response = await scene.http.get("/users", headers={"Authorization": header})
        assert error_of(response) == (401, "InvalidAuthenticationToken")
