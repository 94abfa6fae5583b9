"""Measures what it costs that much is kept: the same requests over few records that live, and over many.

    bench/run state [--rounds N] [--seconds N] [--records N] [--embedded-records N]

Two gateways, each over a store of its own, are asked in turns; the one with few begins anew each time. A verification leaves
three records that live on (its own, the answer kept for its idempotency key, the count of codes for its number) and a place in
the indexes of all and of its tenant. In Redis one that was really made is copied, with its places and its life; it is not listed
as open, which lasts for minutes and is work of its own. The embedded store is filled by real requests, so it gets fewer, and
those are listed.
"""

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import REST, Bench, load, measured, start_nginx, token
from results import row, section

FEW = 10_000
RECORDS_EACH = 3
# Copies made by one script, so that none keeps the gateway waiting.
AT_ONCE = 5_000
COPY = """
local made = {verification = 'sb:verification:ver_%032x', idempotency = 'sb:idempotency:bench:%032x',
  sends = 'sb:counter:verification.sends_per_number:%032x'}
for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  redis.call('COPY', KEYS[1], string.format(made.verification, n))
  redis.call('COPY', KEYS[2], string.format(made.idempotency, n))
  redis.call('COPY', KEYS[3], string.format(made.sends, n))
  for set = 4, 5 do
    local score = redis.call('ZRANGE', KEYS[set], 0, 0, 'WITHSCORES')[2]
    redis.call('ZADD', KEYS[set], score + n % 1000, string.format('ver_%032x', n))
  end
end
"""


def redis_cli(port, *words):
    done = subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, errors="replace")
    if done.returncode or re.match(r"[A-Z]+ |\(error\)", done.stdout):
        raise SystemExit(f"redis-cli {words[0]}: {done.stdout}{done.stderr}")
    return done.stdout.split()


class Side:
    """A gateway over a store with so many records."""

    def __init__(self, bench, store, records, running):
        # Numbers enough for half a million codes each.
        self.runs = (f"{1 + run / 20:.2f}" for run in range(160))
        self.server, self.port, self.directory, self.redis = running.enter_context(bench.gateway(store, "everysec"))
        self.server.wait_for(self.port, "/health/ready")
        self.token = token(self.directory / "gateway.toml")
        self.copy(records) if store == "Redis" else self.ask(records)

    def load(self, script, seconds, measure=load, **env):
        arguments = {"TOKEN": self.token, "RUN": next(self.runs), **env}
        return measure(script, self.port, seconds, arguments)

    def ask(self, records):
        made = 0
        while made < records:
            made += RECORDS_EACH * self.load("start", 30 if records - made > 100_000 else 1)["requests"]

    def copy(self, records):
        self.load("start", 1)
        patterns = ["sb:verification:ver_*", "sb:idempotency:bench:*", "sb:counter:verification.sends_per_number:*"]
        keys = [redis_cli(self.redis, "--scan", "--pattern", pattern)[0] for pattern in patterns]
        keys += ["sb:verifications-all", "sb:verifications-of:bench"]
        for first in range(0, records // RECORDS_EACH, AT_ONCE):
            last = min(first + AT_ONCE, records // RECORDS_EACH) - 1
            redis_cli(self.redis, "EVAL", COPY, str(len(keys)), *keys, str(first), str(last))

    def turn(self, seconds):
        """The p50 in milliseconds and the processor time in microseconds, of making codes and of checking them."""
        ids = str(self.directory / "ids")
        self.load("start", 1, IDS=ids)
        take = lambda *arguments: measured(self.server, *arguments)
        return {"start": self.load("start", seconds, take), "check": self.load("check", seconds, take, IDS=ids)}


def few_turn(bench, store, seconds):
    """A turn over a store that is new, so that it does not become many."""
    with contextlib.ExitStack() as running:
        return Side(bench, store, FEW, running).turn(seconds)


def measure(options, directory):
    bench = Bench(directory, options.seconds)
    print(
        f"The same load over {FEW:,} records that live (as a turn begins) and over many, {options.rounds} turns of {options.seconds} s each: medians of the",
        "turns, and many over few (wanted: at most 1.1). Those copied in Redis are not listed as open.",
        "",
        "| Store | records | request | p50 ms, few | many | ratio | CPU µs, few | many | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
        sep="\n",
    )
    with start_nginx("upstream.conf", bench.fresh(), REST, bench.upstream, UPSTREAM=bench.upstream):
        for store, records in [("Redis", options.records), ("embedded", options.embedded_records)]:
            with contextlib.ExitStack() as running:
                many = Side(bench, store, records, running)
                turns = [(few_turn(bench, store, options.seconds), many.turn(options.seconds)) for _ in range(options.rounds)]
                if store == "Redis" and (kept := int(redis_cli(many.redis, "DBSIZE")[0])) < records:
                    raise SystemExit(f"only {kept:,} records are left")
            for case, name in [("start", "`POST /verifications`"), ("check", "check")]:
                columns = [store, f"{records:,}", name]
                for figure, digits in [("p50 ms", 2), ("CPU µs", 1)]:
                    medians = [statistics.median(turn[side][case][figure] for turn in turns) for side in (0, 1)]
                    columns += [*(f"{value:,.{digits}f}" for value in medians), f"{medians[1] / medians[0]:.2f}"]
                print(row(*columns))


def main():
    parser = argparse.ArgumentParser(prog="bench/run state")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--embedded-records", type=int, default=200_000)
    options = parser.parse_args()
    os.sched_setaffinity(0, REST)
    with section("Cost of state"), tempfile.TemporaryDirectory(prefix="bench-") as directory:
        measure(options, Path(directory))


if __name__ == "__main__":
    main()
