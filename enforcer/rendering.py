"""HTML from templates kept next to the code that fills them in; every value is escaped.

What people wrote goes through `bdi`, or through `isolated` where there is no markup: a name that turns the
direction of writing must not turn what stands beside it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from enforcer.core.bidi import closed, isolated

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render(package: str, template: str, **values: object) -> str:
    """Render a template from a package's `templates` folder."""
    return _environment(package).get_template(template).render(**values)


@cache
def _environment(package: str) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"bdi": _bdi, "isolated": isolated}
    return environment


def _bdi(text: str) -> Markup:
    from markupsafe import Markup, escape

    return Markup("<bdi>{}</bdi>").format(escape(closed(text)))
