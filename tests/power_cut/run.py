"""Cuts the power of a gateway's store while webhooks come in, and looks whether one that was answered 200 is gone.

The store stands on a file system of its own, in an image. The image is copied while the store is stopped: what the store
did not flush is not in the copy, as after a loss of power. Started by scripts/power-cut, as root.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

SENDERS = 16
CONFIG = """
[server]
bind = "127.0.0.1:0"
management_bind = "127.0.0.1:0"
[secrets]
keys = [ {{ id = "1", secret = "file::{keys}/key" }} ]
[auth]
issuer = "cut"
keys = [ {{ id = "1", alg = "HS256", secret = "file::{keys}/key" }} ]
[store]
url = "{store}"
[accounts.zenvia]
provider = "zenvia"
owner = "acme"
base_url = "http://127.0.0.1:1"
keys = [ {{ id = "1", secret = "file::{keys}/key" }} ]
webhook_keys = [ {{ id = "1", secret = "file::{keys}/key" }} ]
"""


class Site:
    """A gateway and, where it has one, its Redis; both keep their state under `state`."""

    def __init__(self, binary, directory, state, setting):
        self.directory, self.running = directory, contextlib.ExitStack()
        self.redis = None
        store = f"embedded:{state}/store"
        if setting != "embedded":
            port = free_port()
            (state / "redis").mkdir(exist_ok=True)
            options = ["--appendonly", "yes", "--appendfsync", setting, "--save", "", "--dir", state / "redis"]
            self.redis = self.start(["redis-server", "--bind", "127.0.0.1", "--port", port, *options], "redis.log")
            wait_until(lambda: redis_is_up(port))
            store = f"redis://127.0.0.1:{port}"
        config = directory / "gateway.toml"
        config.write_text(CONFIG.format(keys=directory, store=store))
        self.gateway = self.start([binary, "serve", "--config", config], "gateway.log")
        ready = wait_until(lambda: re.search(r'"message":"ready","address":"([^"]+)"', self.log()))
        self.address = ready[1]
        token = [binary, "token", "--tenant", "acme", "--sub", "cut", "--config", config]
        self.token = subprocess.run(list(map(str, token)), check=True, capture_output=True, text=True).stdout.strip()

    def start(self, command, log):
        output = self.running.enter_context(open(self.directory / log, "wb"))
        child = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output)
        self.running.callback(end, child)
        return child

    def log(self):
        return (self.directory / "gateway.log").read_text()

    def stop_storing(self):
        (self.redis or self.gateway).send_signal(signal.SIGSTOP)

    def close(self):
        self.running.close()

    def events(self, after):
        """The subjects of the events after a place, and the next place."""
        path = "/events?limit=500" + (f"&after={after}" if after else "")
        connection = http.client.HTTPConnection(self.address, timeout=10)
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        answer = connection.getresponse()
        page = json.loads(answer.read())
        if answer.status != 200:
            return set(), after
        return {int(event["subject"]) for event in page["data"]}, page["next_cursor"]


def end(child):
    child.kill()
    child.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def redis_is_up(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith(b"+PONG")
    return False


def wait_until(ask, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := ask():
            return answer
        time.sleep(0.02)
    raise SystemExit("it never happened")


def flood(site, stop, acked):
    """Sends unique webhooks from several threads; notes those answered 200."""

    def send(first):
        connection, path = http.client.HTTPConnection(site.address, timeout=2), "/webhooks/zenvia/sms-reply/"
        path += (site.directory / "key").read_text()
        for number in range(first, 1 << 30, SENDERS):
            if stop.is_set():
                return
            body = json.dumps({"id": number, "sms_id": number, "resposta": "ok"})
            try:
                connection.request("POST", path, body)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    acked.add(number)
            except OSError:
                connection.close()

    threads = [threading.Thread(target=send, args=(first,)) for first in range(SENDERS)]
    for thread in threads:
        thread.start()
    return threads


@contextlib.contextmanager
def mounted(image, at):
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


def cut(binary, setting, seed):
    """One cut; returns how many were answered, and how many of them are gone."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="power-cut-") as directory:
        directory = Path(directory)
        (directory / "key").write_text(os.urandom(20).hex())
        image, copy = directory / "disk", directory / "copy"
        subprocess.run(["truncate", "-s", "256M", image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        acked, stop = set(), threading.Event()
        with mounted(image, directory / "mounted") as state:
            site = Site(binary, directory, state, setting)
            threads = flood(site, stop, acked)
            time.sleep(draw.uniform(1.0, 2.5))
            site.stop_storing()
            answered = set(acked)
            subprocess.run(["cp", "--sparse=always", image, copy], check=True)
            stop.set()
            site.close()
            for thread in threads:
                thread.join()
        with mounted(copy, directory / "again") as state:
            site = Site(binary, directory, state, setting)
            try:
                return len(answered), len(answered - told(site, answered))
            finally:
                site.close()


def told(site, wanted):
    """Everything that the feed tells, until all is told or nothing more comes for longer than a lease lasts."""
    seen, after, quiet_since = set(), None, time.monotonic()
    while not wanted <= seen and time.monotonic() - quiet_since < 10:
        subjects, after = site.events(after)
        if subjects:
            seen |= subjects
            quiet_since = time.monotonic()
        else:
            time.sleep(0.1)
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway", type=Path, required=True, help="the binary")
    parser.add_argument("--cuts", type=int, required=True, help="for each store")
    options = parser.parse_args()
    failed = False
    for setting, safe in [("embedded", True), ("always", True), ("everysec", False)]:
        name = "embedded" if setting == "embedded" else f"Redis, appendfsync {setting}"
        cuts = [cut(options.gateway.resolve(), setting, seed) for seed in range(options.cuts)]
        answered, losing = sum(count for count, _ in cuts), sum(lost > 0 for _, lost in cuts)
        lost = sum(lost for _, lost in cuts)
        print(f"{name}: {options.cuts} cuts, {answered} answered, {lost} lost in {losing} cuts", flush=True)
        # The control shows that a cut is one.
        failed |= (losing > 0) if safe else (losing == 0)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
