"""Measures the pages of the merged history over three accounts: the first, the next, and one far down.

    bench/run history [--rounds N] [--pages N] [--slow MS]

Three simulated providers compute their rows when they are asked for. The gateway runs alone on the first core, the
simulators and whoever asks on the second.

What is printed, with median and 99th percentile: how much longer a first page takes than the slowest of its sources when
the same pages are asked for directly and at the same time, each source waiting `--slow` milliseconds before it answers; how
long the next page takes once its reader was busy for a while; and what the pages from the second and those up to the last
of `--pages` cost, in time and in requests upstream.
"""

import argparse
import contextlib
import http.client
import json
import re
import selectors
import socket
import statistics
import tempfile
import time
import urllib.parse
from pathlib import Path

from export import ACCOUNTS, Simulator, configuration
from measure import GATEWAY, MEASURED, Process, token
from results import section

REPORT = "/api/v1/dialer/calls_history"
LIMIT = 50
# How many pages are taken together where pages are compared.
TOGETHER = 50
# How long a reader is busy with a page, in seconds, beyond what a source takes.
READING = 0.05


class Connection:
    """Asks one server over one connection."""

    def __init__(self, address, headers):
        self.connection, self.headers = http.client.HTTPConnection(address, timeout=60), headers

    def get(self, target):
        """The answer and the milliseconds it took."""
        begun = time.perf_counter()
        self.connection.request("GET", target, headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - begun) * 1000
        if answer.status != 200:
            raise SystemExit(f"{target}: {answer.status} {body.decode()}")
        return json.loads(body), took


class Together:
    """Asks for pages at the same time, each over a connection of its own, and takes the bytes of the answers."""

    def __init__(self, pages):
        self.asked = []
        for address, target, header in pages:
            host, port = address.split(":")
            head = f"GET {target} HTTP/1.1\r\nhost: {address}\r\n{header}\r\n\r\n"
            self.asked.append((head.encode(), socket.create_connection((host, int(port)), timeout=60)))

    def slowest(self):
        """The milliseconds until the last answer was there."""
        with selectors.DefaultSelector() as selector:
            begun = time.perf_counter()
            for head, connection in self.asked:
                connection.sendall(head)
                selector.register(connection, selectors.EVENT_READ, bytearray())
            while selector.get_map():
                for key, _ in selector.select():
                    key.data.extend(key.fileobj.recv(1 << 18))
                    if is_whole(key.data):
                        selector.unregister(key.fileobj)
            return (time.perf_counter() - begun) * 1000


def is_whole(answer):
    """Whether an answer of a known length has come."""
    head, found, body = answer.partition(b"\r\n\r\n")
    if found and not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"{head.decode()}\n{body.decode()}")
    length = re.search(rb"^content-length: (\d+)", head, re.M | re.I)
    return bool(found) and len(body) == int(length[1])


class Bench:
    """A gateway, its simulators, and connections to all of them."""

    def __init__(self, directory, rows, running):
        self.simulators = [Simulator(directory, name, rows // 3, running) for name in ACCOUNTS]
        config, port = configuration(directory, self.simulators)
        command = [str(GATEWAY), "serve", "--config", str(config)]
        running.enter_context(Process(command, MEASURED, directory / "gateway.log")).wait_for(port, "/health/ready")
        self.address, self.token = f"127.0.0.1:{port}", token(config)
        self.gateway = Connection(self.address, {"Authorization": f"Bearer {self.token}"})
        window = self.simulators[0].told("bulk")
        self.base = f"/history?limit={LIMIT}&since={window['since']}&until={window['until']}"

    def page(self, cursor=None):
        return self.gateway.get(self.base + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""))

    def asked(self):
        """The pages asked for upstream so far."""
        return [simulator.told("bulk/asked") for simulator in self.simulators]

    def slow(self, milliseconds):
        """Has every source wait before it answers."""
        effect = {"delay_ms": {"before": milliseconds, "after": 0}}
        rule = {"method": "GET", "path": REPORT, "skip": 0, "times": None, "effect": effect}
        for simulator in self.simulators:
            connection = http.client.HTTPConnection(simulator.address, timeout=60)
            connection.request("POST", "/_sim/faults", json.dumps(rule), {"Content-Type": "application/json"})
            if connection.getresponse().status != 200:
                raise SystemExit("a simulator takes no faults")

    def first_pages(self, rounds, pause):
        """How much longer each first page takes than the slowest of the pages that it is made of."""
        sources = Together(self.first_targets())
        gateway = Together([(self.address, self.base, f"authorization: Bearer {self.token}")])
        over = []
        for _ in range(rounds):
            slowest = sources.slowest()
            over.append(gateway.slowest() - slowest)
            # What the gateway asks for ahead is not to be in the way of the sources.
            time.sleep(pause)
        return over

    def first_targets(self):
        """What each source is asked for when a walk begins: one window, once for all rows and once for those of campaigns."""
        self.page()
        before = self.asked()
        self.page()
        for simulator, known in zip(self.simulators, before):
            targets = simulator.told("bulk/asked")[len(known) :]
            window = re.search(r"end_date=[^&]+", targets[0])[0]
            header = f"token: {simulator.token}"
            yield from ((simulator.address, target, header) for target in targets if window in target)

    def warm_pages(self, rounds, pause):
        """What each page takes whose reader was busy with the page before."""
        # A connection that was idle for a while is closed by the gateway.
        self.gateway.connection.close()
        took, cursor = [], self.page()[0]["next_cursor"]
        for _ in range(rounds):
            time.sleep(pause)
            page, milliseconds = self.page(cursor)
            took.append(milliseconds)
            cursor = page["next_cursor"]
        return took

    def walk(self, pages):
        """What the second pages and the last ones take, one right after the other, and how much is asked for upstream."""
        parts, took, cursor = [], [], None
        before = 0
        for number in range(1, pages + 1):
            page, milliseconds = self.page(cursor)
            cursor = page["next_cursor"]
            if number in (1, pages - TOGETHER):
                before, took = self.count(), []
            else:
                took.append(milliseconds)
            if number in (1 + TOGETHER, pages):
                parts.append((took, self.count() - before))
        return parts

    def count(self):
        return sum(len(targets) for targets in self.asked())


def shown(figures):
    ordered = sorted(figures)
    last = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return f"median {statistics.median(ordered):.2f} ms, p99 {last:.2f} ms"


def run(options, directory):
    with contextlib.ExitStack() as running:
        bench = Bench(directory, 3 * LIMIT * (options.pages + 10), running)
        (first, asked_first), (last, asked_last) = bench.walk(options.pages)
        print(f"Pages 2 to {TOGETHER + 1}: {shown(first)}, {asked_first} requests upstream")
        print(f"Pages {options.pages - TOGETHER + 1} to {options.pages}: {shown(last)}, {asked_last} requests upstream")
        bench.slow(options.slow)
        pause = READING + options.slow / 1000
        over = bench.first_pages(options.rounds, pause)
        print(f"First page beyond its slowest source, {options.slow} ms each: {shown(over)} (wanted: 2 ms)")
        warm = bench.warm_pages(options.rounds, pause)
        print(f"Next page after {pause * 1000:.0f} ms: {shown(warm)} (wanted: 5 ms)")


def main():
    parser = argparse.ArgumentParser(prog="bench/run history", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--pages", type=int, default=1_000)
    parser.add_argument("--slow", type=int, default=20, metavar="MS")
    options = parser.parse_args()
    with section("Pages of the history", fenced=True), tempfile.TemporaryDirectory(prefix="bench-") as directory:
        run(options, Path(directory))


if __name__ == "__main__":
    main()
