"""WhatsApp calls with real audio: calls.py STORY GATEWAY SIMULATOR OWNER OTHER

OWNER is the token of the account's owner, OTHER that of another tenant who may call through it.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import httpx

from peer import Peer, talk

# Nothing takes as long unless it will never end.
PATIENCE = 50
USER, BUSINESS = "whatsapp:+5543999011234", "whatsapp:+551131361234"


class Api:
    """A server that speaks JSON."""

    def __init__(self, url, token=None):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=PATIENCE)

    async def get(self, path, status=200):
        return self._body(await self.http.get(path), status)

    async def post(self, path, body=None, status=200):
        return self._body(await self.http.post(path, json=body), status)

    async def put(self, path, body):
        return self._body(await self.http.put(path, json=body), 200)

    @staticmethod
    def _body(answer, status):
        assert answer.status_code == status, f"{answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json()

    @asynccontextmanager
    async def feed(self):
        """The live feed from now on, as a function that waits for the next event of a type."""
        headers = {"accept": "text/event-stream"}
        async with self.http.stream("GET", "/events", headers=headers) as answer:
            assert answer.status_code == 200, answer.status_code
            events = (json.loads(line[6:]) async for line in answer.aiter_lines() if line.startswith("data: "))

            async def next_event(kind, subject=None):
                async for event in events:
                    if event["type"] == kind:
                        assert subject in (None, event["subject"]), event
                        return event["data"]
                raise AssertionError(f"the feed ended before {kind}")

            yield next_event


async def until(ask, reached):
    """The answer that is hoped for; the patience with the whole story is the bound."""
    while True:
        found = next((item for item in await ask() if reached(item)), None)
        if found:
            return found
        await asyncio.sleep(0.02)


class Site:
    """The gateway as its tenants see it, and the simulated phone."""

    def __init__(self, gateway, simulator, owner, other):
        self.owner, self.other = Api(gateway, owner), Api(gateway, other)
        self.simulator = Api(f"{simulator}/_sim/")

    async def calls(self):
        return await self.simulator.get("calls")

    @staticmethod
    async def history(tenant):
        # Today may begin while a call is talked.
        return (await tenant.get("/history?since=yesterday&until=today"))["data"]

    async def row(self, tenant, call):
        """The record of a call in a tenant's history."""

        async def rows():
            return await self.history(tenant)

        return await until(rows, lambda row: row["call_id"] == call)


def check(found, **expected):
    got = {key: found[key] for key in expected}
    assert got == expected, f"{got} is not {expected}"


def check_talked(ended):
    check(ended, status="completed", kind="whatsapp", account="whatsapp", settled_by="webhook")
    assert ended["talk_seconds"] >= 1, ended
    assert ended["ringing_at"] <= ended["answered_at"] <= ended["ended_at"], ended


async def outgoing(site, service):
    """A service calls the user; gives our id and the call as the phone sees it."""
    session = {"type": "offer", "sdp": await service.offer()}
    call = (await site.other.post("/calls", {"to": USER, "session": session}, 201))["id"]
    ringing = await until(site.calls, lambda item: item["phase"] == "ringing")
    assert ringing["client_sdp"] == session["sdp"]
    return call, ringing


async def outbound(site):
    """A service calls a user through an account that it may use, and hangs up."""
    service, phone = Peer(440), Peer(880)
    async with site.other.feed() as heard:
        call, ringing = await outgoing(site, service)
        answer = await phone.answer(ringing["client_sdp"])
        await site.simulator.post("answer", {"call_id": ringing["id"], "sdp": answer})

        session = (await heard("call.session", call))["session"]
        assert session == {"type": "answer", "sdp": answer}, session
        await service.answered(session["sdp"])
        packets = await talk(service, phone)

        await site.other.post(f"/calls/{call}/hangup", status=202)
        ended = await heard("call.ended", call)
    check_talked(ended)
    assert ended["hangup"]["by"] == "gateway", ended
    check(ended, to=USER, direction="outbound", provider_ref={"id": ringing["id"], "uuid": None})
    assert ended["from"] == BUSINESS, ended

    row = await site.row(site.other, call)
    check(row, to=USER, direction="outbound", status="completed", source="webhook")
    check(row, talk_seconds=ended["talk_seconds"], tenant=ended["tenant"])
    await asyncio.gather(service.close(), phone.close())
    return packets


async def turned_down(site):
    """A service calls a user, who declines before anything was answered."""
    service = Peer(440)
    async with site.other.feed() as heard:
        call, ringing = await outgoing(site, service)
        await site.simulator.post("hang-up", {"call_id": ringing["id"]})
        ended = await heard("call.ended", call)
    check(ended, status="rejected", session=None, answered_at=None, talk_seconds=None)
    check(await site.row(site.other, call), status="rejected", to=USER, direction="outbound")
    await service.close()
    return {}


async def incoming(site, heard, phone):
    """A user calls; gives the call as the owner hears of it, and the provider's id."""
    offer = await phone.offer()
    told = await site.simulator.post("incoming", {"from": USER.removeprefix("whatsapp:+"), "sdp": offer})
    call = await heard("call.incoming")
    check(call, direction="inbound", kind="whatsapp", status="ringing", to=BUSINESS)
    check(call, session={"type": "offer", "sdp": offer}, provider_ref={"id": told["call_id"], "uuid": None})
    assert call["from"] == USER, call
    return call, told["call_id"]


async def inbound(site):
    """A user calls, the service takes it, and the user hangs up."""
    service, phone = Peer(440), Peer(880)
    async with site.owner.feed() as heard:
        call, wacid = await incoming(site, heard, phone)
        answer = await service.answer(call["session"]["sdp"])
        accept = {"session": {"type": "answer", "sdp": answer}}
        await site.owner.post(f"/calls/{call['id']}/accept", accept, 202)

        talking = await until(site.calls, lambda item: item["phase"] == "talking")
        assert talking["client_sdp"] == answer
        await phone.answered(talking["client_sdp"])
        packets = await talk(service, phone)

        await site.simulator.post("hang-up", {"call_id": wacid})
        ended = await heard("call.ended", call["id"])
    check_talked(ended)

    row = await site.row(site.owner, call["id"])
    check(row, direction="inbound", status="completed", to=BUSINESS, source="webhook", tenant="acme")
    assert row["from"] == USER, row
    # The other tenant may use the account, and sees only what it did itself.
    assert await site.history(site.other) == []
    await site.other.get(f"/calls/{call['id']}", 404)
    await asyncio.gather(service.close(), phone.close())
    return packets


async def rejected(site):
    """A user calls and the service declines; its end is told before the provider answers."""
    phone = Peer(880)
    async with site.owner.feed() as heard:
        call, _ = await incoming(site, heard, phone)
        # What the provider refuses is not done.
        fault = {"method": "POST", "times": 1, "effect": "ok_false"}
        await site.simulator.post("faults", fault)
        await site.owner.post(f"/calls/{call['id']}/reject", status=422)
        check(await site.owner.get(f"/calls/{call['id']}"), status="ringing", hangup=None)

        await site.simulator.post("faults", {**fault, "effect": {"delay_ms": {"after": 500}}})
        await site.owner.post(f"/calls/{call['id']}/reject", status=202)
        ended = await heard("call.ended", call["id"])
    # The provider's word for a call that nobody took is the same whoever turned it down.
    check(ended, status="no_answer", answered_at=None, talk_seconds=None, settled_by="webhook")
    assert ended["hangup"]["by"] == "gateway", ended
    assert [item["phase"] for item in await site.calls()] == ["ended"]
    row = await site.row(site.owner, call["id"])
    check(row, direction="inbound", status="no_answer", hangup=ended["hangup"])
    await phone.close()
    return {}


async def main(story, *site):
    site = Site(*site)
    await site.simulator.put("knobs", {"user": "by_hand"})
    stories = {story.__name__: story for story in (outbound, turned_down, inbound, rejected)}
    print(json.dumps(await asyncio.wait_for(stories[story](site), PATIENCE)))


asyncio.run(main(*sys.argv[1:]))
