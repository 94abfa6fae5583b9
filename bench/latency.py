"""Measures how much later an answer comes through the gateway than from the provider itself, at a rate that does not yield.

    bench/run latency [--rounds N] [--seconds N]

Requests are sent when they are due, however slow the answers are, and their time counts from when they were due: nothing is
left out because something before it was late (coordinated omission). They are sent by select and no event loop, whose clock
of milliseconds is too coarse for what is measured here. The rate is half of what the gateway takes at most.
The same provider is asked directly, at the same rate, in turns. The gateway has one worker on the first core; provider, Redis
and whoever asks share the second.

Then: how long after a webhook was sent to one gateway its event is with a subscriber of another, both on one Redis.
"""

import argparse
import collections
import contextlib
import os
import re
import select
import socket
import statistics
import tempfile
import time
from pathlib import Path

from measure import GATEWAY, MEASURED, REST, Bench, Process, filled, free_port, load, make_keys, start_nginx, start_redis
from measure import token
from results import ms, row, section

STORES = [("Redis", "everysec"), ("Redis", "always"), ("embedded", "always")]
# Connections that may be busy at once, which is as many as select takes; what is due later waits for one, and its time counts.
MOST_LINES = 900
# The seconds after which what does not come never will.
STANDSTILL = 10
# Webhooks a second whose events are waited for.
HOOKS = 200


class Line:
    """One connection; one request at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due, self.waiting = 0.0, b""

    def fileno(self):
        return self.socket.fileno()

    def ask(self, request, due):
        self.due = due
        self.socket.sendall(request)

    def status(self):
        """Takes what has come; the status once that is the whole answer, which must be a good one or a refusal."""
        received = self.socket.recv(1 << 16)
        if not received:
            raise SystemExit("a connection was closed in the middle of an answer")
        self.waiting += received
        head, found, body = self.waiting.partition(b"\r\n\r\n")
        if not found or len(body) < int(re.search(rb"(?i)^content-length: (\d+)", head, re.M)[1]):
            return None
        self.waiting = b""
        status = int(head[9:12])
        if status >= 300 and status != 503:
            raise SystemExit(f"{head.decode()}\n{body.decode()}")
        return status


def at_rate(port, rate, seconds, request):
    """The seconds that each of so many requests took from when it was due, and how many were refused; `request(n)` makes the
    bytes of the n-th."""
    # Each is used in its turn: one that nobody uses is closed.
    free, busy = collections.deque(Line(port) for _ in range(64)), set()
    took, refused, asked = [], 0, 0
    begin, count = time.perf_counter() + 0.01, int(rate * seconds)
    while len(took) + refused < count:
        now = time.perf_counter()
        while asked < count and begin + asked / rate <= now and (free or len(busy) < MOST_LINES):
            line = free.popleft() if free else Line(port)
            line.ask(request(asked), begin + asked / rate)
            busy.add(line)
            asked += 1
        waits = asked == count or len(busy) == MOST_LINES
        pause = STANDSTILL if waits else max(0, begin + asked / rate - time.perf_counter())
        ready = select.select(busy, [], [], pause)[0]
        if waits and not ready:
            raise SystemExit(f"{len(busy)} requests are not answered")
        for line in ready:
            status = line.status()
            if status is None:
                continue
            if status == 503:
                refused += 1
            else:
                took.append(time.perf_counter() - line.due)
            busy.discard(line)
            free.append(line)
    return took, refused


def post(path, headers, body):
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{headers}"
    return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


def ended():
    raise SystemExit("the feed has ended")


def fsync_ms(directory):
    """The median of what it takes until 300 appended bytes are on the disk."""
    took = []
    with open(directory / "fsync", "ab", buffering=0) as file:
        for _ in range(500):
            begun = time.perf_counter()
            file.write(b"x" * 300)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000


def added(bench, options, store, fsync):
    """Half of the most, what one fsync takes, how much later p50 and p99 are than without the gateway, and who was refused."""
    with bench.gateway(store, fsync) as (server, port, directory, _):
        server.wait_for(port, "/health/ready")
        bearer = token(directory / "gateway.toml")
        load("start", port, 2, {"TOKEN": bearer, "RUN": "1"})
        most = load("start", port, 3, {"TOKEN": bearer, "RUN": "2"})
        rate = most["requests"] / most["micros"] * 1e6 / 2
        told = '{"numero_destino":"+5511988887777","nome_produto":"","tamanho":6,"tts":false}'
        direct = post("/verificacao", "access-token: 0123456789abcdef0123456789abcdef\r\n", told)
        over, refused = {0.5: [], 0.99: []}, 0
        for turn in range(options.rounds):

            def through(number):
                headers = f"authorization: Bearer {bearer}\r\nidempotency-key: open-{turn}-{number}\r\n"
                return post("/verifications", headers, f'{{"to":"+55119{3 + turn}{number:07d}","channel":"sms"}}')

            alone, _ = at_rate(bench.upstream, rate, options.seconds, lambda _: direct)
            with_us, turned_away = at_rate(port, rate, options.seconds, through)
            refused += turned_away
            if not with_us:
                raise SystemExit(f"{store}: nothing was answered")
            for share, values in over.items():
                values.append(ms(with_us, share) - ms(alone, share))
        return rate, fsync_ms(directory), over, refused


def to_another(directory, options):
    """The milliseconds from sending each webhook to one gateway until its event is read from another."""
    with contextlib.ExitStack() as running:
        redis = free_port()
        running.enter_context(start_redis(directory, redis, "everysec"))
        make_keys(directory)
        ports = []
        for name in ["taking", "telling"]:
            port = free_port()
            values = {"PORT": port, "MANAGEMENT": free_port(), "STORE": f"redis://127.0.0.1:{redis}", "UPSTREAM": free_port()}
            config = Path(filled("gateway.toml", directory, **values)).rename(directory / f"{name}.toml")
            command = [str(GATEWAY), "serve", "--config", str(config)]
            running.enter_context(Process(command, MEASURED, directory / f"{name}.log")).wait_for(port, "/health/ready")
            ports.append(port)
        feed = Line(ports[1])
        head = f"host: bench\r\naccept: text/event-stream\r\nauthorization: Bearer {token(config)}\r\n\r\n"
        feed.socket.sendall(f"GET /events?types=sms.reply HTTP/1.1\r\n{head}".encode())
        feed.socket.recv(1 << 16)
        hook, path = Line(ports[0]), f"/webhooks/zenvia/sms-reply/{(directory / 'hook.key').read_text()}"
        sent, told, text = {}, {}, b""
        begin, count = time.perf_counter() + 0.01, HOOKS * options.seconds
        free = True
        while len(told) < count:
            due = begin + len(sent) / HOOKS
            if free and len(sent) < count and due <= time.perf_counter():
                number = 70_000_000 + len(sent)
                body = f'{{"id":{number},"sms_id":{number},"resposta":"ok","data_resposta":"2019-09-06T17:05:18.000Z"}}'
                hook.ask(post(path, "", body), due)
                sent[b"%d" % number], free = due, False
            pause = max(0, due - time.perf_counter()) if free and len(sent) < count else STANDSTILL
            ready = select.select([feed, hook], [], [], pause)[0]
            free = free or (hook in ready and hook.status() is not None)
            if feed in ready:
                text += feed.socket.recv(1 << 16) or ended()
                *whole, text = text.split(b"\n\n")
                for number in re.findall(rb'"subject":"(7\d{7})"', b"".join(whole)):
                    told.setdefault(number, time.perf_counter() - sent[number])
            if not ready and pause == STANDSTILL:
                raise SystemExit(f"{count - len(told)} events did not come")
        return list(told.values())


def measure(options, directory):
    bench = Bench(directory, options.seconds)
    print(
        f"`POST /verifications` with everything on, {options.rounds} turns of {options.seconds} s each, at half of the most that the",
        "gateway takes, open loop. What it adds to asking the provider directly at the same rate: median (least–most).",
        "",
        "| Store | requests/s | one fsync, ms | added to p50, ms | wanted | added to p99, ms | wanted | refused |",
        "|---|---|---|---|---|---|---|---|",
        sep="\n",
    )
    with start_nginx("upstream.conf", bench.fresh(), REST, bench.upstream, UPSTREAM=bench.upstream):
        for store, fsync in STORES:
            rate, synced, over, refused = added(bench, options, store, fsync)
            more = 0 if fsync == "everysec" else 2 * synced
            name = f"{store}, `{fsync}`" if store == "Redis" else store
            columns = [name, f"{rate:,.0f}", f"{synced:.2f}"]
            for share, wanted in [(0.5, 0.5), (0.99, 1.5)]:
                values = over[share]
                columns += [f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})", f"{wanted + more:.2f}"]
            print(row(*columns, str(refused)))
    took = to_another(bench.fresh(), options)
    print(
        f"\nA webhook sent to one gateway, its event read from another: p50 {ms(took, 0.5):.2f} ms, p99 {ms(took, 0.99):.2f} ms,\n"
        f"at most {max(took) * 1000:.2f} ms, of {len(took):,} at {HOOKS}/s (wanted: p99 20 ms)."
    )


def main():
    parser = argparse.ArgumentParser(prog="bench/run latency")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    options = parser.parse_args()
    os.sched_setaffinity(0, REST)
    with section("Latency at a constant rate"), tempfile.TemporaryDirectory(prefix="bench-") as directory:
        measure(options, Path(directory))


if __name__ == "__main__":
    main()
