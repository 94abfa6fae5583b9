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
import urllib.request

from openapi_spec_validator import validate

HERE = pathlib.Path(__file__).resolve().parent
# More would only spend the time of one seed on fewer of its phases.
EXAMPLES_OF_ONE_SEED = 200


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--gateway", type=pathlib.Path, required=True, help="the binary")
    options.add_argument("--cases", type=int, required=True, help="the least number of requests")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as directory, running(options.gateway, pathlib.Path(directory)) as gateway:
        validate(gateway.get("/openapi.json"))
        # Beside the dictionaries that it names.
        shutil.copy(HERE / "schemathesis.toml", gateway.directory)
        return fuzz(gateway, options.cases)


def fuzz(gateway, wanted):
    """Takes one seed after the other until enough requests were sent or one was answered wrongly."""
    begun, cases, seed, answers, operations = time.monotonic(), 0, 0, collections.Counter(), 0
    while cases < wanted:
        seed += 1
        gateway.write_fixtures()
        report = run(gateway, seed, examples=max(10, min(EXAMPLES_OF_ONE_SEED, (wanted - cases) // 100)))
        cases += report["test_cases"]["generated"]
        operations = report["operations"]["tested"]
        answers.update(json.loads((gateway.directory / "answers").read_text()))
        if report["exit_code"] != 0:
            return say(f"Seed {seed}: an answer that the document does not have, or a fault.", 1)
    gateway.must_be_well()
    told = ", ".join(f"{status}: {count}" for status, count in sorted(answers.items()))
    return say(f"{cases} requests to {operations} operations with {seed} seeds in {time.monotonic() - begun:.0f} s: "
               f"0 failures. Answers: {told}.", 0)


def run(gateway, seed, examples):
    report = gateway.directory / "report.json"
    report.unlink(missing_ok=True)
    command = [
        pathlib.Path(sys.executable).with_name("st"), "--config-file", gateway.directory / "schemathesis.toml",
        "run", f"{gateway.url}/openapi.json", "--no-color", "--checks", "all",
        "--phases", "examples,coverage,fuzzing,stateful", "--seed", seed, "--max-examples", examples,
        "--generation-database", "none", "--continue-on-failure", "--report", "json", "--report-json-path", report,
    ]  # fmt: skip
    environment = os.environ | {"TOKEN": gateway.token, "FIXTURES": str(gateway.directory), "PYTHONPATH": str(HERE)}
    subprocess.run([str(word) for word in command], env=environment, cwd=gateway.directory, check=False)
    if not report.exists():
        sys.exit("schemathesis did not run")
    return json.loads(report.read_text())


@contextlib.contextmanager
def running(binary, directory):
    """A gateway for development on free ports, ended afterwards."""
    ports = ["--port", "0", "--management-port", "0", "--simulator-port", "0"]
    config = ["--config", HERE / "gateway.toml", "--data", directory / "data"]
    with open(directory / "log", "w") as log:
        process = subprocess.Popen([binary, "dev", *ports, *config], stdout=log, stderr=subprocess.STDOUT)
    try:
        yield Gateway(process, directory)
    finally:
        process.terminate()
        process.wait(timeout=30)


class Gateway:
    def __init__(self, process, directory):
        self.process, self.directory = process, directory
        self.url, self.token, self.positus = "", "", ""
        until(self.says_where)

    def says_where(self):
        """Whether it is ready; what it prints then is what a developer reads."""
        if self.process.poll() is not None:
            sys.exit(f"the gateway ended:\n{self.log()}")
        token = re.search(r"export T=(\S+)", self.log())
        if token:
            self.token = token[1]
            self.url = re.search(r"export GW=(\S+)", self.log())[1]
        return token

    def log(self):
        return (self.directory / "log").read_text()

    def get(self, path):
        return self.ask(urllib.request.Request(self.url + path))

    def post(self, path, body):
        headers = {"Content-Type": "application/json"}
        return self.ask(urllib.request.Request(self.url + path, json.dumps(body).encode(), headers))

    def ask(self, request):
        request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def write_fixtures(self):
        """Writes down, as dictionaries of schemathesis, what exists here: no document can give that."""
        self.write("calls", [self.post("/calls", call)["id"] for call in CALLS] + [self.incoming()])
        self.write("records", [record["id"] for record in self.get("/history?since=yesterday&limit=40")["data"]])
        self.write("secrets", [(self.directory / "data/keys/webhooks/secret.key").read_text().strip()])

    def write(self, name, values):
        (self.directory / name).write_text("".join(f'"{value}"\n' for value in values))

    def incoming(self):
        """The id of a call that a WhatsApp user places, once the gateway has heard of it."""
        configuration = (self.directory / "data/switchboard.toml").read_text()
        positus = re.search(r'base_url = "(\S+)/v2"', configuration)[1]
        ring = urllib.request.Request(positus + "/_sim/incoming", b'{"from":"5511966665555"}', method="POST")
        urllib.request.urlopen(ring, timeout=10).close()
        heard = until(lambda: self.get("/calls?direction=inbound")["data"])
        return heard[0]["id"]

    def must_be_well(self):
        if self.process.poll() is not None or self.get("/health/ready") != {"status": "ready"}:
            sys.exit(f"the gateway is not well:\n{self.log()}")
        if "panicked" in self.log():
            sys.exit(f"the gateway panicked:\n{self.log()}")


def until(ready, seconds=30):
    """What `ready` gives once it gives something."""
    end = time.monotonic() + seconds
    while not (found := ready()):
        if time.monotonic() > end:
            sys.exit(f"waited {seconds} s in vain for {ready}")
        time.sleep(0.05)
    return found


def say(text, code):
    print(text)
    return code


OFFER = {"type": "offer", "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"}
CALLS = [
    {"to": "11977776666", "actions": [{"type": "say", "text": "Bom dia"}]},
    {"to": "11977776666", "actions": [{"type": "connect", "to": "1130031000"}], "record": True},
    {"to": "agent:john.snow", "actions": [{"type": "connect", "to": "11977776666"}]},
    {"to": "whatsapp:+5511977776666", "session": OFFER},
]

if __name__ == "__main__":
    sys.exit(main())
