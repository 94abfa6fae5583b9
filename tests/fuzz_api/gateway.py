"""The gateway that is fuzzed, as whoever prepares something there uses it."""

import json
import time
import urllib.request

SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
OFFER = {"type": "offer", "sdp": SDP}
SAY = {"to": "11977776666", "actions": [{"type": "say", "text": "Bom dia"}]}
CONNECT = {"to": "11977776666", "actions": [{"type": "connect", "to": "1130031000"}], "record": True}
AGENT = {"to": "agent:john.snow", "actions": [{"type": "connect", "to": "11977776666"}]}
WHATSAPP = {"to": "whatsapp:+5511977776666", "session": OFFER}


class Gateway:
    """Answers that are no success are exceptions: nothing is prepared that is not taken."""

    def __init__(self, url, token, positus):
        self.url, self.token, self.positus = url, token, positus

    def get(self, path):
        return self.ask(urllib.request.Request(self.url + path))

    def place(self, call):
        """The id of a call just placed."""
        headers = {"Content-Type": "application/json"}
        return self.ask(urllib.request.Request(self.url + "/calls", json.dumps(call).encode(), headers))["id"]

    def ring(self):
        """The id of a call just heard of: a WhatsApp user calls."""
        before = self.incoming()
        body = json.dumps({"from": f"55119{time.monotonic_ns() % 10**7:07}9"}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.positus}/_sim/incoming", body), timeout=10).close()
        return until(lambda: self.incoming() - before).pop()

    def incoming(self):
        return {call["id"] for call in self.get("/calls?direction=inbound&limit=500")["data"]}

    def ask(self, request):
        request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def until(ready, seconds=30):
    """What `ready` gives once it gives something."""
    end = time.monotonic() + seconds
    while not (found := ready()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s in vain")
        time.sleep(0.05)
    return found
