"""One end of a call: sends a tone by WebRTC, and tells which tone it hears. Nothing leaves the loopback."""

import array
import asyncio
import math

import aioice.ice
from aiortc import AudioStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

# By default the loopback is the one interface that is not offered.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

# Audio frames of 20 ms: the first may hold what a codec and a jitter buffer begin with.
WARM_UP, HEARD = 25, 50


class Tone(AudioStreamTrack):
    """A sine wave."""

    def __init__(self, hertz):
        super().__init__()
        self.hertz = hertz

    async def recv(self):
        frame = await super().recv()
        step = 2 * math.pi * self.hertz / frame.sample_rate
        wave = (round(8000 * math.sin(step * (frame.pts + n))) for n in range(frame.samples))
        frame.planes[0].update(array.array("h", wave).tobytes())
        return frame


class Peer:
    """Sends a tone to whoever the session descriptions join it with."""

    def __init__(self, hertz):
        self.hertz = hertz
        # Without servers there is nobody to ask for other addresses.
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(Tone(hertz))

    async def offer(self):
        """The session description that begins a call; all its candidates are in it."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self._described()

    async def answer(self, offer):
        """The session description that takes a call."""
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self._described()

    async def answered(self, answer):
        """Takes in the other side's answer."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def hears(self):
        """The frequency of a second of what comes in, in hertz."""
        track = self.connection.getReceivers()[0].track
        for _ in range(WARM_UP):
            await track.recv()
        rises, samples, below = 0, 0, False
        for _ in range(HEARD):
            frame = await track.recv()
            channels = len(frame.layout.channels)
            wave = memoryview(frame.planes[0]).cast("B").cast("h")[: frame.samples * channels : channels]
            for sample in wave:
                rises += below and sample >= 0
                below = sample < 0
            samples += frame.samples
        return rises * frame.sample_rate / samples

    async def counts(self):
        """How many packets were sent and received."""
        assert self.connection.connectionState == "connected", self.connection.connectionState
        found = {}
        for side in (*self.connection.getSenders(), *self.connection.getReceivers()):
            found.update({stat.type: stat for stat in (await side.getStats()).values()})
        return found["outbound-rtp"].packetsSent, found["inbound-rtp"].packetsReceived

    async def close(self):
        await self.connection.close()

    def _described(self):
        sdp = self.connection.localDescription.sdp
        hosts = {line.split()[4] for line in sdp.splitlines() if line.startswith("a=candidate:")}
        assert hosts == {"127.0.0.1"}, hosts
        return sdp


async def talk(service, phone):
    """Lets each hear the other's tone; tells how many packets went between them."""
    heard = await asyncio.gather(service.hears(), phone.hears())
    for hertz, other in zip(heard, (phone, service)):
        assert abs(hertz - other.hertz) < other.hertz * 0.1, f"{other.hertz} Hz was sent, {hertz} Hz was heard"
    packets = {"service": await service.counts(), "phone": await phone.counts()}
    assert all(min(counts) >= HEARD for counts in packets.values()), packets
    return packets
