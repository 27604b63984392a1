"""The functions of the operators' page."""

from __future__ import annotations

import azure.functions as func

from enforcer.functions.http import register_routes
from enforcer.page.answers import answer
from enforcer.page.routes import PAGES

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

register_routes(blueprint, PAGES, answer)
