"""The sandbox's settings; each choice is one that Graph makes somewhere."""

from enum import StrEnum

from msgspec import Struct, field

from sandbox.directory.members import Lag


class NotAMember(StrEnum):
    """The two answers to the removal of somebody who is not a member."""

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
    # Check a token's roles against what a route needs; otherwise any token of this server suffices.
    enforce_permissions: bool = False
    # The most objects on a page, whatever $top says; every n-th page is empty but has a successor (0: none).
    page_limit: int = 999
    empty_page_every: int = 0
    # Whether the last owner who is a person stays an owner even if a service principal is one, too.
    keep_a_person_as_owner: bool = False
    # Graph v1.0 has a known issue: members that are service principals are not listed.
    list_service_principals: bool = True
    removal_lag: Lag = Lag()
    addition_lag: Lag = Lag()
    # Per application in the tenant; unless given, the read quota depends on the size of the tenant.
    write_quota: Quota = Quota(limit=3_000, seconds=150)
    read_quota: Quota | None = None
    tenant_write_quota: Quota = Quota(limit=18_000, seconds=300)
    conditional_access_quota: Quota = Quota(limit=1, seconds=1)
    # Whether What If knows what kind of guest somebody is when the question does not say; documented nowhere.
    what_if_derives_guest_kind: bool = True
    metering: Metering = Metering.SLIDING_WINDOW
    # According to Microsoft, requests made while throttled still count.
    count_refused: bool = True
    retry_after: RetryAfter = RetryAfter.SECONDS
    batch_order: BatchOrder = BatchOrder.SHUFFLED
    latency_seconds: float = 0.0
    batch_item_latency_seconds: float = 0.0
    # The lifetime of managed identity tokens, and how long the platform returns a cached one.
    token_seconds: int = 86_400
    identity_cache_seconds: int = 0
    seed: int = field(default=1)
