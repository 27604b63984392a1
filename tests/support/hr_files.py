"""Files as HR systems, Entra and spreadsheets write them, reduced to their shape, with the verdict.

Each is imported as it is, imported with one `--map` or `--dates`, or refused with a message that says why and
what to do.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date, datetime

import openpyxl

from enforcer.register.feed.day_orders import DateOrder
from enforcer.register.feed.reading import Reading

ID = "0a000000-0000-4000-8000-000000000001"
END, AT = "2027-03-31", "kim@corp.example"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A file, how it is read, and what comes of it.

    Attributes:
        keys, ends: Of its lines, in their order; empty if it is refused.
        says: Words in the refusal, or in what is told about the file.
    """

    name: str
    content: bytes
    reading: Reading = field(default_factory=Reading)
    keys: tuple[str, ...] = (AT,)
    ends: tuple[str, ...] = (END,)
    says: tuple[str, ...] = ()

    @property
    def is_refused(self) -> bool:
        return not self.keys


def workbook(*rows: tuple[object, ...], **sheets: list[tuple[object, ...]]) -> bytes:
    """Return a workbook with these rows in its first sheet, and further sheets by name."""
    book = openpyxl.Workbook()
    for name, content in {"Export": list(rows), **sheets}.items():
        sheet = book.active if name == "Export" else book.create_sheet(name)
        assert sheet is not None
        sheet.title = name
        for row in content:
            sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _text(*lines: str, encoding: str = "utf-8") -> bytes:
    return "\r\n".join((*lines, "")).encode(encoding)


def _people(*lines: str) -> bytes:
    return _text("User,EndDate", *lines)


def _read(name: str, content: bytes, says: tuple[str, ...] = (), **more: object) -> Shape:
    return Shape(name=name, content=content, says=says, **more)  # type: ignore[arg-type]


def _refused(name: str, content: bytes, *says: str, reading: Reading | None = None) -> Shape:
    return Shape(name=name, content=content, reading=reading or Reading(), keys=(), ends=(), says=says)


_DMY, _MDY = Reading(order=DateOrder.DMY), Reading(order=DateOrder.MDY)
_SUCCESS_FACTORS = _text(
    "STATUS,USERID,USERNAME,FIRSTNAME,LASTNAME,EMAIL,MANAGER,CUSTOM01,CONTRACT-END-DATE",
    "Status,User ID,Username,First Name,Last Name,Email,Manager,Custom 1,Contract End Date",
    f"active,4711,kim,Kim,Lee,{AT},4712,,03/31/2027",
)
_OWN_EXPORT = _text(
    "RowKey,EndDate,StartDate,DisplayName,Company,Sponsor,Note,PartitionKey",
    f"{ID},3/31/27,,Kim,,,,",
)

VENDORS = (
    _read(
        "workday",
        _text(
            "Worker,Employee ID,Email - Primary Work,Contract End Date,Supplier,Manager,Manager - Email",
            f"Kim Lee [C],C7,{AT},{END},Acme,Sam Boss,sam@corp.example",
        ),
        ("'Manager - Email' as sponsor", "ignored: 'Employee ID', 'Manager'"),
    ),
    _read("successfactors", _SUCCESS_FACTORS, ("left out", "line 2"), reading=_MDY),
    _refused("successfactors unasked", _SUCCESS_FACTORS, "line 3: ", "--dates", "only mdy fits"),
    _read(
        "bamboohr",
        _text(
            '"Employee #","Last name, First name","Work Email","Hire Date","Contract End","Supervisor email"',
            f'"7","Lee, Kim","{AT}","2026-01-01","{END}","sam@corp.example"',
        ),
        ("'Hire Date' as start", "'Supervisor email' as sponsor"),
    ),
    _read(
        "adp",
        _text(
            "Associate ID,Payroll Name,Work Contact: Work Email,Hire Date,Termination Date,Position Status",
            f'K7,"Lee, Kim",{AT},01/05/2026,03/31/2027,Active',
        ),
        reading=_MDY,
    ),
    _read(
        "personio",
        _text(
            "Vorname;Nachname;E-Mail;Firma;Vertragsbeginn;Vertragsende;Vorgesetzter",
            f"Kim;Lee;{AT};Acme;01.01.2026;31.03.2027;Sam Boss",
        ),
        ("because of their dots", "'Vorgesetzter' contains no e-mail addresses"),
    ),
    _read(
        "deel",
        _text(
            "Contract ID,Contract name,Worker name,Worker email,Start date,End date,Status,Client entity",
            f"x,Dev,Kim Lee,{AT},2026-01-01T00:00:00.000Z,{END}T00:00:00.000Z,In progress,Acme",
        ),
        ends=(f"{END}T00:00:00.000Z",),
    ),
    _read(
        "fieldglass",
        _text(
            "Worker,Worker ID,Worker E-mail,Work Order End Date,Work Order Owner,Supplier",
            f'"Lee, Kim",W7,{AT},{END},"Boss, Sam",Acme',
        ),
        ("'Work Order Owner' contains no e-mail addresses",),
    ),
    _read(
        "servicenow",
        _text(
            '"u_user_name","u_email","u_contract_end","u_manager.email"',
            f'"kim","{AT}","{END} 00:00:00","sam@corp.example"',
        ),
        ("'u_email' as mail",),
    ),
    _read(
        "entra bulk file",
        _text(
            "version:v1.0",
            "Member object ID or user principal name [memberObjectIdOrUpn] Required,EndDate",
            f"{AT},{END}",
        ),
        ("left out", "line 1"),
    ),
    _read(
        "entra download",
        _text(
            "userPrincipalName,displayName,surname,mail,givenName,objectId,userType,companyName,EndDate",
            f"{AT},Kim Lee,Lee,{AT},Kim,{ID},Member,Acme,{END}",
        ),
        keys=(ID,),
    ),
    _read(
        "powershell",
        _text(
            "#TYPE Microsoft.Graph.PowerShell.Models.MicrosoftGraphUser",
            '"Id","DisplayName","UserPrincipalName","EndDate"',
            f'"{ID}","Kim Lee","{AT}","{END}"',
        ),
        ("'Id' as object ID",),
        keys=(ID,),
    ),
    _read(
        "storage explorer",
        _text(
            "PartitionKey,RowKey,Timestamp,EndDate,EndDate@type,DisplayName,DisplayName@type",
            f",{ID},2026-11-27T10:00:00.000Z,{END}T00:00:00.000Z,DateTime,Kim,String",
        ),
        keys=(ID,),
        ends=(f"{END}T00:00:00.000Z",),
    ),
    _read("own export through excel", _OWN_EXPORT, keys=(ID,), reading=_MDY),
    _refused("own export through excel unasked", _OWN_EXPORT, "line 2: ", "--dates mdy"),
)

LANGUAGES = (
    _read(
        "german",
        _text(
            "Benutzer;Enddatum;Startdatum;Name;Firma;Verantwortlicher;Bemerkung",
            f"{AT};{END};2026-01-01;Kim;Acme;sam@corp.example;x",
        ),
        ("'Verantwortlicher' as sponsor", "'Bemerkung' as note"),
    ),
    _read(
        "german until",
        _text("Geschäftliche E-Mail;Gültig bis", f"{AT};31. März 2027"),
    ),
    _read(
        "french",
        _text(
            "Adresse e-mail;Date de début;Date de fin;Société;Responsable",
            f"{AT};1er janvier 2026;31 mars 2027;Acme;sam@corp.example",
        ),
        ("'Date de début' as start", "'Société' as company"),
    ),
    _read(
        "spanish",
        _text(
            "Correo electrónico;Fecha de inicio;Fecha de fin;Empresa;Observaciones",
            f"{AT};1 de enero de 2026;31 de marzo de 2027;Acme;x",
        ),
        ("'Fecha de fin' as end", "'Observaciones' as note"),
    ),
    _read("dots and blanks in names", _text("E.Mail Address,contract_END.date", f"{AT},{END}")),
    _read(
        "a name that nobody knows",
        _text("Who,Until when", f"{AT},{END}"),
        reading=Reading(mapping={"user": "who", "end": "Until when"}),
    ),
    _refused(
        "an end that nobody knows", _text("Email,Project over", f"{AT},{END}"), "--map end=", "'Project over'"
    ),
    _refused("numbers instead of people", _text("User ID,End", f"4711,{END}"), "'User ID' contains neither"),
    _refused("two ends", _text("Email,End Date,Contract End", f"{AT},{END},{END}"), "--map end='End Date'"),
    _read("both names of a person", _text("UserPrincipalName,Mail,EndDate", f"{AT},{AT},{END}")),
    _read(
        "managers by name",
        _text("Email,EndDate,Manager", f"{AT},{END},Sam"),
        ("'Manager' contains no e-mail",),
    ),
    _read("begins", _text("User,EndDate,Begins,Sponsor Mail", f"{AT},{END},2026-01-01,sam@corp.example")),
    _read(
        "a start that nobody knows", _text("User,EndDate,Started work", f"{AT},{END},x"), ("--map start=",)
    ),
)

DATES = (
    _read("dots", _people(f"{AT},31.03.2027"), ("because of their dots",)),
    _read(
        "dots or iso",
        _people(f"{AT},31.3.2027", f"a{AT},{END}"),
        keys=(AT, f"a{AT}"),
        ends=(END, END),
    ),
    _refused("dots, month first", _people(f"{AT},03.31.2027", f"a{AT},01.02.2027"), "--dates mdy"),
    _refused("slashes unasked", _people(f"{AT},03/04/2027"), "line 2: ", "--dates dmy or --dates mdy"),
    _read("slashes, day first", _people(f"{AT},03/04/2027"), reading=_DMY, ends=("2027-04-03",)),
    _read("slashes, month first", _people(f"{AT},03/04/2027"), reading=_MDY, ends=("2027-03-04",)),
    _refused(
        "both orders",
        _people(f"{AT},13/01/2027", f"a{AT},01/13/2027"),
        "13/01/2027",
        "01/13/2027",
        "none of them can be trusted",
        reading=_DMY,
    ),
    _refused("the wrong order", _people(f"{AT},03/31/2027"), "is it mdy?", reading=_DMY),
    _refused(
        "numbers where iso was said",
        _people(f"{AT},03/31/2027"),
        "--dates iso",
        reading=Reading(order=DateOrder.ISO),
    ),
    _read("instant", _people(f"{AT},{END}T00:00:00Z"), ends=(f"{END}T00:00:00Z",)),
    _read("pandas", _people(f"{AT},{END} 00:00:00+00:00"), ends=(f"{END}T00:00:00+00:00",)),
    _read("sql midnight", _people(f"{AT},{END} 00:00:00.000")),
    _read("american midnight", _people(f"{AT},3/31/2027 12:00:00 AM"), reading=_MDY),
    _refused("noon", _people(f"{AT},3/31/2027 12:00:00 PM"), "without an offset", reading=_MDY),
    _refused("a time without offset", _people(f"{AT},{END} 17:00"), "without an offset"),
    _read("basic iso", _people(f"{AT},20270331")),
    _read("oracle", _people(f"{AT},31-MAR-27")),
    _read("month first by name", _people(f'{AT},"March 31, 2027"')),
    _refused("a serial in a text", _people(f"{AT},46477"), "Excel's number of a day", ".xlsx"),
    _refused("a year of two digits", _people(f"{AT},31/03/99"), "four digits", reading=_DMY),
    _refused("no such day", _people(f"{AT},2027-02-30"), "does not exist"),
    _refused("a word", _people(f"{AT},unlimited"), "is 'unlimited'; write YYYY-MM-DD"),
)

FORMS = (
    _read("workbook", workbook(("User", "EndDate", "Note"), (AT, datetime(2027, 3, 31), None))),  # noqa: DTZ001
    _read("workbook with serials", workbook(("Email", "End"), (AT, 46477))),
    _read("workbook with titles", workbook(("Report",), (), ("Email", "End"), (AT, date(2027, 3, 31)))),
    _read(
        "the sheet that names columns",
        workbook(("Read me",), People=[("Email", "End"), (AT, END)]),
        ("sheet 'People'",),
    ),
    _read(
        "a sheet by name",
        workbook(("Email", "End"), ("old@corp.example", END), New=[("Email", "End"), (AT, END)]),
        reading=Reading(sheet="new"),
    ),
    _refused(
        "two sheets", workbook(("Email", "End"), Other=[("Email", "End"), (AT, END)]), "--sheet", "'Other'"
    ),
    _refused("no such sheet", workbook(("Email", "End")), "'Export'", reading=Reading(sheet="Staff")),
    _refused("a broken workbook", b"PK\x03\x04 and nothing else", "not a workbook", ".xlsx"),
    _refused("an old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), ".xlsx without one"),
    _refused("a web page", b"<!DOCTYPE html><html><title>Sign in</title></html>", "web page", "sign in"),
    _read("utf-8 with a mark", _text("User,EndDate", f"{AT},{END}", encoding="utf-8-sig")),
    _read("utf-16 with a mark", _text("User\tEndDate", f"{AT}\t{END}", encoding="utf-16")),
    _read("utf-16 without a mark", _text("User\tEndDate", f"{AT}\t{END}", encoding="utf-16-le")),
    _read("utf-16 the other way", _text("User\tEndDate", f"{AT}\t{END}", encoding="utf-16-be")),
    _refused(
        "windows-1252 unasked",
        _text("User;EndDate;Name", f"{AT};{END};Jürgen", encoding="cp1252"),
        "line 2: is not UTF-8",
        "Jürgen",
        "--encoding windows-1252",
    ),
    _read(
        "windows-1252",
        _text("User;EndDate;Name", f"{AT};{END};Jürgen", encoding="cp1252"),
        reading=Reading(encoding="windows-1252"),
    ),
    _refused(
        "no such encoding",
        _people(),
        "no encoding 'latin-99'",
        reading=Reading(encoding="latin-99"),
    ),
    _read("sep=", _text("sep=;", "User;EndDate", f"{AT};{END}"), ("left out", "line 1")),
    _read(
        "titles",
        _text("Contractor report", "2026-11-27", "", "User,EndDate", f"{AT},{END}"),
        ("lines 1, 2",),
    ),
    _read("a total", _people(f"{AT},{END}", "", "Total: 1,"), ("left out", "line 4")),
    _read("a line break in a note", _text("User,EndDate,Note", f'{AT},{END},"one\ntwo"')),
    _read("a hard space", _people(f"\u00a0{AT}\u00a0,{END}\u00a0"), ("was taken as",)),
    _read("a mark in a cell", _people(f"\ufeff{AT},{END}"), ("was taken as",)),
    _read("direction marks", _people(f"\u202a{AT}\u202c,{END}"), ("was taken as",)),
    _refused(
        "one person twice",
        _people(f"{AT},{END}", f"{AT.upper()},2028-03-31"),
        "already in line 2",
    ),
    _refused("no lines", _people(), "no lines below its header"),
    _refused("nothing", b"", "the file is empty"),
)

SHAPES = (*VENDORS, *LANGUAGES, *DATES, *FORMS)
