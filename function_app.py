"""The function app: the nightly timer, the queues, the HTTP API and the operators' page."""

import azure.functions as func

from enforcer.functions import http, page, poison, queues, timer
from enforcer.telemetry.emitting import hush_libraries

hush_libraries()

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(timer.blueprint)
app.register_functions(queues.blueprint)
app.register_functions(poison.blueprint)
app.register_functions(http.blueprint)
app.register_functions(page.blueprint)
