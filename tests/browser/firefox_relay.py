#!/usr/bin/env python3
"""Start Firefox and stand between it and Playwright, which drives it with WebDriver BiDi.

Firefox ESR 153 of Debian has no command to emulate media features, which Playwright sends for every
window and cannot do without. It is answered here; the rest is passed on as it is. Takes the
arguments of Firefox and prints the line that Playwright waits for. Standard library only.
"""

import asyncio
import json
import os
import re
import struct
import sys
from functools import partial

LISTENING = re.compile(rb"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)")
ANSWERED_HERE = "emulation.setMediaFeaturesOverride"
TEXT = 0x81  # a whole message of text (RFC 6455)


async def main() -> int:
    firefox = await asyncio.create_subprocess_exec(
        os.environ["FIREFOX"], *sys.argv[1:], stderr=asyncio.subprocess.PIPE
    )
    async for line in firefox.stderr:
        if found := LISTENING.search(line):
            port = int(found[1])
            server = await asyncio.start_server(partial(relay, port), "127.0.0.1")
            own = server.sockets[0].getsockname()[1]
            line = line.replace(b":%d" % port, b":%d" % own)
        sys.stderr.buffer.write(line)
        sys.stderr.flush()
    return await firefox.wait()


async def relay(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on both directions of one connection until either end closes it."""
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
    upgrade = await reader.readuntil(b"\r\n\r\n")
    there_writer.write(re.sub(rb"(?i)(host: [^:]+):\d+", rb"\g<1>:%d" % port, upgrade))
    writer.write(await there_reader.readuntil(b"\r\n\r\n"))
    try:
        await asyncio.gather(
            pass_on(reader, there_writer, answers=writer), pass_on(there_reader, writer)
        )
    except (asyncio.IncompleteReadError, ConnectionError):
        for end in (writer, there_writer):
            end.close()


async def pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answers: asyncio.StreamWriter | None = None,
) -> None:
    """Pass on frames, each as a whole, so that answers only come between two of them."""
    while True:
        head, key, payload = await read_frame(reader)
        reply = answer(unmask(payload, key)) if answers and head[0] == TEXT else None
        if reply:
            answers.write(frame(reply))
        else:
            writer.write(head + key + payload)
            await writer.drain()


async def read_frame(reader: asyncio.StreamReader) -> tuple[bytes, bytes, bytes]:
    head = await reader.readexactly(2)
    length = head[1] & 0x7F
    if length > 125:
        head += await reader.readexactly(2 if length == 126 else 8)
        length = int.from_bytes(head[2:])
    key = await reader.readexactly(4) if head[1] & 0x80 else b""
    return head, key, await reader.readexactly(length)


def unmask(payload: bytes, key: bytes) -> bytes:
    if not key or not payload:
        return payload
    long_key = (key * (len(payload) // 4 + 1))[: len(payload)]
    plain = int.from_bytes(payload) ^ int.from_bytes(long_key)
    return plain.to_bytes(len(payload))


def answer(message: bytes) -> bytes | None:
    if ANSWERED_HERE.encode() not in message:
        return None
    command = json.loads(message)
    if command["method"] != ANSWERED_HERE:
        return None
    return json.dumps({"type": "success", "id": command["id"], "result": {}}).encode()


def frame(payload: bytes) -> bytes:
    assert len(payload) < 126
    return struct.pack("BB", TEXT, len(payload)) + payload


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
