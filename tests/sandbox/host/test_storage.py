import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from azure.storage.queue import QueueClient

from sandbox.azurite import KEY, running_azurite
from sandbox.certificates import make_certificate
from sandbox.host.process import running_host
from sandbox.host.protos import TypedData
from sandbox.host.storage import Queues, message_bodies


@pytest.mark.parametrize(
    ("value", "bodies"),
    [
        (TypedData(string="one"), [b"one"]),
        (TypedData(bytes=b"\x00one"), [b"\x00one"]),
        (
            TypedData(json='["one", {"id": null, "body": "two"}, {"three": 3}]'),
            [b"one", b"two", b'{"three":3}'],
        ),
        (TypedData(json='{"id": null, "body": "one"}'), [b"one"]),
    ],
)
def test_outputs_are_one_message_or_a_list_of_them(value: TypedData, bodies: list[bytes]) -> None:
    assert message_bodies(value) == bodies


def test_messages_lie_in_the_queue_as_host_json_says() -> None:
    assert Queues(base64=True).encode("é".encode()) == "w6k="
    assert Queues(base64=True).decode("w6\r\nk=\n") == "é"
    assert Queues(base64=False).encode("é".encode()) == "é"
    assert Queues(base64=False).decode("w6k=") == "w6k="
    with pytest.raises(ValueError, match="base64"):
        Queues(base64=True).decode("{}")


class IdentityEndpoint(BaseHTTPRequestHandler):
    """App Service's endpoint for one identity: Azurite checks a token's audience, issuer and time."""

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        allowed = self.headers["X-IDENTITY-HEADER"] == "secret" and query.get("client_id") == ["the-client"]
        now = int(datetime.now(UTC).timestamp())
        claims = {
            "aud": query["resource"][0],
            "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
            "nbf": now - 60,
            "iat": now - 60,
            "exp": now + 3600,
        }
        token = jwt.encode(claims, "a key of at least thirty-two bytes")
        answer = {
            "access_token": token,
            "expires_on": str(now + 3600),
            "resource": query["resource"][0],
            "token_type": "Bearer",
        }
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def identity_endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), IdentityEndpoint) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/msi/token"
        finally:
            server.shutdown()
            thread.join()


def test_a_connection_may_be_a_service_uri_and_a_managed_identity(app: Path, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with running_azurite(certificate=certificate) as storage, identity_endpoint() as endpoint:
        settings = {
            "SAMPLE_SCHEDULE": "0 30 0 * * *",
            "SAMPLE_QUEUE": "work",
            "SAMPLE_RESULTS": "results",
            "SampleStorage__queueServiceUri": storage.queue_url,
            "SampleStorage__credential": "managedidentity",
            "SampleStorage__clientId": "the-client",
            "IDENTITY_ENDPOINT": endpoint,
            "IDENTITY_HEADER": "secret",
            "SSL_CERT_FILE": str(certificate.certificate),
        }
        with running_host(app, settings=settings) as host:
            run = httpx.post(f"{host.url}/admin/functions/work", json={"input": '{"id": 1}'}).json()
            assert run["error"] is None
        results = QueueClient(
            storage.queue_url,
            "results",
            credential=KEY,
            connection_verify=str(certificate.certificate),
        )
        with results:
            assert b64decode(results.peek_messages()[0].content) == b'{"done": 1, "attempt": 1}'
