from __future__ import annotations

import pytest

from enforcer.page.forms import one_line, read_form
from enforcer.web.messages import Request
from enforcer.web.problems import ProblemError

FORM = "application/x-www-form-urlencoded"


def sent(body: bytes, content_type: str = FORM) -> Request:
    return Request(id="1", method="POST", headers={"content-type": content_type}, body=body)


def test_fields_are_read_with_their_spaces_and_letters() -> None:
    form = read_form(sent(b"reason=left+at+14%3A10+%E2%80%9Cgood%E2%80%9D&empty=", f"{FORM}; charset=utf-8"))
    assert form == {"reason": "left at 14:10 “good”", "empty": ""}


def test_of_several_fields_with_one_name_the_last_counts() -> None:
    assert read_form(sent(b"action=offboard&action=extend")) == {"action": "extend"}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (sent(b"{}", "application/json"), 415),
        (sent(b"a=b", "multipart/form-data; boundary=x"), 415),
        (sent(b"a=%ff"), 400),
        (sent(b"a=\xff"), 400),
        (sent(b"&".join(b"a%d=b" % number for number in range(50))), 400),
    ],
)
def test_whatever_is_no_form_is_refused(request_: Request, status: int) -> None:
    with pytest.raises(ProblemError) as raised:
        read_form(request_)
    assert raised.value.status == status


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  left  early ", "left early"),
        ("one\r\ntwo\tthree", "one two three"),
        ("a\u2028b\x9b\x00c", "a b c"),
        ("می\u200cشود left", "می\u200cشود left"),
        ("\n \t", ""),
    ],
)
def test_a_reason_is_one_line_without_control_characters(text: str, told: str) -> None:
    assert one_line(text) == told
