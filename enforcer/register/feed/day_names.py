"""Days as people write them with the month's name, in English, German, French and Spanish."""

from __future__ import annotations

import re
import unicodedata

_MONTHS = (
    "january jan januar janner jaenner janvier janv enero ene",
    "february feb februar feber fevrier fevr fev febrero",
    "march mar marz maerz mrz mars marzo",
    "april apr avril avr abril abr",
    "may mai mayo",
    "june jun juni juin junio",
    "july jul juli juillet juil julio",
    "august aug aout agosto ago",
    "september sep sept septembre septiembre setiembre set",
    "october oct oktober okt octobre octubre",
    "november nov novembre noviembre",
    "december dec dezember dez decembre diciembre dic",
)
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
_BETWEEN = re.compile(r"[\s.,/-]+")
_ORDINAL = re.compile(r"([0-9]{1,2})(st|nd|rd|th|er|e|o|º|°)?")
_FILLERS = frozenset({"de", "del", "of", "the", "le", "el", "den"})


def named_day(text: str) -> tuple[str, int, int] | None:
    """Return year (as written), month and day; None if the text is not a day with the month's name.

    Either the day comes first or the month does, and the year is last.
    """
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(one for one in folded if not unicodedata.combining(one))
    parts = [part for part in _BETWEEN.split(plain) if part and part not in _FILLERS]
    if len(parts) != 3:  # noqa: PLR2004 -- day, month and year
        return None
    if parts[1] in _MONTH_OF:
        day, month, year = parts
    elif parts[0] in _MONTH_OF:
        month, day, year = parts
    else:
        return None
    number = _ORDINAL.fullmatch(day)
    if number is None or not re.fullmatch(r"[0-9]{4}|[0-9]{2}", year):
        return None
    return year, _MONTH_OF[month], int(number[1])
