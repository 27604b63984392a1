"""`contractors`: list and change the register."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import click

from enforcer.cli.dates import DateType
from enforcer.cli.import_file import import_
from enforcer.cli.output import Table, json_text, output_option, tell, write_json, write_tables
from enforcer.cli.remote import Way, act, direct_option
from enforcer.cli.remote_rows import delete_row, extend_row, put_row
from enforcer.cli.rows import shown
from enforcer.cli.running import DONE, with_services
from enforcer.cli.users import UserType
from enforcer.core.contractors import RegisterRow
from enforcer.core.csv_cells import harmless
from enforcer.core.ledger import Action
from enforcer.register import changes
from enforcer.register.allowed import Allowed
from enforcer.services import Services

_group_option = click.option(
    "--group", "group_id", default="", help="The managed group, where there are several."
)
_past_option = click.option(
    "--past", is_flag=True, help="Also write an end that is over: they leave at once."
)
_EXPORTED = {
    "RowKey": "row_key",
    "EndDate": "end_date",
    "StartDate": "start_date",
    "DisplayName": "display_name",
    "Company": "company",
    "Sponsor": "sponsor",
    "Note": "note",
    "PartitionKey": "group_id",
}


@click.group()
def contractors() -> None:
    """List and change the register of contractors."""


contractors.add_command(import_)


@contractors.command("list")
@_group_option
@output_option
def list_(group_id: str, as_json: bool) -> int:  # noqa: FBT001
    """List the register."""
    rows = with_services("reading the register", lambda services: _all_rows(services, group_id))
    _show("Contractors", rows, as_json=as_json)
    return DONE


@contractors.command()
@click.argument("user", type=UserType())
@click.option(
    "--end",
    required=True,
    type=DateType(),
    metavar="WHEN",
    help="Last day of access, or an instant with an offset.",
)
@click.option("--start", default=None, type=DateType(), metavar="WHEN", help="First day of access.")
@click.option("--name", default="", help="Display name; by default Entra's.")
@click.option("--company", default="")
@click.option("--sponsor", default="", metavar="E-MAIL", help="Whom to warn before the end.")
@click.option("--note", default="")
@_past_option
@click.option("--unknown", is_flag=True, help="Also register somebody whom Entra does not know.")
@_group_option
@direct_option
@output_option
def add(  # noqa: PLR0913 -- one for each option
    *,
    user: str,
    end: str,
    start: str | None,
    name: str,
    company: str,
    sponsor: str,
    note: str,
    past: bool,
    unknown: bool,
    group_id: str,
    way: Way,
    as_json: bool,
) -> int:
    """Register USER, looked up in Entra and stored under the object ID."""
    wanted = RegisterRow(
        group_id=group_id,
        row_key=user,
        end_date=end,
        start_date=start,
        display_name=name,
        company=company,
        sponsor=sponsor,
        note=note,
    )
    allowed = Allowed(past=past, unknown=unknown)
    row, action = act(
        f"looking up {user}",
        way,
        remotely=lambda api: put_row(api, wanted, allowed),
        directly=lambda services, actor: changes.add(services, wanted, actor=actor, allowed=allowed),
    )
    _show("Added" if action is Action.REGISTER_ADD else "Changed", [row], as_json=as_json)
    return DONE


@contractors.command()
@click.argument("user", type=UserType())
@click.option(
    "--end", required=True, type=DateType(), metavar="WHEN", help="The new last day of access, or an instant."
)
@_past_option
@_group_option
@direct_option
@output_option
def extend(  # noqa: PLR0913 -- one for each option
    *, user: str, end: str, past: bool, group_id: str, way: Way, as_json: bool
) -> int:
    """Change the end date of USER."""
    allowed = Allowed(past=past)
    row = act(
        "extending",
        way,
        remotely=lambda api: extend_row(api, user, end, group_id, allowed),
        directly=lambda services, actor: changes.extend(
            services, user, end, actor=actor, group_id=group_id, allowed=allowed
        ),
    )
    _show("Extended", [row], as_json=as_json)
    return DONE


@contractors.command()
@click.argument("user", type=UserType())
@_group_option
@direct_option
@output_option
def remove(user: str, group_id: str, way: Way, as_json: bool) -> int:  # noqa: FBT001
    """Delete USER's row. Nobody leaves a group by this: use `offboard` for that."""
    row = act(
        "removing",
        way,
        remotely=lambda api: delete_row(api, user, group_id),
        directly=lambda services, actor: changes.remove(services, user, actor=actor, group_id=group_id),
    )
    _show("Removed from the register", [row], as_json=as_json)
    return DONE


@contractors.command()
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to FILE instead of stdout."
)
@_group_option
@click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="The table as CSV, or JSON for programs.",
)
def export(out: Path | None, group_id: str, output: str) -> int:
    """Write the register as CSV, as `import` reads it."""
    rows = with_services("reading the register", lambda services: _all_rows(services, group_id))
    text = json_text([shown(row) for row in rows]) if output == "json" else _csv(rows)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        tell(f"{len(rows)} contractors written to {out}")
    return DONE


def _csv(rows: Sequence[RegisterRow]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_EXPORTED)
    writer.writerows([harmless(shown(row)[field]) for field in _EXPORTED.values()] for row in rows)
    return text.getvalue()


async def _all_rows(services: Services, group_id: str) -> list[RegisterRow]:
    chosen = changes.chosen_groups(services.settings, group_id)
    return [row for group in chosen for row in await services.register.whole_rows(group)]


def _show(title: str, rows: Sequence[RegisterRow], *, as_json: bool) -> None:
    values = [shown(row) for row in rows]
    if as_json:
        write_json(values)
        return
    columns = ("display_name", "end_date", "start_date", "company", "sponsor", "note", "row_key")
    cells = [[row[name] or None for name in columns] for row in values]
    write_tables(Table(f"{title} ({len(rows)})", columns, cells, ("note",)))
