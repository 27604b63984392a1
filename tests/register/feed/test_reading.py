"""Files as HR systems write them, in whichever way they can be read."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.contractors import RegisterRow
from enforcer.core.csv_cells import as_meant, harmless
from enforcer.register.feed.problems import FileError
from enforcer.register.feed.reading import Line, Reading, read_feed
from enforcer.register.lengths import LONGEST

HEADER = "user,end,start,displayName,company,sponsor,note,group_id"


def read(text: str | bytes) -> list[Line]:
    content = text.encode() if isinstance(text, str) else text
    return list(read_feed(content, Reading(), _problem).lines)


def _problem(line: Line) -> str:
    return "nobody is called nobody" if line.row.row_key == "nobody" else ""


def problems(text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(FileError) as error:
        read(text)
    return error.value.problems


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)
ONE_LINE = [Line(number=2, row=RegisterRow(row_key="anna@x.example", end_date="2026-12-31"))]


@pytest.mark.parametrize(
    "text",
    [
        "user,end\nanna@x.example,2026-12-31\n",
        "user;end\nanna@x.example;2026-12-31",
        "user\tend\r\nanna@x.example\t2026-12-31\r\n",
        "\ufeffuser,end\nanna@x.example,2026-12-31\n",
        '"user","end"\n"anna@x.example","2026-12-31"\n',
        "END;extra;USER\n2026-12-31;;anna@x.example\n",
        " user , end \n  anna@x.example , 2026-12-31 \n",
        "user,end\ranna@x.example,2026-12-31\r",
        "user,end,,\nanna@x.example,2026-12-31,,\n",
    ],
)
def test_delimiters_byte_order_marks_quotes_and_line_ends_do_not_matter(text: str) -> None:
    assert read(text) == ONE_LINE


@pytest.mark.parametrize(
    "text",
    [
        "  \n \nuser,end\nanna@x.example,2026-12-31\n",
        " \t \r\n\u00a0\r\nuser,end\r\nanna@x.example,2026-12-31\r\n",
        ",,\r , \ruser,end\ranna@x.example,2026-12-31\r",
        '"";""\n;\nuser;end\nanna@x.example;2026-12-31\n',
    ],
)
def test_blank_lines_before_the_header_are_counted_and_skipped(text: str) -> None:
    assert read(text) == [Line(number=4, row=RegisterRow(row_key="anna@x.example", end_date="2026-12-31"))]


@pytest.mark.parametrize(
    "header",
    [
        "RowKey,EndDate",
        "User Principal Name,Contract End Date",
        "e-mail,LAST_DAY",
        "UPN,valid until",
        "Object ID,Expiry-Date",
        "E-Mail-Address,validTo",
    ],
)
def test_columns_are_known_by_the_names_that_hr_systems_give_them(header: str) -> None:
    assert read(f"{header}\nanna@x.example,2026-12-31\n") == ONE_LINE


def test_all_columns_are_read_and_strange_ones_left_alone() -> None:
    text = (
        f"{HEADER},Cost Centre\n"
        'anna@x.example,2026-12-31,2026-01-01,"Berg, Anna","Bücher ""R"" Us",boss@x.example,🦄,g,4711\n'
    )
    assert read(text) == [
        Line(
            number=2,
            row=RegisterRow(
                group_id="g",
                row_key="anna@x.example",
                end_date="2026-12-31",
                start_date="2026-01-01",
                display_name="Berg, Anna",
                company='Bücher "R" Us',
                sponsor="boss@x.example",
                note="🦄",
            ),
        )
    ]


def test_lines_are_numbered_as_an_editor_does() -> None:
    text = "\n\nuser,end,note\n\nanna@x,2026-12-31,\nben@x,2026-12-31,\nnobody,2026-12-31,\n"
    assert problems(text) == ("line 7: nobody is called nobody",)
    text = 'user,end,note\nanna@x,2026-12-31,"two\nlines"\nnobody,2026-12-31,\n'
    assert problems(text) == ("line 4: nobody is called nobody",)


def test_every_bad_line_is_named_and_why() -> None:
    text = (
        "user;end\n;2026-12-31\nanna@x;\nnobody;2026-12-31\nben@x;2026-12-31;x\n"
        "ANNA@Y;2026-12-31\nanna@y;2027-12-31\n"
    )
    assert problems(text) == (
        "line 2: does not say who the contractor is",
        "line 3: has no end date",
        "line 4: nobody is called nobody",
        "line 5: has 3 cells, the header has 2",
        "line 7: anna@y is already in line 6; keep the line that is right",
    )


def test_one_person_may_stand_in_two_groups() -> None:
    assert len(read("user,end,groupId\nanna@x,2026-12-31,one\nanna@x,2026-12-31,two\n")) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("name,company\nAnna,X\n", "line 1: no column says who the contractor is"),
        ("user,company\nAnna,X\n", "line 1: no column says when access ends"),
        ("mail,e-mail,end\na@x,a@x,2026-12-31\n", "line 1: the columns 'mail', 'e-mail' may all be the mail"),
        ('user,end\nanna@x,"2026-12-31\n', "line 2: unexpected end of data"),
        (b"user,end\nM\xfcller@x,2026-12-31\n", "line 2: is not UTF-8 (byte 0xfc)"),
        ("user,end,note\nanna@x,2026-12-31," + "x" * 4001, "line 2: note has 4001 characters"),
        ("user,end,note\nanna@x,2026-12-31,a\x00b", "line 2: note contains control characters"),
        ("user,end,note\nanna@x,2026-12-31,\x1b[31m", "line 2: note contains control characters"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(text: str | bytes, problem: str) -> None:
    assert any(found.startswith(problem) for found in problems(text))


@pytest.mark.parametrize("note", ["non\u00a0breaking", "👩\u200d💻", "soft\u00adhyphen", "عربى", "e\u0301"])
def test_unusual_but_harmless_characters_are_kept(note: str) -> None:
    assert read(f"user,end,note\nanna@x,2026-12-31,{note}\n")[0].row.note == note


@given(note=CELL)
def test_cell_of_our_export_is_read_as_it_was(note: str) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["user", "end", "note"], ["anna@x", "2026-12-31", harmless(note.strip())]])
    assert read(text.getvalue())[0].row.note == note.strip()


def test_the_quote_that_our_export_puts_before_formulas_is_taken_off() -> None:
    lines = read("user,end,note,company\nanna@x,2026-12-31,'=1+1,'s Hertogenbosch\n")
    assert (lines[0].row.note, lines[0].row.company) == ("=1+1", "'s Hertogenbosch")


@given(notes=st.lists(CELL, min_size=1, max_size=8), delimiter=st.sampled_from(";,\t"))
def test_what_a_csv_writer_writes_is_read_as_it_was(notes: list[str], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["user", "end", "note"])
    writer.writerows([f"anna{number}@x", "2026-12-31", note] for number, note in enumerate(notes))
    expected = [note.strip() for note in notes]
    if [as_meant(note) for note in expected] == expected:
        assert [line.row.note for line in read(text.getvalue())] == expected


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_words(content: bytes) -> None:
    try:
        read_feed(b"user,end,note\n" + content, Reading(), lambda _: "")
    except FileError as error:
        assert all(problem for problem in error.problems)  # noqa: PT017 -- either is fine


@pytest.mark.parametrize(
    ("field", "longest"), [("name", 1000), ("company", 1000), ("note", 4000), ("sponsor", 1000)]
)
def test_a_cell_may_be_so_long_and_no_longer(field: str, longest: int) -> None:
    text = f"user,end,{field}\nanna@x.example,2026-12-31,"
    [line] = read(text + "é" * longest)
    assert getattr(line.row, {"name": "display_name"}.get(field, field)) == "é" * longest
    problem = f"line 2: {field} has {longest + 1} characters; at most {longest} fit"
    assert problems(text + "é" * (longest + 1)) == (problem,)


def test_the_lengths_that_others_ask_for_are_those() -> None:
    assert LONGEST == {"display_name": 1000, "company": 1000, "note": 4000}


def test_the_error_names_the_file_and_every_line_in_the_order_of_the_lines() -> None:
    lines = [f"person{number}@x.example," for number in range(2, 12)]
    with pytest.raises(FileError) as error:
        read("user,end\n" + "\n".join(lines))
    expected = [f"line {number}: has no end date" for number in range(2, 12)]
    assert (str(error.value), error.value.field) == ("\n".join(expected), "file")


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (
            "end",
            "line 1: no column says who the contractor is; name one with --map user=COLUMN.",
        ),
        (
            "user",
            "line 1: no column says when access ends; name one with --map end=COLUMN.",
        ),
    ],
)
def test_a_column_that_is_missing_is_named(header: str, problem: str) -> None:
    [found] = problems(f"{header}\nx\n")
    assert found.startswith(problem)
    assert found.endswith(f"The columns are {header!r}")


def test_extra_or_missing_cells_matter_only_where_something_is_lost() -> None:
    assert read("user,end\nanna@x.example,2026-12-31,, \n") == ONE_LINE
    assert problems("user,end\nanna@x.example,2026-12-31,,x\n") == ("line 2: has 4 cells, the header has 2",)
    assert read("user,end,note\nanna@x.example,2026-12-31\n") == ONE_LINE
