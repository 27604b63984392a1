"""The sandbox's own routes, with which a test or demo sets up the directory and inspects it."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address

import msgspec
from aiohttp import web
from msgspec import Struct

from sandbox.directory.errors import GraphError
from sandbox.directory.faults import Fault
from sandbox.directory.log import Entry
from sandbox.directory.sign_in import Attempt, try_to_sign_in
from sandbox.directory.state import Sandbox
from sandbox.directory.tenant_file import dump, load
from sandbox.directory.tokens import TokenRequest


class ClockRequest(Struct, forbid_unknown_fields=True):
    """`speed` and `advance_seconds` move quotas and replication, `offset_seconds` moves dates."""

    speed: float | None = None
    advance_seconds: float = 0.0
    offset_seconds: float | None = None


class Clockface(Struct):
    now: str
    speed: float
    seconds: float


@dataclass(slots=True)
class Admin:
    sandbox: Sandbox

    def routes(self) -> list[web.RouteDef]:
        table: tuple[tuple[str, str, Callable[[bytes, web.Request], object]], ...] = (
            ("GET", "tenant", self.get_tenant),
            ("PUT", "tenant", self.put_tenant),
            ("PATCH", "objects/{id}", self.change_object),
            ("GET", "mails", self.get_mails),
            ("GET", "settings", self.get_settings),
            ("PATCH", "settings", self.change_settings),
            ("GET", "faults", self.get_faults),
            ("POST", "faults", self.add_faults),
            ("DELETE", "faults", self.clear_faults),
            ("GET", "log", self.get_log),
            ("DELETE", "log", self.clear_log),
            ("GET", "counts", self.get_counts),
            ("GET", "clock", self.get_clock),
            ("POST", "clock", self.set_clock),
            ("POST", "token", self.issue_token),
            ("POST", "keys/rotate", self.rotate_keys),
            ("POST", "keys/retire", self.retire_keys),
            ("POST", "signin", self.sign_in),
        )
        return [web.route(method, f"/sandbox/{path}", _served(act)) for method, path, act in table]

    def get_tenant(self, _body: bytes, _request: web.Request) -> object:
        return msgspec.Raw(dump(self.sandbox.tenant))

    def put_tenant(self, body: bytes, _request: web.Request) -> object:
        self.sandbox.adopt(load(body))
        return {"tenant_id": self.sandbox.tenant.tenant_id}

    def change_object(self, body: bytes, request: web.Request) -> object:
        entry = self.sandbox.tenant.objects[request.match_info["id"].lower()]
        changes = msgspec.json.decode(body, type=dict)
        changed = msgspec.convert({**msgspec.to_builtins(entry), **changes}, type(entry))
        for name in type(entry).__struct_fields__:
            setattr(entry, name, getattr(changed, name))
        return self.sandbox.tenant.put(entry)

    def get_mails(self, _body: bytes, _request: web.Request) -> object:
        return self.sandbox.tenant.mails

    def get_settings(self, _body: bytes, _request: web.Request) -> object:
        return self.sandbox.settings

    def change_settings(self, body: bytes, _request: web.Request) -> object:
        self.sandbox.configure(body)
        return self.sandbox.settings

    def get_faults(self, _body: bytes, _request: web.Request) -> object:
        return self.sandbox.faults.orders

    def add_faults(self, body: bytes, _request: web.Request) -> object:
        for fault in msgspec.json.decode(body, type=list[Fault]):
            self.sandbox.faults.add(fault)
        return self.sandbox.faults.orders

    def clear_faults(self, _body: bytes, _request: web.Request) -> object:
        self.sandbox.faults.clear()
        return []

    def get_log(self, _body: bytes, request: web.Request) -> object:
        method, path = request.query.get("method", ".*"), request.query.get("path", "")

        def asked_for(entry: Entry) -> bool:
            return bool(re.fullmatch(method, entry.method) and re.search(path, entry.path))

        return list(filter(asked_for, self.sandbox.log.after(int(request.query.get("after", "0")))))

    def clear_log(self, _body: bytes, _request: web.Request) -> object:
        self.sandbox.log.clear()
        return []

    def get_counts(self, _body: bytes, _request: web.Request) -> object:
        return self.sandbox.log.counts(self.sandbox.quotas.refusals)

    def get_clock(self, _body: bytes, _request: web.Request) -> object:
        clock = self.sandbox.clock
        return Clockface(clock.now().isoformat(), clock.speed, clock.seconds())

    def set_clock(self, body: bytes, request: web.Request) -> object:
        wanted = msgspec.json.decode(body, type=ClockRequest)
        clock = self.sandbox.clock
        if wanted.speed is not None:
            clock.run_at(wanted.speed)
        if wanted.offset_seconds is not None:
            clock.offset = timedelta(seconds=wanted.offset_seconds)
        clock.advance(wanted.advance_seconds)
        return self.get_clock(body, request)

    def issue_token(self, body: bytes, _request: web.Request) -> object:
        wanted = msgspec.json.decode(body, type=TokenRequest)
        return {"access_token": self.sandbox.tokens.issue(wanted), "token_type": "Bearer"}

    def rotate_keys(self, _body: bytes, _request: web.Request) -> object:
        self.sandbox.keys.rotate()
        self.sandbox.tokens.forget()
        return [key.key_id for key in self.sandbox.keys.keys]

    def retire_keys(self, _body: bytes, _request: web.Request) -> object:
        self.sandbox.keys.retire()
        self.sandbox.tokens.forget()
        return [key.key_id for key in self.sandbox.keys.keys]

    def sign_in(self, body: bytes, _request: web.Request) -> object:
        return try_to_sign_in(msgspec.json.decode(body, type=Attempt), self.sandbox.tenant)


def _served(act: Callable[[bytes, web.Request], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        if not ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104 -- anything that is not loopback
            return _json({"error": "The sandbox's own routes are for this machine only."}, 403)
        try:
            return _json(act(await request.read(), request))
        except LookupError as error:
            return _json({"error": f"not found: {error}"}, 404)
        except (msgspec.MsgspecError, GraphError, ValueError, re.error) as error:
            return _json({"error": str(error)}, 400)

    return handle


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
