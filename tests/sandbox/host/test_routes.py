import pytest

from sandbox.host.configuration import Binding, Function
from sandbox.host.errors import HostError
from sandbox.host.routes import RouteTable


def http_function(name: str, route: str | None, *methods: str) -> Function:
    trigger = Binding(name="req", type="httpTrigger", route=route, methods=methods)
    return Function(name=name, id=name, trigger=trigger, outputs=())


TABLE = RouteTable(
    [
        http_function("one", "contractors/{user}", "GET", "PUT"),
        http_function("export", "contractors/export", "GET"),
        http_function("offboard", "contractors/{user}/offboard", "POST"),
        http_function("numbered", "contractors/{number:int}", "GET"),
        http_function("all", "contractors", "GET"),
        http_function("files", "files/{*path}"),
        http_function("report", "reports/{year:int}-{month}.csv", "GET"),
        http_function("optional", "runs/{id?}", "GET"),
        http_function("page", "{nothing:maxlength(0)?}", "GET"),
        http_function("health", None, "GET"),
    ],
    "api",
)


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        ("GET", "/api/contractors", "all", {}),
        ("GET", "/api/contractors/", "all", {}),
        ("GET", "/API/Contractors/Ann", "one", {"user": "Ann"}),
        ("GET", "/api/contractors/export", "export", {}),
        ("PUT", "/api/contractors/export", "one", {"user": "export"}),
        ("GET", "/api/contractors/42", "numbered", {"number": "42"}),
        ("PUT", "/api/contractors/42", "one", {"user": "42"}),
        ("HEAD", "/api/contractors/export", "export", {}),
        ("POST", "/api/contractors/ann%40contoso.com/offboard", "offboard", {"user": "ann@contoso.com"}),
        ("GET", "/api/contractors/x_y%23EXT%23%40z", "one", {"user": "x_y#EXT#@z"}),
        ("GET", "/api/contractors/a%2Fb%20c", "one", {"user": "a%2Fb c"}),
        ("DELETE", "/api/files/a/b/c.txt", "files", {"path": "a/b/c.txt"}),
        ("GET", "/api/files", "files", {}),
        ("GET", "/api/reports/2026-11.csv", "report", {"year": "2026", "month": "11"}),
        ("GET", "/api/runs", "optional", {}),
        ("GET", "/api/runs/7", "optional", {"id": "7"}),
        ("GET", "/api", "page", {}),
        ("GET", "/api/", "page", {}),
        ("GET", "/api/health", "health", {}),
    ],
)
def test_the_most_specific_route_that_takes_the_method_answers(
    method: str, path: str, function: str, parameters: dict[str, str]
) -> None:
    match = TABLE.match(method, path)
    assert match is not None
    assert match.function.name == function
    assert match.parameters == parameters


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/contractors"),
        ("HEAD", "/api/contractors/ann/offboard"),
        ("GET", "/api/nothing/here"),
        ("GET", "/contractors"),
        ("GET", "/api/reports/x-11.csv"),
    ],
)
def test_another_path_or_method_matches_nothing(method: str, path: str) -> None:
    assert TABLE.match(method, path) is None


def test_an_app_may_do_without_a_prefix() -> None:
    table = RouteTable([http_function("health", "/health")], "")
    match = table.match("GET", "/health")
    assert match is not None
    assert match.function.name == "health"


@pytest.mark.parametrize("route", ["/health", "a//b", "a/{b", "a/{b:even}", "a/{b:int:min(3)}"])
def test_a_route_that_the_host_cannot_read_is_refused(route: str) -> None:
    with pytest.raises(HostError, match="route of 'bad'"):
        RouteTable([http_function("bad", route)], "api")
