"""The report of the measurements, bench/RESULTS.md: each program writes a section of its own and leaves the others."""

import contextlib
import datetime
import io
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
REPORT = BENCH / "RESULTS.md"
INTRODUCTION = "# Results\n\nWritten by `make bench`, a section by each of its programs.\n"
# The order of the sections.
SECTIONS = [
    "Beside nginx and two facades",
    "Latency at a constant rate",
    "Isolation and overload",
    "Pages of the history",
    "Export of the history",
    "Cost of state",
]


def machine():
    """One line: when, which commit, where, and how busy it was."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    told = lambda *command: subprocess.run(command, capture_output=True, text=True, cwd=BENCH)
    nginx = told("nginx", "-v").stderr.strip().rpartition("/")[2]
    redis = re.search(r"v=(\S+)", told("redis-server", "--version").stdout)[1]
    commit = told("git", "rev-parse", "--short", "HEAD").stdout.strip()
    return (
        f"{datetime.date.today()}, commit {commit}. {model[1] if model else 'unknown CPU'}, {os.cpu_count()} cores, "
        f"Linux {platform.release()}, nginx {nginx}, Redis {redis}. Load of the machine before: {os.getloadavg()[0]:.1f}."
    )


@contextlib.contextmanager
def section(title, fenced=False):
    """What is printed in here becomes the section of that title, once all went well; `fenced` keeps its lines as they are."""
    begun, printed = machine(), io.StringIO()
    with contextlib.redirect_stdout(Both(sys.stdout, printed)):
        yield
    text = printed.getvalue().strip("\n")
    keep(title, f"{begun}\n\n```text\n{text}\n```" if fenced else f"{begun}\n\n{text}")


def row(*columns):
    """A row of a table."""
    return "| " + " | ".join(columns) + " |"


def ms(seconds, part):
    """A percentile of times, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else float("nan")


class Both:
    """Writes to two streams, line by line."""

    def __init__(self, *streams):
        self.streams = streams

    def write(self, text):
        for stream in self.streams:
            stream.write(text)
            stream.flush()

    def flush(self):
        pass


def keep(title, text):
    known = REPORT.read_text() if REPORT.exists() else ""
    sections = dict(re.findall(r"^## ([^\n]+)\n\n(.*?)(?=^## |\Z)", known, re.M | re.S))
    sections[title] = text
    texts = [f"## {title}\n\n{sections[title].strip()}\n" for title in SECTIONS if title in sections]
    REPORT.write_text("\n".join([INTRODUCTION, *texts]))
