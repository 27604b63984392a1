"""The state of the running sandbox."""

from dataclasses import dataclass, field
from random import Random

import msgspec

from sandbox.directory.clock import Clock
from sandbox.directory.faults import Faults
from sandbox.directory.keys import SigningKeys
from sandbox.directory.log import Log
from sandbox.directory.quotas import Quotas
from sandbox.directory.settings import Settings
from sandbox.directory.tenant import Tenant
from sandbox.directory.tokens import TokenOffice


@dataclass(slots=True)
class Sandbox:
    tenant: Tenant
    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    log: Log = field(default_factory=Log)
    keys: SigningKeys = field(default_factory=SigningKeys)
    # The sandbox's address, known once it listens.
    url: str = ""
    quotas: Quotas = field(init=False)
    tokens: TokenOffice = field(init=False)
    dice: Random = field(init=False)

    def __post_init__(self) -> None:
        self.adopt(self.tenant)
        self.dice = Random(self.settings.seed)  # noqa: S311 -- order of batch answers, no secret

    def adopt(self, tenant: Tenant) -> None:
        """Serve this tenant from now on."""
        self.tenant = tenant
        self.quotas = Quotas(tenant, self.clock, self.settings)
        self.tokens = TokenOffice(tenant, self.clock, self.keys, self.url)

    def configure(self, changes: bytes) -> None:
        """Change the settings named in this JSON object. Raises msgspec.ValidationError."""
        merged = {**msgspec.to_builtins(self.settings), **msgspec.json.decode(changes, type=dict)}
        chosen = msgspec.convert(merged, Settings)
        for name in Settings.__struct_fields__:
            setattr(self.settings, name, getattr(chosen, name))
        self.quotas.reset()

    def listen_at(self, url: str) -> None:
        self.url = url
        self.tokens = TokenOffice(self.tenant, self.clock, self.keys, url)
