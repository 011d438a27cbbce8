"""The thinnest bridge that can be written on websockets: lines to frames, frames to lines."""

import asyncio
import sys

import websockets


async def lines_to_frames(socket):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**30)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await socket.send(line[:-1].decode())
    await socket.close()


async def frames_to_lines(socket):
    output = sys.stdout.buffer
    async for message in socket:
        output.write(message.encode() + b"\n")
        output.flush()


async def bridge(url):
    async with websockets.connect(url, max_size=None, compression=None) as socket:
        await asyncio.gather(lines_to_frames(socket), frames_to_lines(socket))


asyncio.run(bridge(sys.argv[1]))
