"""What of the sandbox's behaviour can be chosen; every choice is one that Graph makes somewhere."""

from enum import StrEnum

from msgspec import Struct, field

from sandbox.directory.members import Lag


class NotAMember(StrEnum):
    """The two answers that the removal of somebody who is no member gets."""

    GROUP_NOT_FOUND = "group_not_found"
    REFERENCE_NOT_FOUND = "reference_not_found"


class RetryAfter(StrEnum):
    SECONDS = "seconds"
    HTTP_DATE = "http_date"
    FRACTION = "fraction"
    ABSENT = "absent"


class Metering(StrEnum):
    SLIDING_WINDOW = "sliding_window"
    TOKEN_BUCKET = "token_bucket"


class BatchOrder(StrEnum):
    AS_ASKED = "as_asked"
    REVERSED = "reversed"
    SHUFFLED = "shuffled"


class Quota(Struct, kw_only=True, frozen=True):
    limit: float
    seconds: float


class Settings(Struct, kw_only=True, forbid_unknown_fields=True):
    not_a_member: NotAMember = NotAMember.GROUP_NOT_FOUND
    # 204 is what older documentation of revokeSignInSessions promises.
    revoke_status: int = 200
    # Check the roles of a token against what a route needs; otherwise any token of this server will do.
    enforce_permissions: bool = False
    # At most so many objects on a page whatever $top says; every n-th page empty with a successor (0: none).
    page_limit: int = 999
    empty_page_every: int = 0
    # Graph v1.0 has a known issue: members that are service principals are not listed.
    list_service_principals: bool = True
    removal_lag: Lag = Lag()
    addition_lag: Lag = Lag()
    # Per application in the tenant; the size of the tenant decides the read quota where none is given.
    write_quota: Quota = Quota(limit=3_000, seconds=150)
    read_quota: Quota | None = None
    tenant_write_quota: Quota = Quota(limit=18_000, seconds=300)
    conditional_access_quota: Quota = Quota(limit=1, seconds=1)
    metering: Metering = Metering.SLIDING_WINDOW
    # Requests made while throttled still count, as Microsoft says.
    count_refused: bool = True
    retry_after: RetryAfter = RetryAfter.SECONDS
    batch_order: BatchOrder = BatchOrder.SHUFFLED
    latency_seconds: float = 0.0
    batch_item_latency_seconds: float = 0.0
    # How long managed identity tokens live, and for how long the platform hands out the same one again.
    token_seconds: int = 86_400
    identity_cache_seconds: int = 0
    seed: int = field(default=1)
