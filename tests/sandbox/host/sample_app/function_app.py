"""A function of each kind that the host runs."""

import asyncio
import json
import logging
import os
import threading
import time
from typing import List  # noqa: UP035 - the worker library does not know list[str]

import azure.functions as func

_log = logging.getLogger(__name__)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.timer_trigger(arg_name="timer", schedule="%SAMPLE_SCHEDULE%")
async def nightly(timer: func.TimerRequest, context: func.Context) -> None:
    _log.info("nightly run %s, past due: %s", context.invocation_id, timer.past_due)


@app.timer_trigger(arg_name="timer", schedule="0 0 3 * * MON")
def weekly(timer: func.TimerRequest) -> None:
    _log.info("weekly in thread %s", threading.current_thread() is threading.main_thread())
    raise ValueError("not this week")


@app.route(route="echo/{name}", methods=["GET", "POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "name": req.route_params["name"],
        "query": dict(req.params),
        "headers": dict(req.headers),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", headers={"x-sample": "yes"})


@app.route(route="echo/me", methods=["GET"])
async def me(req: func.HttpRequest) -> str:
    return "it is me"


@app.route(route="prints")
async def prints(req: func.HttpRequest) -> str:
    print("this is not for the starter")  # noqa: T201
    return "printed"


@app.route(route="boom")
async def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("no luck")


@app.route(route="sign-in", methods=["POST"])
async def sign_in(req: func.HttpRequest) -> func.HttpResponse:
    headers = {"Set-Cookie": "session=abc; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=60"}
    return func.HttpResponse(status_code=204, headers=headers)


@app.queue_trigger(arg_name="message", queue_name="%SAMPLE_QUEUE%", connection="SampleStorage")
@app.queue_output(arg_name="result", queue_name="%SAMPLE_RESULTS%", connection="SampleStorage")
async def work(message: func.QueueMessage, result: func.Out[str]) -> None:
    work_item = message.get_json()
    if work_item.get("exit") and message.dequeue_count == 1:
        os._exit(9)
    await asyncio.sleep(work_item.get("seconds", 0))
    if work_item.get("fail"):
        raise RuntimeError(f"attempt {message.dequeue_count} fails")
    result.set(json.dumps({"done": work_item["id"], "attempt": message.dequeue_count}))


@app.queue_trigger(arg_name="message", queue_name="%SAMPLE_QUEUE%-poison", connection="SampleStorage")
@app.queue_output(arg_name="result", queue_name="%SAMPLE_RESULTS%", connection="SampleStorage")
def given_up(message: func.QueueMessage, result: func.Out[List[str]]) -> None:  # noqa: UP006
    time.sleep(0.01)
    result.set([f"given up: {message.get_body().decode()}", "alarm"])
