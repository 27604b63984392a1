"""A local tenant that behaves as Microsoft Graph v1.0 and Entra ID do."""

from sandbox.directory.faults import Effect, Fault, Where
from sandbox.directory.members import Lag
from sandbox.directory.objects import AppRole, Device, Group, ServicePrincipal, User
from sandbox.directory.server import DirectoryServer, directory_in_thread, running_directory
from sandbox.directory.settings import BatchOrder, Metering, NotAMember, Quota, RetryAfter, Settings
from sandbox.directory.sign_in import Attempt, Outcome, try_to_sign_in
from sandbox.directory.state import Sandbox
from sandbox.directory.tenant import Tenant
from sandbox.directory.tenant_file import dump, load
from sandbox.directory.tokens import Flaw, TokenRequest

__all__ = [
    "AppRole",
    "Attempt",
    "BatchOrder",
    "Device",
    "DirectoryServer",
    "Effect",
    "Fault",
    "Flaw",
    "Group",
    "Lag",
    "Metering",
    "NotAMember",
    "Outcome",
    "Quota",
    "RetryAfter",
    "Sandbox",
    "ServicePrincipal",
    "Settings",
    "Tenant",
    "TokenRequest",
    "User",
    "Where",
    "directory_in_thread",
    "dump",
    "load",
    "running_directory",
    "try_to_sign_in",
]
