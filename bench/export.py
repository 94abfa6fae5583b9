"""Exports 1,000,000 rows over three accounts through the gateway, and checks and measures the stream.

    bench/run export [--rows N] [--rounds N] [--concurrency N] [--kills N] [--keep FILE]

Three simulated providers compute their rows when they are asked for. The gateway runs alone on the first core and streams
them as NDJSON, merged; curl takes them on the second, beside the simulators, and keeps them for the check. Then nothing is
kept: in turns, `--rounds` times, the stream is taken again, and the very same pages are fetched straight from the simulators,
`--concurrency` at a time (3: one for each account), which is what no gateway can be faster than.

At last `switchboard export` writes the same rows to a file, and is killed with SIGKILL `--kills` times on the way.

What is printed: whether count, checksums and order are those of the simulators; both throughputs and their ratio; how many
pages were asked for, and how many were needed; the gateway's resident memory over time; and whether the file of the export
that was killed is the same, byte for byte. It ends with 1 if a row is lost, doubled or out of place, or a byte differs.
"""

import argparse
import contextlib
import filecmp
import http.client
import json
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from measure import BENCH, GATEWAY, MEASURED, REST, Process, filled, free_port, make_keys, token
from results import section

ACCOUNTS = ["first", "second", "third"]
PAGE = 50
MODULUS = 1 << 64
SAMPLE_EVERY = 0.25


class Simulator:
    """A simulated Evolux with a report of so many rows."""

    def __init__(self, directory, name, rows, running):
        self.name, log = name, directory / f"{name}.log"
        command = [str(GATEWAY), "simulate", "--port", "0", "--evolux-rows", str(rows)]
        running.enter_context(Process(command, REST, log))
        for _ in range(1000):
            found = re.search(r"^Evolux +http://(\S+) +token: (\S+)$", log.read_text(), re.M)
            if found:
                break
            time.sleep(0.01)
        self.address, self.token = found[1], found[2]

    def told(self, what):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request("GET", f"/_sim/{what}")
        return json.load(connection.getresponse())


def configuration(directory, simulators):
    port = free_port()
    config = Path(filled("export.toml", directory, PORT=port, MANAGEMENT=free_port()))
    make_keys(directory)
    sections = []
    for simulator in simulators:
        key = directory / f"{simulator.name}.key"
        key.write_text(simulator.token)
        sections.append(
            f'\n[accounts.{simulator.name}]\nprovider = "evolux"\nowner = "bench"\nreports = ["dialer"]\n'
            f'base_url = "http://{simulator.address}"\nkeys = [ {{ id = "1", secret = "file::{key}" }} ]\n'
            "concurrent = 1000\nper_second = 100000\ntimeout_ms = 20000\n"
        )
    config.write_text(config.read_text() + "".join(sections))
    return config, port


class Memory(threading.Thread):
    """Notes a process' resident memory until it is stopped."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.samples, self.over = process, [], threading.Event()

    def run(self):
        while not self.over.wait(SAMPLE_EVERY):
            self.samples.append(self.process.megabytes("VmRSS"))

    def stop(self):
        self.over.set()
        self.join()


def curl(*arguments):
    """Runs curl on the second core; returns the seconds it took."""
    begun = time.perf_counter()
    pin = lambda: os.sched_setaffinity(0, REST)
    done = subprocess.run(["curl", "-sS", "--no-progress-meter", "--fail", *arguments], preexec_fn=pin)
    if done.returncode:
        raise SystemExit(f"curl ended with {done.returncode}")
    return time.perf_counter() - begun


def read(file):
    """Per account the rows and the sums of their numbers, and whether all are in order."""
    found = {name: [0, 0, 0] for name in ACCOUNTS}
    last, ordered = None, True
    with open(file, "rb") as lines:
        for line in lines:
            record = json.loads(line)
            number, account = int(record["provider_ref"]["id"]), found[record["account"]]
            account[0] += 1
            account[1] = (account[1] + number) % MODULUS
            account[2] = (account[2] + number * number) % MODULUS
            place = (record["created_at"], record["id"])
            ordered = ordered and (last is None or place < last)
            last = place
    return found, ordered


def faults(simulators, file):
    found, ordered = read(file)
    if not ordered:
        yield "the records are not in order"
    for simulator in simulators:
        told = simulator.told("bulk")
        expected = [told["rows"], told["sum"], told["squares"]]
        if found[simulator.name] != expected:
            yield f"{simulator.name}: rows and sums are {found[simulator.name]} and should be {expected}"


def fetch_plainly(directory, simulators, asked, concurrency):
    """Fetches the same pages from the simulators; returns the seconds."""
    lines = []
    longest = max(len(targets) for targets in asked.values())
    for index in range(longest):
        for simulator in simulators:
            targets = asked[simulator.name]
            if index < len(targets):
                lines.append(f'url = "http://{simulator.address}{targets[index]}"\noutput = "/dev/null"')
    pages = directory / "pages"
    pages.write_text("\n".join(lines))
    header = f"token: {simulators[0].token}"
    return curl("--parallel", "--parallel-max", str(concurrency), "-H", header, "--config", str(pages))


def export_killed(kills, whole, url, environment):
    """Exports to a file with so many kills on the way, evenly over its bytes; what is wrong with the file."""
    address, window = url
    output = whole.with_name("killed.ndjson")
    part = output.with_name("killed.ndjson.part")
    command = [str(GATEWAY), "export", "--url", address, "--output", str(output)]
    command += ["--since", window["since"], "--until", window["until"]]
    pin = lambda: os.sched_setaffinity(0, REST)
    start = lambda: subprocess.Popen(
        command, stdout=subprocess.DEVNULL, preexec_fn=pin, env={**os.environ, **environment}
    )
    size, killed_at = whole.stat().st_size, []
    for kill in range(1, kills + 1):
        child = start()
        while child.poll() is None and not (part.exists() and part.stat().st_size >= size * kill / (kills + 1)):
            time.sleep(0.001)
        child.kill()
        child.wait()
        if output.exists():
            return ["the export was over before it was killed"]
        killed_at.append(part.stat().st_size / size)
    if start().wait():
        return ["the export that went on failed"]
    shares = ", ".join(f"{share:.0%}" for share in killed_at)
    print(f"Exported to a file of {output.stat().st_size:,} bytes, killed when {shares} of it was there")
    return [] if filecmp.cmp(whole, output, shallow=False) else ["the file differs from the stream"]


def over_time(samples, points=12):
    step = max(1, len(samples) // points)
    return ", ".join(f"{sample:.0f}" for sample in samples[::step])


def run(options, directory):
    with contextlib.ExitStack() as running:
        thirds = [options.rows // 3 + (index < options.rows % 3) for index in range(3)]
        simulators = [Simulator(directory, name, rows, running) for name, rows in zip(ACCOUNTS, thirds)]
        config, port = configuration(directory, simulators)
        gateway = running.enter_context(
            Process([str(GATEWAY), "serve", "--config", str(config)], MEASURED, directory / "gateway.log")
        )
        gateway.wait_for(port, "/health/ready")
        window = simulators[0].told("bulk")
        output = Path(options.keep) if options.keep else directory / "history.ndjson"
        url = f"http://127.0.0.1:{port}/history?format=ndjson&since={window['since']}&until={window['until']}"
        bearer = token(config)
        stream = lambda file: curl("-H", f"Authorization: Bearer {bearer}", "-o", str(file), url)
        memory, cpu = Memory(gateway), gateway.cpu_seconds()
        memory.start()
        stream(output)
        memory.stop()
        cpu = gateway.cpu_seconds() - cpu
        asked = {simulator.name: simulator.told("bulk/asked") for simulator in simulators}
        wrong = list(faults(simulators, output))
        needed = {name: list(dict.fromkeys(targets)) for name, targets in asked.items()}
        through, plain = [], []
        for _ in range(options.rounds):
            through.append(stream("/dev/null"))
            plain.append(fetch_plainly(directory, simulators, needed, options.concurrency))
        wrong += export_killed(
            options.kills, output, (f"http://127.0.0.1:{port}", window), {"SWITCHBOARD_TOKEN": bearer}
        )
        report(options, (through, cpu, plain), (asked, needed), memory.samples, output.stat().st_size)
    for what in wrong:
        print(f"WRONG: {what}")
    if wrong:
        raise SystemExit(1)
    print("Count, checksums and order are those of the simulators, and so is every byte after the kills.")


def report(options, times, pages, samples, size):
    through, cpu, plain = times
    asked, needed = (sum(len(targets) for targets in side.values()) for side in pages)
    ratios = sorted(fetched / streamed for streamed, fetched in zip(through, plain))
    through, plain = statistics.median(through), statistics.median(plain)
    print(f"Through the gateway: {options.rows:,} rows, {size / 1e6:,.0f} MB in {through:.1f} s,", end=" ")
    print(f"{options.rows / through:,.0f} rows/s, {cpu / options.rows * 1e6:.1f} µs of CPU a row")
    print(f"The same pages, {options.concurrency} at a time: {plain:.1f} s, {options.rows / plain:,.0f} rows/s")
    print(f"Ratio: {statistics.median(ratios):.2f} of plainly fetching ({ratios[0]:.2f}–{ratios[-1]:.2f};", end=" ")
    print(f"{options.rounds} in turns; wanted: 0.8)")
    print(f"Pages asked for: {asked:,}, different ones: {needed:,}, at least needed: {-(-options.rows // PAGE):,}")
    print(f"Resident MB: at most {max(samples):.0f}, median {statistics.median(samples):.0f}; over time {over_time(samples)}")


def main():
    parser = argparse.ArgumentParser(prog="bench/run export", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=3)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--keep", metavar="FILE", help="where the export stays")
    options = parser.parse_args()
    with section("Export of the history", fenced=True), tempfile.TemporaryDirectory(prefix="bench-") as directory:
        run(options, Path(directory))


if __name__ == "__main__":
    main()
