"""What schemathesis is told beyond the document: whom to call, not to wait, what no schema can foresee."""

import atexit
import collections
import json
import os
import pathlib
import re
import threading
import time

import schemathesis
from gateway import CONNECT, OFFER, Gateway
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

# They depend on what stands behind the request, or on its size as a whole.
PROBLEMS = {
    "body-too-large",
    "cursor-expired",
    "destination-not-allowed",
    "headers-too-large",
    "idempotency-key-reused",
    "invalid-cursor",
    "not-supported",
    "provider-refused",
    "uri-too-long",
}
# They depend on numbering plans, on other fields, on the time, on what exists here, on one verification.
FIELDS = {
    r"/?(to|from|number)|/actions/\d+/(to|from)": {"invalid", "not_allowed"},
    r"/actions/\d+/url": {"invalid", "not_allowed"},
    r"/actions|/session": {"missing", "not_allowed"},
    r"/?(since|until)": {"invalid", "too_large"},
    r"/schedule_at": {"too_small"},
    r"/?(account|subscription)": {"unknown"},
    r"/code": {"invalid"},
    # A stream has no pages, and only a table has a dialect.
    r"limit|cursor|partial|dialect": {"not_allowed"},
    # An event's name is more than a pattern of characters.
    r"Last-Event-ID": {"invalid"},
}
# Calls of the simulators end after some seconds.
LIVE_SECONDS = 1

gateway = Gateway(os.environ["GATEWAY"], os.environ["TOKEN"], os.environ["POSITUS"])
live = {}
answers = collections.Counter()
lock = threading.Lock()


@schemathesis.hook
def map_case(context, case):
    """Of `actions` and `session`, a call keeps the one that goes with its party; acts on calls find one that lives."""
    if not (case.meta and case.meta.generation.mode.is_positive):
        return case
    if case.operation.label == "POST /calls" and isinstance(case.body, dict):
        keep_script(case.body)
    act = re.fullmatch(r"POST /calls/\{id\}/(\w+)", case.operation.label)
    if act:
        case.path_parameters["id"] = living(gateway.ring if act[1] in ("accept", "reject") else connect)
    return case


def keep_script(call):
    whatsapp = str(call.get("to")).startswith("whatsapp:")
    kept, dropped, default = ("session", "actions", OFFER) if whatsapp else ("actions", "session", CONNECT["actions"])
    call[kept] = call.get(kept) or default
    call.pop(dropped, None)


def connect():
    return gateway.place(CONNECT)


def living(start):
    """The call that `start` gave last, unless it may be over."""
    with lock:
        begun, call = live.get(start, (0, None))
        if time.monotonic() - begun > LIVE_SECONDS:
            live[start] = time.monotonic(), start()
        return live[start][1]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Answers are not held back: there are thousands to come."""
    if case.headers and "wait" in (case.headers.get("Prefer") or ""):
        case.headers["Prefer"] = "wait=0"


@schemathesis.hook
def after_call(context, case, response):
    with lock:
        answers[response.status_code] += 1


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether a failure counts.

    What a provider sends is kept even where it cannot be read. A request that fits its schema may be refused for what
    no schema can tell.
    """
    if isinstance(failure, AcceptedNegativeData):
        return "Webhooks" not in case.operation.tags
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = response.json()
    slug = problem["type"].removeprefix("/problems/")
    if slug != "invalid-input":
        return slug not in PROBLEMS
    return not all(unforeseeable(error) for error in problem["errors"])


def unforeseeable(error):
    return any(re.fullmatch(field, error["pointer"]) and error["code"] in codes for field, codes in FIELDS.items())


@atexit.register
def write_answers():
    pathlib.Path(os.environ["FIXTURES"], "answers").write_text(json.dumps(answers))
