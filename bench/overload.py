"""Measures how one provider that is dead harms the others, and what is left of the gateway when too much is asked of it.

    bench/run overload [--rounds N] [--seconds N]

The load is open-loop: requests are sent when they are due, however slow the answers are, and their time counts from then.
The gateway has one worker on the first core; Redis, providers and load share the second.

Isolation: codes go through one account at a steady rate, and through another whose provider answers in one turn and is
silent in the next. What is compared is the first account's. Then the breaker: how many requests a silent provider gets
until it is left alone, and how soon all is well after it speaks again.

Overload: a provider that takes its time and an account with few places make a capacity that is known. It is asked for
half, all, twice and five times of it, and then for half again.

Flood: the same where nothing but the gateway's own core sets the limit, with wrk in place of the load above.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from measure import MEASURED, REST, Bench, Process, filled, free_port, make_keys, GATEWAY, load, start_nginx, start_redis
from measure import token
from results import ms, section

# What one account is asked for in a second, and the one beside it.
STEADY, BESIDE = 150, 150
# Of the account that is overloaded: its places, and the milliseconds its provider takes.
PLACES, SLOW_MS = 32, 100
CAPACITY = PLACES * 1000 / SLOW_MS
TIMES = [0.5, 1, 2, 5]
# The callers that find the most that one core can do, and the milliseconds that those of a flood pause.
CALLERS, PAUSE_MS = 128, 100
# A refusal or an answer slower than this many times the usual is not yet well.
WELL = 2


class Provider(asyncio.Protocol):
    """Takes codes as Zenvia does, after a while, or says nothing."""

    silent, taken, delay = False, 0, 0.0

    def connection_made(self, transport):
        self.transport, self.waiting = transport, b""

    def data_received(self, data):
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            head = self.waiting[:end].lower()
            at = head.find(b"content-length: ")
            length = int(head[at + 16 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.waiting) < end + 4 + length:
                return
            self.waiting = self.waiting[end + 4 + length :]
            Provider.taken += 1
            if not Provider.silent:
                asyncio.get_running_loop().call_later(Provider.delay, self.answer, Provider.taken)

    def answer(self, number):
        data = {"status": 200, "sucesso": True, "motivo": 0, "mensagem": "ok", "dados": {"id": number}}
        body = json.dumps(data).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


async def provide(port, delay_ms):
    """A provider in a process of its own: SIGUSR1 silences it and forgets what it took, SIGUSR2 lets it speak."""
    Provider.delay = delay_ms / 1000
    loop = asyncio.get_running_loop()

    def say(silent):
        if silent:
            Provider.taken = 0
        Provider.silent = silent
        print(Provider.taken, flush=True)

    loop.add_signal_handler(signal.SIGUSR1, say, True)
    loop.add_signal_handler(signal.SIGUSR2, say, False)
    server = await loop.create_server(Provider, "127.0.0.1", port)
    await server.serve_forever()


class Connection(asyncio.Protocol):
    """One connection to the gateway; one request at a time."""

    def connection_made(self, transport):
        self.transport, self.waiting, self.answered = transport, b"", None

    def ask(self, request):
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answered

    def data_received(self, data):
        self.waiting += data
        end = self.waiting.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.waiting[:end].lower()
        length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(self.waiting) < end + 4 + length:
            return
        self.waiting = self.waiting[end + 4 + length :]
        if self.answered and not self.answered.done():
            self.answered.set_result((int(head[9:12]), b"\r\nretry-after:" in head))

    def connection_lost(self, _):
        if self.answered and not self.answered.done():
            self.answered.set_result((0, False))


class Caller:
    """Asks for codes, each for a number of its own, over as many connections as are needed."""

    numbers = iter(range(10_000_000, 99_999_999))

    def __init__(self, port, bearer):
        self.port, self.bearer, self.free = port, bearer, []

    async def ask(self, account, due):
        body = json.dumps({"to": f"+55119{next(self.numbers)}", "channel": "sms", "account": account})
        request = (
            f"POST /verifications HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self.bearer}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
        )
        connection = self.free.pop() if self.free else None
        if connection is None or connection.transport.is_closing():
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, "127.0.0.1", self.port)
        status, again = await connection.ask(request.encode())
        if status:
            self.free.append(connection)
        return due, time.perf_counter() - due, status, again

    async def load(self, account, rate, seconds):
        """What came of so many requests a second, each as (when it was due, how long it took, status, Retry-After)."""
        begin, asked = time.perf_counter(), []
        for n in range(int(rate * seconds)):
            due = begin + n / rate
            pause = due - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            asked.append(asyncio.create_task(self.ask(account, due)))
        return await asyncio.gather(*asked)


def taken(answers):
    return [took for _, took, status, _ in answers if status == 201]


class Scene:
    """A gateway over Redis with a steady account, one beside it, and one that is slow."""

    def __init__(self, directory, running):
        self.directory, port = directory, free_port()
        redis, ports = free_port(), {name: free_port() for name in ["steady", "beside", "slow"]}
        make_keys(directory)
        self.management = free_port()
        values = {"PORT": port, "MANAGEMENT": self.management, "STORE": f"redis://127.0.0.1:{redis}"}
        config = Path(filled("gateway.toml", directory, UPSTREAM=ports["steady"], **values))
        config.write_text(config.read_text() + "".join(self.account(name, ports[name]) for name in ports))
        running.enter_context(start_redis(directory, redis, "everysec"))
        self.providers = {
            name: running.enter_context(self.provider(name, ports[name], SLOW_MS if name == "slow" else 2))
            for name in ports
        }
        command = [str(GATEWAY), "serve", "--config", str(config)]
        self.gateway = running.enter_context(Process(command, MEASURED, directory / "gateway.log"))
        self.gateway.wait_for(port, "/health/ready")
        self.caller = Caller(port, token(config))

    def account(self, name, port):
        places = PLACES if name == "slow" else 64
        return (
            f'\n[accounts.{name}]\nprovider = "zenvia"\nowner = "bench"\nbase_url = "http://127.0.0.1:{port}"\n'
            f'keys = [ {{ id = "1", secret = "file::{self.directory}/provider.key" }} ]\n'
            f"concurrent = {places}\nper_second = 100000\n"
        )

    def provider(self, name, port, delay):
        command = [sys.executable, __file__, "--provide", str(port), str(delay)]
        provider = Process(command, REST, self.directory / f"{name}.log")
        provider.wait_for(port)
        return provider

    def health(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.management, timeout=5)
        connection.request("GET", "/accounts")
        accounts = json.loads(connection.getresponse().read())["data"]
        return next(account["health"]["status"] for account in accounts if account["account"] == name)

    async def left_alone(self, name):
        """Waits until a provider is left alone; returns when that was."""
        while await asyncio.to_thread(self.health, name) == "healthy":
            await asyncio.sleep(0.01)
        return time.perf_counter()

    def silence(self, name, silent):
        """Silences a provider or lets it speak; returns how many requests it had taken since it was silenced."""
        log = self.directory / f"{name}.log"
        before = len(log.read_text().split())
        self.providers[name].child.send_signal(signal.SIGUSR1 if silent else signal.SIGUSR2)
        while len(log.read_text().split()) == before:
            time.sleep(0.001)
        return int(log.read_text().split()[-1])


async def isolation(scene, rounds, seconds):
    """The steady account's times while the other's provider answers, and while it is silent."""
    seen = {False: [], True: []}
    failed = refused = 0
    memory = scene.gateway.megabytes("VmRSS")
    for turn in range(2 * rounds):
        silent = turn % 2 == 1
        if silent:
            scene.silence("beside", True)
        steady, beside = await asyncio.gather(
            scene.caller.load("steady", STEADY, seconds), scene.caller.load("beside", BESIDE, seconds)
        )
        if silent:
            scene.silence("beside", False)
            # All is well again before the next turn.
            while (await scene.caller.ask("beside", time.perf_counter()))[2] != 201:
                await asyncio.sleep(0.05)
            refused += sum(status == 503 for *_, status, _ in beside)
        failed += sum(status != 201 for *_, status, _ in steady)
        seen[silent].append((ms(taken(steady), 0.5), ms(taken(steady), 0.99)))
    for silent, turns in seen.items():
        p50, p99 = (statistics.median(turn[index] for turn in turns) for index in (0, 1))
        print(f"  the other {'is silent' if silent else 'answers'}: p50 {p50:.2f} ms, p99 {p99:.2f} ms"
              f" (of each turn: {', '.join(f'{turn[1]:.2f}' for turn in turns)})")
    medians = [statistics.median(turn[1] for turn in seen[silent]) for silent in (False, True)]
    memory = scene.gateway.megabytes("VmHWM") - memory
    print(f"  p99 changes by {100 * (medians[1] / medians[0] - 1):+.1f} % (wanted: at most 5); {failed} of the steady"
          f" account's requests failed (wanted: 0); {refused} to the silent one were refused;"
          f" memory grew by {memory:.1f} MB at most (wanted: 20)")


async def breaker(scene, seconds):
    """How a silent provider is left alone, and found again."""
    scene.silence("beside", True)
    began = time.perf_counter()
    answers, left_alone = await asyncio.gather(scene.caller.load("beside", BESIDE, seconds), scene.left_alone("beside"))
    asked = scene.silence("beside", False)
    lost = sorted(due + took - began for due, took, status, _ in answers if status == 202)
    late = sum(1 for due, *_, status, _ in answers if status == 202 and due > left_alone)
    again, back = time.perf_counter(), None
    while back is None:
        if (await scene.caller.ask("beside", time.perf_counter()))[2] == 201:
            back = time.perf_counter() - again
        await asyncio.sleep(0.02)
    after = await scene.caller.load("beside", BESIDE, 2)
    print(f"  {len(answers)} requests in {seconds} s: the silent provider got {asked}, {len(lost)} were lost, the"
          f" first of them given up after {lost[0] if lost else float('nan'):.2f} s; it was left alone after"
          f" {left_alone - began:.2f} s (wanted: 2 s), and got {late} probes after that")
    print(f"  it is found again {back:.2f} s after it speaks (wanted: 10 s); of the {len(after)} requests after that"
          f" {sum(status != 201 for *_, status, _ in after)} failed")


async def overload(scene, seconds):
    """How much gets through when more and more is asked for."""
    goodput, usual = {}, None
    for times in [*TIMES, 0.5]:
        began = time.perf_counter()
        answers = await scene.caller.load("slow", CAPACITY * times, seconds)
        good, refusals = taken(answers), [took for _, took, status, _ in answers if status == 503]
        unsaid = sum(1 for *_, status, again in answers if status == 503 and not again)
        other = len(answers) - len(good) - len(refusals)
        print(f"  {times:>4} x {CAPACITY:.0f}/s: {len(good) / seconds:6.0f}/s taken, p50 {ms(good, 0.5):6.1f} p99"
              f" {ms(good, 0.99):6.1f} ms; {len(refusals) / seconds:6.0f}/s refused, p50 {ms(refusals, 0.5):5.1f} p99"
              f" {ms(refusals, 0.99):5.1f} ms, {unsaid} without Retry-After; {other} other")
        if usual is not None and times == 0.5:
            bad = [due + took - began for due, took, status, _ in answers if status != 201 or took > WELL * usual]
            # One slow answer among many is the machine's, so the last percent is let go.
            bad = sorted(bad)[: max(0, len(bad) - len(answers) // 100)]
            print(f"  back to normal {max(bad, default=0):.2f} s after the load is gone (wanted: 5 s)")
        if usual is None:
            usual = ms(good, 0.99) / 1000
        goodput[times] = max(goodput.get(times, 0), len(good) / seconds)
    peak = max(goodput.values())
    print(f"  goodput at 5 x: {100 * goodput[5] / peak:.1f} % of the peak of {peak:.0f}/s (wanted: 95)")


def flood(directory, seconds):
    """What is left of a core's peak when five times of it are asked for, and right afterwards."""
    bench, runs = Bench(directory, seconds), iter(range(1, 9))

    def ask(port, bearer, callers, pause):
        env = {"TOKEN": bearer, "RUN": str(next(runs)), "PAUSE": str(pause)}
        seen = load("flood", port, seconds, env, connections=callers)
        seconds_taken = seen["micros"] / 1e6
        good, refused = (seen["requests"] - seen["refused"]) / seconds_taken, seen["refused"] / seconds_taken
        print(f"  {callers:>5} callers who pause {pause:>3} ms: {good:6.0f}/s taken, {refused:6.0f}/s refused, p50"
              f" {seen['p50'] / 1000:5.1f} p99 {seen['p99'] / 1000:6.1f} ms, {seen['broken']} connections broken")
        return good

    with start_nginx("upstream.conf", bench.fresh(), REST, bench.upstream, UPSTREAM=bench.upstream):
        with bench.gateway("Redis", "everysec") as (server, port, directory, _):
            server.wait_for(port, "/health/ready")
            bearer = token(directory / "gateway.toml")
            peak = ask(port, bearer, CALLERS, 0)
            for times in (1, 2, 5):
                good = ask(port, bearer, int(times * peak * PAUSE_MS / 1000), PAUSE_MS)
                print(f"  goodput at {times} x: {100 * good / peak:.1f} % of the peak of {peak:.0f}/s")
            after = ask(port, bearer, CALLERS, 0)
            print(f"  right after it: {100 * after / peak:.1f} % of the peak")


async def measure(options):
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, contextlib.ExitStack() as running:
        scene = Scene(Path(directory), running)
        await scene.caller.load("steady", STEADY, 2)
        print(f"{options.rounds} rounds of {options.seconds} s.")
        print(f"Isolation: {STEADY}/s through the steady account, {BESIDE}/s through the other")
        await isolation(scene, options.rounds, options.seconds)
        print("Breaker, as it is by default")
        await breaker(scene, max(12, options.seconds))
        print(f"Overload: {PLACES} places, {SLOW_MS} ms each")
        await overload(scene, options.seconds)
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        print("Flood: as much as one core can do, and more")
        flood(Path(directory), options.seconds)


def main():
    if sys.argv[1:2] == ["--provide"]:
        return asyncio.run(provide(int(sys.argv[2]), float(sys.argv[3])))
    parser = argparse.ArgumentParser(prog="bench/run overload")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    os.sched_setaffinity(0, REST)
    with section("Isolation and overload", fenced=True):
        asyncio.run(measure(options))


if __name__ == "__main__":
    main()
