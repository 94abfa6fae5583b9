"""Measures the gateway beside nginx and two facades, in turns. Started by bench/run.

What is measured runs alone on the first core; upstream, Redis and the load share the second.
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from results import BENCH, row, section

GATEWAY = Path(os.environ.get("GATEWAY", BENCH.parent / "target/release/switchboard"))
PEERS = Path(os.environ.get("PEERS", BENCH.parent / "target/peers"))
FACADES = {"Fastify facade": "fastify.mjs", "Express facade, provider's SDK": "express.cjs"}
MEASURED, REST = {0}, {1}
CONNECTIONS = 32
# As many as redis-benchmark has.
WEBHOOK_CONNECTIONS = 50
# The bytes of an entry of the inbox.
ENTRY = "x" * 300
TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A program pinned to a core; it ends with the block that it is used in."""

    def __init__(self, command, cores, log, env=None):
        pin = lambda: os.sched_setaffinity(0, cores)
        output = open(log, "wb")
        self.started = time.perf_counter()
        self.child = subprocess.Popen(
            command, stdout=output, stderr=output, preexec_fn=pin, env={**os.environ, **(env or {})}
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()

    def cpu_seconds(self):
        """User and system time so far."""
        stat = Path(f"/proc/{self.child.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def megabytes(self, field):
        """`VmRSS`: resident now; `VmHWM`: resident at most."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) / 1024

    def wait_for(self, port, path=None):
        """Waits until the port answers (with 200, if a path is given); returns the milliseconds since the start."""
        while not answers(port, path):
            if self.child.poll() is not None or time.perf_counter() - self.started > 30:
                raise SystemExit(f"{self.child.args[0]} did not start")
            time.sleep(0.001)
        return (time.perf_counter() - self.started) * 1000


def answers(port, path):
    try:
        if path is None:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def filled(name, directory, **values):
    """Copies a template with its @PLACES@ filled."""
    text = (BENCH / name).read_text()
    for place, value in {**values, "DIR": directory}.items():
        text = text.replace(f"@{place}@", str(value))
    path = directory / name
    path.write_text(text)
    return str(path)


def start_nginx(name, directory, cores, port, **values):
    conf = filled(name, directory, **values)
    server = Process(["nginx", "-e", "stderr", "-c", conf], cores, directory / f"{name}.log")
    server.wait_for(port)
    return server


def start_redis(directory, port, fsync):
    state = directory / "redis"
    state.mkdir()
    options = ["--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--auto-aof-rewrite-percentage", "0"]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(state), *options]
    server = Process(command, REST, directory / "redis.log")
    server.wait_for(port)
    return server


def append_rate(port, seconds):
    """How many entries a second redis-benchmark appends to a stream, each durable before it is answered."""
    command = ["redis-benchmark", "-p", str(port), "-c", str(WEBHOOK_CONNECTIONS), "-n", str(50_000 * seconds), "-q"]
    pin = lambda: os.sched_setaffinity(0, MEASURED)
    words = ["XADD", "log", "*", "entry", ENTRY]
    done = subprocess.run([*command, *words], preexec_fn=pin, capture_output=True, text=True, check=True)
    return float(re.findall(r"([\d.]+) requests per second", done.stdout)[-1])


def load(script, port, seconds, env=None, connections=CONNECTIONS):
    """Loads a server for some seconds; returns what wrk saw."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", f"{script}.lua", f"http://127.0.0.1:{port}"]
    pin = lambda: os.sched_setaffinity(0, REST)
    env = {**os.environ, "RUN": "0", **(env or {})}
    done = subprocess.run(command, cwd=BENCH / "load", env=env, preexec_fn=pin, capture_output=True, text=True)
    found = re.search(r"^RESULT (.*)$", done.stdout, re.M)
    seen = json.loads(found[1]) if found else {"requests": 0, "failed": 1}
    if seen["failed"] or not seen["requests"]:
        raise SystemExit(f"{script}: the load did not go through\n{done.stdout}{done.stderr}")
    return seen


def measured(server, *args, **options):
    before = server.cpu_seconds()
    seen = load(*args, **options)
    return {
        "requests/s": seen["requests"] / seen["micros"] * 1e6,
        "CPU µs": (server.cpu_seconds() - before) / seen["requests"] * 1e6,
        "p50 ms": seen["p50"] / 1000,
        "p99 ms": seen["p99"] / 1000,
        "p99.9 ms": seen["p99.9"] / 1000,
    }


class Bench:
    """One run: rounds of turns, every turn with a fresh server and a fresh store."""

    def __init__(self, directory, seconds):
        self.directory, self.seconds = directory, seconds
        self.upstream = free_port()
        self.figures = {}

    def note(self, case, figures):
        for name, value in figures.items():
            self.figures.setdefault(case, {}).setdefault(name, []).append(value)

    def round(self):
        self.proxy_turn()
        for name, script in FACADES.items():
            self.facade_turn(name, script)
        self.gateway_turn("Redis")
        self.gateway_turn("embedded")
        self.webhook_turn("Redis")
        self.webhook_turn("embedded")

    def proxy_turn(self):
        port = free_port()
        with start_nginx("proxy.conf", self.fresh(), MEASURED, port, PORT=port, UPSTREAM=self.upstream) as server:
            load("proxy", port, 1)
            self.note("nginx, bare proxy", measured(server, "proxy", port, self.seconds))

    def facade_turn(self, name, script):
        directory, port, redis, secret = self.fresh(), free_port(), free_port(), os.urandom(16).hex()
        env = {"PORT": port, "UPSTREAM": self.upstream, "REDIS": redis, "JWT_SECRET": secret, "NODE_ENV": "production"}
        env = {key: str(value) for key, value in env.items()}
        with start_redis(directory, redis, "everysec"):
            with Process(["node", PEERS / script], MEASURED, directory / "facade.log", env) as server:
                server.wait_for(port)
                sent = {"TOKEN": facade_token(secret), "RUN": "1"}
                load("start", port, max(1, self.seconds // 2), sent)
                self.note(f"POST /verifications, {name}", measured(server, "start", port, self.seconds, {**sent, "RUN": "2"}))

    @contextlib.contextmanager
    def gateway(self, store, fsync, cores=MEASURED):
        """A gateway over a fresh store: its process, its port, its files, its Redis' port."""
        directory, port, redis = self.fresh(), free_port(), free_port()
        url = f"redis://127.0.0.1:{redis}" if store == "Redis" else f"embedded:{directory}/store"
        make_keys(directory)
        config = filled(
            "gateway.toml", directory, PORT=port, MANAGEMENT=free_port(), STORE=url, UPSTREAM=self.upstream
        )
        with contextlib.ExitStack() as running:
            if store == "Redis":
                running.enter_context(start_redis(directory, redis, fsync))
            command = [str(GATEWAY), "serve", "--config", config]
            yield running.enter_context(Process(command, cores, directory / "gateway.log")), port, directory, redis

    def webhook_turn(self, store):
        # Two programs append to Redis, the asking and the keeping one; a gateway that keeps by itself is both.
        cores = MEASURED if store == "Redis" else MEASURED | REST
        with self.gateway(store, "always", cores) as (server, port, directory, redis):
            server.wait_for(port, "/health/ready")
            hook = {"HOOK": (directory / "hook.key").read_text(), "RUN": "1"}
            load("webhook", port, 1, hook, connections=WEBHOOK_CONNECTIONS)
            hook["RUN"] = "2"
            figures = measured(server, "webhook", port, self.seconds, hook, connections=WEBHOOK_CONNECTIONS)
            figures["at most MB"] = server.megabytes("VmHWM")
            if store == "Redis":
                self.note("XADD", {"requests/s": append_rate(redis, self.seconds)})
            self.note(f"webhook, {store}", figures)

    def gateway_turn(self, store):
        with self.gateway(store, "everysec") as (server, port, directory, _):
            config = directory / "gateway.toml"
            env = {"TOKEN": token(config), "IDS": str(directory / "ids")}
            process = {"ready ms": server.wait_for(port, "/health/ready")}
            time.sleep(1)
            process["idle MB"] = server.megabytes("VmRSS")
            load("start", port, max(1, self.seconds // 2), {**env, "RUN": "1"})
            posting = {"RUN": "2", "TOKEN": env["TOKEN"]}
            self.note(f"POST /verifications, {store}", measured(server, "start", port, self.seconds, posting))
            self.note(f"check, {store}", measured(server, "check", port, self.seconds, {**env, "RUN": "3"}))
            process["loaded MB"] = server.megabytes("VmHWM")
            self.note(f"process, {store}", process)

    def fresh(self):
        return Path(tempfile.mkdtemp(dir=self.directory))


def make_keys(directory):
    key = directory / "jwt.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", directory / "jwt.pub"], check=True)
    for name in ["seal.key", "provider.key", "hook.key"]:
        (directory / name).write_text(os.urandom(16).hex())


def token(config):
    command = [GATEWAY, "token", "--tenant", "bench", "--sub", "bench", "--config", config]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def facade_token(secret):
    """A token as the facades take it, signed with HS256."""
    encoded = lambda part: base64.urlsafe_b64encode(part).rstrip(b"=")
    claims = {"tenant": "bench", "exp": int(time.time()) + 3600}
    text = b".".join(encoded(json.dumps(part).encode()) for part in [{"alg": "HS256", "typ": "JWT"}, claims])
    return (text + b"." + encoded(hmac.digest(secret.encode(), text, hashlib.sha256))).decode()


def cell(values, digits):
    median, low, high = statistics.median(values), min(values), max(values)
    return f"{median:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def tables(figures):
    peer = statistics.median(figures["nginx, bare proxy"]["CPU µs"])
    yield "| Case | requests/s | CPU µs / request | × nginx | p50 ms | p99 ms |"
    yield "|---|---|---|---|---|---|"
    for case, seen in figures.items():
        if "CPU µs" in seen and "at most MB" not in seen:
            ratio = f"{statistics.median(seen['CPU µs']) / peer:.2f}"
            rest = [cell(seen["p50 ms"], 2), cell(seen["p99 ms"], 2)]
            yield row(case, cell(seen["requests/s"], 0), cell(seen["CPU µs"], 1), ratio, *rest)
    yield ""
    append = statistics.median(figures["XADD"]["requests/s"])
    yield "| Webhooks taken durably | requests/s | × XADD | CPU µs / request | p50 ms | p99 ms | p99.9 ms | at most MB |"
    yield "|---|---|---|---|---|---|---|---|"
    for case, seen in figures.items():
        if "at most MB" in seen:
            ratio = f"{statistics.median(seen['requests/s']) / append:.2f}"
            rest = [cell(seen[name], 2) for name in ["p50 ms", "p99 ms", "p99.9 ms"]]
            columns = [cell(seen["requests/s"], 0), ratio, cell(seen["CPU µs"], 1), *rest, cell(seen["at most MB"], 0)]
            yield row(case.removeprefix("webhook, "), *columns)
    yield f"| redis-benchmark, `XADD` of 300 bytes | {cell(figures['XADD']['requests/s'], 0)} | 1.00 | | | | | |"
    yield ""
    yield "| Gateway process | ready ms | idle MB | at most under load MB |"
    yield "|---|---|---|---|"
    for case, seen in figures.items():
        if "ready ms" in seen:
            columns = [cell(seen[name], 0) for name in ["ready ms", "idle MB", "loaded MB"]]
            yield row(case.removeprefix("process, "), *columns)


def report(options, figures):
    return "\n".join(
        [
            f"{options.rounds} rounds in turns of {options.seconds} s, {CONNECTIONS} connections, one worker each on the first",
            "core; upstream, Redis (`appendonly yes`, `appendfsync everysec`) and wrk on the second. Webhooks come over",
            f"{WEBHOOK_CONNECTIONS} connections, and are applied and told of meanwhile; Redis has `appendfsync always` then, and",
            "the gateway with the embedded store the second core too. Median of all rounds (least–most).",
            "",
            *tables(figures),
        ]
    )


def main():
    parser = argparse.ArgumentParser(prog="bench/run measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    options = parser.parse_args()
    with section("Beside nginx and two facades"), tempfile.TemporaryDirectory(prefix="bench-") as directory:
        bench = Bench(Path(directory), options.seconds)
        conf = {"UPSTREAM": bench.upstream}
        with start_nginx("upstream.conf", bench.fresh(), REST, bench.upstream, **conf):
            for _ in range(options.rounds):
                bench.round()
        print(report(options, bench.figures))


if __name__ == "__main__":
    main()
