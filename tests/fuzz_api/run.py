"""Throws generated requests at a gateway with simulated providers, and holds every answer to the document it serves."""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from gateway import AGENT, CONNECT, SAY, WHATSAPP, Gateway, until
from openapi_spec_validator import validate

HERE = pathlib.Path(__file__).resolve().parent
# Requests of one seed to one operation while fuzzing; more seeds try other paths, more requests the same ones again.
EXAMPLES = 10, 200


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway", type=pathlib.Path, required=True, help="the binary")
    parser.add_argument("--cases", type=int, required=True, help="the least number of requests")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, running(options.gateway, pathlib.Path(directory)) as server:
        validate(server.gateway.get("/openapi.json"))
        # Beside the dictionaries that it names.
        shutil.copy(HERE / "schemathesis.toml", directory)
        return fuzz(server, options.cases)


def fuzz(server, wanted):
    """Takes one seed after the other until enough requests were sent or one was answered wrongly."""
    begun, cases, seed, answers = time.monotonic(), 0, 0, collections.Counter()
    while cases < wanted:
        seed += 1
        server.write_fixtures()
        least, most = EXAMPLES
        report = run(server, seed, examples=max(least, min(most, (wanted - cases) // 100)))
        if report["exit_code"] != 0:
            return tell(f"Seed {seed}: an answer that the document does not have, or a fault.", 1)
        cases += report["test_cases"]["generated"]
        answers.update(json.loads((server.directory / "answers").read_text()))
    server.must_be_well()
    statuses = ", ".join(f"{count} of {status}" for status, count in sorted(answers.items()))
    seconds, operations = time.monotonic() - begun, report["operations"]["tested"]
    asked = f"{cases} requests to {operations} operations, {seed} seeds, {seconds:.0f} s"
    return tell(f"{asked}: 0 failures. Answers: {statuses}.", 0)


def run(server, seed, examples):
    report = server.directory / "report.json"
    report.unlink(missing_ok=True)
    options = {
        "--checks": "all",
        "--phases": "examples,coverage,fuzzing,stateful",
        "--seed": seed,
        "--max-examples": examples,
        "--generation-database": "none",
        "--report": "json",
        "--report-json-path": report,
    }
    words = [word for option in options.items() for word in option]
    schemathesis, config = pathlib.Path(sys.executable).with_name("st"), server.directory / "schemathesis.toml"
    run = ["run", f"{server.gateway.url}/openapi.json", "--no-color", "--continue-on-failure"]
    command = [schemathesis, "--config-file", config, *run, *words]
    subprocess.run(list(map(str, command)), env=server.environment(), cwd=server.directory, check=False)
    if not report.exists():
        sys.exit("schemathesis did not run")
    return json.loads(report.read_text())


@contextlib.contextmanager
def running(binary, directory):
    """A gateway for development on free ports, ended afterwards."""
    ports = ["--port", "0", "--management-port", "0", "--simulator-port", "0"]
    config = ["--config", HERE / "gateway.toml", "--data", directory / "data"]
    with open(directory / "log", "w") as log:
        environment = os.environ | {"HOOK": "signs what nobody receives"}
        command = [binary, "dev", *ports, *config]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        yield Server(process, directory)
    finally:
        process.terminate()
        process.wait(timeout=30)


class Server:
    """A running gateway and where it keeps everything."""

    def __init__(self, process, directory):
        self.process, self.directory = process, directory
        token = until(self.token)
        url = re.search(r"export GW=(\S+)", self.log())[1]
        positus = re.search(r'base_url = "(\S+)/v2"', (directory / "data/switchboard.toml").read_text())[1]
        self.gateway = Gateway(url, token, positus)

    def token(self):
        """The token it prints once it is ready."""
        if self.process.poll() is not None:
            sys.exit(f"the gateway ended:\n{self.log()}")
        printed = re.search(r"export T=(\S+)", self.log())
        return printed and printed[1]

    def log(self):
        return (self.directory / "log").read_text()

    def environment(self):
        gateway = self.gateway
        told = {"GATEWAY": gateway.url, "TOKEN": gateway.token, "POSITUS": gateway.positus}
        return os.environ | told | {"FIXTURES": str(self.directory), "PYTHONPATH": str(HERE)}

    def write_fixtures(self):
        """Writes down, as dictionaries of schemathesis, what exists here: no document can give that."""
        placed = [self.gateway.place(call) for call in (SAY, CONNECT, AGENT, WHATSAPP)]
        records = self.gateway.get("/history?since=yesterday&limit=40")["data"]
        self.write("calls", [*placed, self.gateway.ring()])
        self.write("records", [record["id"] for record in records])
        self.write("secrets", [(self.directory / "data/keys/webhooks/secret.key").read_text().strip()])

    def write(self, name, values):
        (self.directory / name).write_text("".join(f'"{value}"\n' for value in values))

    def must_be_well(self):
        if self.process.poll() is not None or self.gateway.get("/health/ready") != {"status": "ready"}:
            sys.exit(f"the gateway is not well:\n{self.log()}")
        if "panicked" in self.log():
            sys.exit(f"the gateway panicked:\n{self.log()}")


def tell(text, code):
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
