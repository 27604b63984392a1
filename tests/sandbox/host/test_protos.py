from typing import Any

import pytest

from sandbox.host.protos import RpcHttp, TypedData


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (TypedData(string=""), "string"),
        (TypedData(json="{}"), "json"),
        (TypedData(bytes=b""), "bytes"),
        (TypedData(int=0), "int"),
        (TypedData(http=RpcHttp()), "http"),
        (TypedData(), None),
    ],
)
def test_typed_data_knows_its_kind(data: TypedData, kind: str | None) -> None:
    assert data.WhichOneof("data") == kind


@pytest.mark.parametrize(
    "wrong", [{"string": b"x"}, {"json": {}}, {"bytes": "x"}, {"int": "1"}, {"xml": "<a/>"}]
)
def test_values_of_another_type_are_refused_as_protobuf_does(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        TypedData(**wrong)


def test_headers_are_strings() -> None:
    headers: dict[str, Any] = {"retry-after": 5}
    with pytest.raises(TypeError, match="retry-after"):
        RpcHttp(headers=headers)
