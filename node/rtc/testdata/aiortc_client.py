"""A WHIP and WHEP client that shares no code with pion or a browser.

    aiortc_client.py publish WHIP_URL          send a tone until standard input ends
    aiortc_client.py echo WHIP_URL WHEP_URL    send a tone, play it back, print as JSON what came, and end
    aiortc_client.py vanish WHIP_URL           like publish, but then end without a goodbye

It uses loopback addresses and no STUN server, so that no packet leaves the machine.
"""

import array
import asyncio
import fractions
import json
import math
import os
import sys

import aioice.ice
import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from av import AudioFrame

RATE = 48000
FRAME = 960
TONE = 440  # Hz
HEARD = 100  # frames of 20 ms that are measured
SKIPPED = 25  # frames before those: the codec and the buffers settle

aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Tone(AudioStreamTrack):
    """A tone in real time."""

    def __init__(self):
        super().__init__()
        self.sent = 0
        self.start = None

    async def recv(self):
        loop = asyncio.get_running_loop()
        if self.start is None:
            self.start = loop.time()
        await asyncio.sleep(max(0, self.start + self.sent / RATE - loop.time()))
        samples = array.array(
            "h", (int(12000 * math.sin(2 * math.pi * TONE * (self.sent + i) / RATE)) for i in range(FRAME))
        )
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = RATE
        frame.pts = self.sent
        frame.time_base = fractions.Fraction(1, RATE)
        self.sent += FRAME
        return frame


async def connect(http, pc, url):
    """Posts pc's offer to url; returns the resource of the session."""
    connected = asyncio.get_running_loop().create_future()

    @pc.on("connectionstatechange")
    def changed():
        if pc.connectionState == "connected" and not connected.done():
            connected.set_result(None)

    await pc.setLocalDescription(await pc.createOffer())
    async with http.post(
        url, data=pc.localDescription.sdp, headers={"Content-Type": "application/sdp"}
    ) as answer:
        text = await answer.text()
        if answer.status != 201:
            raise SystemExit(f"POST {url}: {answer.status} {text}")
        resource = str(answer.url.join(aiohttp.client.URL(answer.headers["Location"])))
    await pc.setRemoteDescription(RTCSessionDescription(sdp=text, type="answer"))
    await connected
    return resource


def new_connection():
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def publish(http, url):
    pc = new_connection()
    pc.addTrack(Tone())
    return pc, await connect(http, pc, url)


async def measure(track):
    """Listens, and tells how loud and of which pitch the sound was."""
    for _ in range(SKIPPED):
        await track.recv()
    samples = array.array("h")
    for _ in range(HEARD):
        frame = await track.recv()
        whole = array.array("h", bytes(frame.planes[0])[: frame.samples * len(frame.layout.channels) * 2])
        samples.extend(whole[:: len(frame.layout.channels)])
    rms = math.sqrt(sum(s * s for s in samples) / len(samples))
    crossings = sum(1 for a, b in zip(samples, samples[1:]) if a < 0 <= b)
    return {"frames": HEARD, "rms": rms, "hz": crossings * RATE / len(samples)}


async def echo(http, whip, whep):
    sender, sending = await publish(http, whip)
    receiver = new_connection()
    receiver.addTransceiver("audio", direction="recvonly")
    playing = await connect(http, receiver, whep)
    print(json.dumps(await measure(receiver.getReceivers()[0].track)), flush=True)
    for resource in playing, sending:
        async with http.delete(resource) as answer:
            if answer.status != 200:
                raise SystemExit(f"DELETE {resource}: {answer.status}")
    await receiver.close()
    await sender.close()


async def main(what, *urls):
    async with aiohttp.ClientSession() as http:
        if what == "echo":
            await echo(http, *urls)
            return
        pc, _ = await publish(http, *urls)
        if what == "vanish":
            os._exit(0)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await pc.close()


asyncio.run(main(*sys.argv[1:]))
