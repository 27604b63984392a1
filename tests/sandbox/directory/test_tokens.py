from datetime import timedelta
from typing import Any

import jwt
import pytest

from sandbox.directory import AppRole, Flaw, Sandbox, ServicePrincipal, Tenant, TokenRequest, User
from sandbox.directory.errors import GraphError
from tests.sandbox.directory.conftest import GRAPH, Scene

AUDIENCE = "api://enforcer"


@pytest.fixture
def sandbox() -> Sandbox:
    sandbox = Sandbox(Tenant())
    sandbox.listen_at("http://127.0.0.1:1")
    return sandbox


@pytest.fixture
def api(sandbox: Sandbox) -> ServicePrincipal:
    roles = [
        AppRole(id=f"00000000-0000-0000-0000-00000000000{number}", value=name)
        for number, name in enumerate(["Contractors.Offboard", "Contractors.Read"], start=1)
    ]
    return sandbox.tenant.add_application("Enforcer", roles=roles, service_principal_names=[AUDIENCE])


@pytest.fixture
def ada(sandbox: Sandbox) -> User:
    return sandbox.tenant.add_user("Ada Lovelace")


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def test_a_persons_token_says_who_they_are_and_what_they_may_do(
    sandbox: Sandbox, api: ServicePrincipal, ada: User
) -> None:
    sandbox.tenant.grant(ada, "Contractors.Offboard", on=api)
    operators = sandbox.tenant.add_group("Operators", members=[ada])
    sandbox.tenant.grant(operators, "Contractors.Read", on=api)
    claims = claims_of(sandbox.tokens.issue(TokenRequest(audience=AUDIENCE, user=ada.user_principal_name)))
    assert claims["iss"] == f"http://127.0.0.1:1/{sandbox.tenant.tenant_id}/v2.0"
    assert (claims["aud"], claims["tid"], claims["ver"]) == (AUDIENCE, sandbox.tenant.tenant_id, "2.0")
    assert (claims["oid"], claims["preferred_username"]) == (ada.id, ada.user_principal_name)
    assert claims["roles"] == ["Contractors.Offboard", "Contractors.Read"]
    assert claims["sub"] != ada.id
    assert claims["exp"] - claims["iat"] == 3_600


def test_an_applications_token_says_which(sandbox: Sandbox, api: ServicePrincipal) -> None:
    robot = sandbox.tenant.add_application("Robot")
    request = TokenRequest(audience=AUDIENCE, app=robot.app_id, roles=["Contractors.Read"])
    claims = claims_of(sandbox.tokens.issue(request))
    assert (claims["azp"], claims["oid"], claims["idtyp"]) == (robot.app_id, robot.id, "app")
    assert claims["roles"] == ["Contractors.Read"]
    assert "preferred_username" not in claims


def test_nobody_gets_no_token(sandbox: Sandbox) -> None:
    with pytest.raises(LookupError):
        sandbox.tokens.issue(TokenRequest(audience=AUDIENCE, user="nobody@contoso.example"))
    with pytest.raises(LookupError):
        sandbox.tokens.issue(TokenRequest(audience=AUDIENCE, app="nothing"))


@pytest.mark.parametrize("flaw", [flaw for flaw in Flaw if flaw not in (Flaw.NONE, Flaw.NO_ROLES)])
def test_graph_refuses_every_flawed_token(sandbox: Sandbox, ada: User, flaw: Flaw) -> None:
    sound = sandbox.tokens.issue(TokenRequest(audience=GRAPH, user=ada.id))
    assert sandbox.tokens.authenticate(f"Bearer {sound}").object_id == ada.id
    flawed = sandbox.tokens.issue(TokenRequest(audience=GRAPH, user=ada.id, flaw=flaw))
    with pytest.raises(GraphError) as refused:
        sandbox.tokens.authenticate(f"Bearer {flawed}")
    assert refused.value.status == 401


def test_a_token_without_roles_is_a_flaw_of_rights_only(sandbox: Sandbox, ada: User) -> None:
    request = TokenRequest(
        audience=GRAPH, user=ada.id, roles=["User.Read.All"], scopes=[], flaw=Flaw.NO_ROLES
    )
    caller = sandbox.tokens.authenticate(f"Bearer {sandbox.tokens.issue(request)}")
    assert caller.permissions == frozenset()


def test_a_token_that_was_good_expires(sandbox: Sandbox, ada: User) -> None:
    token = sandbox.tokens.issue(TokenRequest(audience=GRAPH, user=ada.id, seconds=60))
    sandbox.tokens.authenticate(f"Bearer {token}")
    sandbox.clock.offset = timedelta(seconds=61)
    with pytest.raises(GraphError, match="expired"):
        sandbox.tokens.authenticate(f"Bearer {token}")


@pytest.mark.parametrize(
    "audience", [GRAPH, f"{GRAPH}/", "00000003-0000-0000-c000-000000000000", "http://127.0.0.1:1"]
)
def test_graph_answers_to_several_audiences(sandbox: Sandbox, ada: User, audience: str) -> None:
    token = sandbox.tokens.issue(TokenRequest(audience=audience, user=ada.id))
    assert sandbox.tokens.authenticate(f"Bearer {token}").object_id == ada.id


class TestAuthority:
    pytestmark = pytest.mark.anyio

    async def verify(self, scene: Scene, token: str) -> dict[str, Any]:
        """Validate a token as any program that accepts Entra's tokens does."""
        base = f"{scene.server.url}/{scene.tenant.tenant_id}"
        configuration = (await scene.http.get(f"{base}/v2.0/.well-known/openid-configuration")).json()
        published = jwt.PyJWKSet.from_dict((await scene.http.get(configuration["jwks_uri"])).json())
        key = published[jwt.get_unverified_header(token)["kid"]]
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=configuration["issuer"]
        )
        return claims

    async def test_published_keys_verify_tokens(self, scene: Scene) -> None:
        token = scene.server.token(TokenRequest(audience=AUDIENCE, user=scene.ada.id))
        assert (await self.verify(scene, token))["oid"] == scene.ada.id

    @pytest.mark.parametrize(
        ("flaw", "error"),
        [
            (Flaw.EXPIRED, jwt.ExpiredSignatureError),
            (Flaw.NOT_YET_VALID, jwt.ImmatureSignatureError),
            (Flaw.OTHER_AUDIENCE, jwt.InvalidAudienceError),
            (Flaw.OTHER_TENANT, jwt.InvalidIssuerError),
            (Flaw.OTHER_ISSUER, jwt.InvalidIssuerError),
            (Flaw.FORGED_SIGNATURE, jwt.InvalidSignatureError),
            (Flaw.UNKNOWN_KEY, KeyError),
            (Flaw.ALG_NONE, jwt.InvalidAlgorithmError),
            (Flaw.SHARED_SECRET, jwt.InvalidAlgorithmError),
        ],
    )
    async def test_flawed_tokens_fail_for_their_flaw(
        self, scene: Scene, flaw: Flaw, error: type[Exception]
    ) -> None:
        token = scene.server.token(TokenRequest(audience=AUDIENCE, user=scene.ada.id, flaw=flaw))
        with pytest.raises(error):
            await self.verify(scene, token)

    async def test_old_keys_stay_published_until_they_are_retired(self, scene: Scene) -> None:
        old = scene.server.token(TokenRequest(audience=AUDIENCE, user=scene.ada.id))
        scene.sandbox.keys.rotate()
        new = scene.server.token(TokenRequest(audience=AUDIENCE, user=scene.ada.id))
        assert jwt.get_unverified_header(old)["kid"] != jwt.get_unverified_header(new)["kid"]
        assert (await self.verify(scene, old))["oid"] == (await self.verify(scene, new))["oid"]
        scene.sandbox.keys.retire()
        with pytest.raises(KeyError):
            await self.verify(scene, old)

    async def test_another_tenant_is_not_known(self, scene: Scene) -> None:
        url = f"{scene.server.url}/66666666-6666-6666-6666-666666666666/v2.0/.well-known/openid-configuration"
        assert (await scene.http.get(url)).status_code == 400

    async def test_a_client_with_a_secret_gets_a_token(self, scene: Scene) -> None:
        robot = scene.tenant.add_application("Robot", secret="open sesame")
        scene.tenant.grant(robot, "User.Read.All")
        url = f"{scene.server.url}/{scene.tenant.tenant_id}/oauth2/v2.0/token"
        form = {"grant_type": "client_credentials", "client_id": robot.app_id, "scope": f"{GRAPH}/.default"}
        refused = await scene.http.post(url, data={**form, "client_secret": "guess"})
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        granted = (await scene.http.post(url, data={**form, "client_secret": "open sesame"})).json()
        assert claims_of(granted["access_token"])["roles"] == ["User.Read.All"]
