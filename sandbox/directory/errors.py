"""Graph's error answers, in its own words.

The texts are those reported from real tenants. Microsoft may change them; programs rely on status and code.
"""


class GraphError(Exception):
    """A request that Graph refuses."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def bad_request(message: str) -> GraphError:
    return GraphError(400, "Request_BadRequest", message)


def unsupported_query(message: str) -> GraphError:
    return GraphError(400, "Request_UnsupportedQuery", message)


def not_found(object_id: str) -> GraphError:
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{object_id}' does not exist or one of its queried reference-property objects are not"
        " present.",
    )


def not_an_id(text: str) -> GraphError:
    return bad_request(f"Invalid object identifier '{text}'.")


def denied() -> GraphError:
    return GraphError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def policy_scopes_missing() -> GraphError:
    return GraphError(
        403,
        "AccessDenied",
        "You cannot perform the requested operation, required scopes are missing in the token.",
    )


def no_such_segment(segment: str) -> GraphError:
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def method_not_allowed() -> GraphError:
    return GraphError(
        405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
    )


def synchronised() -> GraphError:
    return bad_request(
        "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects"
        " currently undergoing migration."
    )


def mail_enabled() -> GraphError:
    return bad_request("Cannot Update a mail-enabled security groups and or distribution list.")


def already_member() -> GraphError:
    return bad_request(
        "One or more added object references already exist for the following modified properties: 'members'."
    )


def already_owner() -> GraphError:
    return bad_request(
        "One or more added object references already exist for the following modified properties: 'owners'."
    )


def last_owner() -> GraphError:
    return bad_request("The group must have at least one owner, hence this owner cannot be removed.")


def conflict(message: str) -> GraphError:
    return GraphError(409, "Request_MultipleObjectsWithSameKeyValue", message)


def no_such_reference() -> GraphError:
    return bad_request(
        "One or more removed object references do not exist for the following modified properties: 'members'."
    )


def unauthenticated(message: str, authority: str) -> GraphError:
    challenge = (
        f'Bearer realm="", authorization_uri="{authority}", client_id="00000003-0000-0000-c000-000000000000"'
    )
    return GraphError(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": challenge})
