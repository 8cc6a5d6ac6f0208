"""The day of docs/API.md by a client that a stock generator made of openapi.json.

The folder has `source.json` and `destination.json`; URL and TOKEN are in the environment. Ends with
0 if everything was as it has to be.
"""

import json
import os
import time

from outflow_client import AuthenticatedClient
from outflow_client.api.connections import connect
from outflow_client.api.destinations import (
    create_destination,
    destinations,
    pause_destination,
    resume_destination,
    test_destination,
)
from outflow_client.api.installation import usage
from outflow_client.api.project import preview_schedule
from outflow_client.api.runs import rejected, replay_run, runs
from outflow_client.api.sources import catalogue, create_source, test_source
from outflow_client.api.syncs import change_sync, create_sync, enable, preview, problems, start_run
from outflow_client.models import (
    ChangeSyncBody,
    ConnectBody,
    NewDefinition,
    Preview,
    Problem,
    Replay,
    StartRun,
    Thought,
)

client = AuthenticatedClient(base_url=os.environ["URL"], token=os.environ["TOKEN"])
http = client.get_httpx_client()
http.timeout = 60


def call(operation, *arguments, **named):
    """What the operation answers: its typed document, or the text of what has no type."""
    answer = operation.sync_detailed(*arguments, client=client, **named)
    assert answer.status_code < 300, (operation.__name__, answer.status_code, answer.content)
    assert not isinstance(answer.parsed, Problem)
    return answer.content.decode() if answer.parsed is None else answer.parsed


def definition(file):
    with open(file, encoding="utf-8") as text:
        return NewDefinition.from_dict(json.load(text))


def last_step(lines):
    return json.loads(lines.splitlines()[-1])["result"]


def until_the_end_of(run):
    """The last document of the run's events."""
    last = None
    with http.stream("GET", f"/api/v1/runs/{run}/events") as events:
        for line in events.iter_lines():
            if line.startswith("data: "):
                last = json.loads(line.removeprefix("data: "))
    return last


def fix_the_row():
    with open("wanted", "w", encoding="utf-8") as wanted:
        wanted.write("fix\n")
    with open("fixed", encoding="utf-8") as fixed:
        fixed.read()


assert call(create_source, body=definition("source.json")).version == 1
assert last_step(call(test_source, "warehouse"))["ok"]
assert len(call(catalogue, "warehouse", table="users").schemas[0].tables[0].columns) > 2
assert call(create_destination, body=definition("destination.json")).status.value == "enabled"
assert last_step(call(test_destination, "journeys"))["ok"]
call(connect, "warehouse", "journeys", body=ConnectBody())

sync = {
    "source": "warehouse",
    "type": "identify",
    "schedule": {"cron": "0 25 * * *", "timezone": "Europe/Berlin"},
    "query": "SELECT id AS userId, email_address AS email, fname\nFROM users\n"
    "WHERE last_updated >= {{last_sync_time}}",
}
draft = NewDefinition.from_dict({"name": "users", "status": "draft", "value": sync})
assert call(create_sync, body=draft).version == 1
found = call(problems, "users")
assert not found.ok and found.problems[0].field == "schedule.cron"
cron = {"schedule": {"cron": "0 6 * * *"}}
assert call(change_sync, "users", body=ChangeSyncBody.from_dict(cron), if_match='"1"').version == 2
assert call(problems, "users").ok
assert len(call(preview_schedule, body=Thought.from_dict(cron)).next_slots) == 5
assert len(call(preview, "users", body=Preview(calls=True, limit=5)).calls) > 0
assert call(preview, "users", body=Preview(requests=True)).destinations[0].requests[0].method == "POST"
assert call(enable, "users").status.value == "enabled"

run = call(start_run, "users", body=StartRun(), idempotency_key="day-1").run
document = until_the_end_of(run)
assert document["state"] == "succeeded_with_rejected", document
assert document["rows"]["read"] == document["rows"]["calls"] + document["rows"]["rejected"]
bad = call(rejected, run)
assert bad.items[0].code == "R001" and bad.next_cursor is None

fix_the_row()
assert len(call(replay_run, run, body=Replay.from_dict({"mode": "rejected"})).runs) == 1
newest = run
while newest == run:
    time.sleep(0.2)
    newest = call(runs, limit=1).items[0].run
assert until_the_end_of(newest)["state"] == "succeeded"

assert call(pause_destination, "journeys").entries[0].changed
assert call(destinations).items[0].paused_since is not None
assert call(resume_destination, "journeys").entries[0].changed
assert call(usage).calls == 3
