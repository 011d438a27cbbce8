"""A small MCP server on python3-websockets: a backend that nobody of this project wrote.

Usage: websockets_server.py PORT. Prints "listening" once it listens.
"""
import asyncio
import json
import sys

import websockets

# `counts` tells how often `slow` was started, and how often it was cancelled.
TOOLS = [{"name": name, "inputSchema": {"type": "object"}}
         for name in ("echo", "counter", "slow", "counts")]
counter = 0
counts = {"started": 0, "cancelled": 0}


class Session:
    def __init__(self, websocket):
        self.websocket = websocket
        self.initialized = False
        self.tasks = {}  # what is being answered, by request id

    async def serve(self):
        async for text in self.websocket:
            message = json.loads(text)
            if "id" in message:
                self.tasks[message["id"]] = asyncio.create_task(self.reply(message))
            elif message["method"] == "notifications/cancelled":
                task = self.tasks.get(message["params"]["requestId"])
                if task:
                    task.cancel()

    async def send(self, message):
        await self.websocket.send(json.dumps({"jsonrpc": "2.0", **message}))

    async def reply(self, message):
        try:
            result = await self.answer(message["method"], message.get("params", {}))
            if result is None:
                error = {"code": -32600, "message": "not initialized, or unknown"}
                await self.send({"id": message["id"], "error": error})
            else:
                await self.send({"id": message["id"], "result": result})
        except websockets.ConnectionClosed:
            pass
        finally:
            del self.tasks[message["id"]]

    async def answer(self, method, params):
        if method == "initialize":
            self.initialized = True
            return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                    "serverInfo": {"name": "websockets", "version": websockets.__version__}}
        if not self.initialized:
            return None
        if method == "tools/list":
            return {"tools": TOOLS}
        if method == "tools/call":
            text = await self.call(params["name"], params.get("arguments", {}), params.get("_meta", {}))
            return {"content": [{"type": "text", "text": text}]}
        return None

    async def call(self, tool, arguments, meta):
        global counter
        if tool == "echo":
            return arguments["text"]
        if tool == "counts":
            return json.dumps(counts)
        if tool == "slow":
            return await self.slow(arguments["ms"], arguments["steps"], meta.get("progressToken"))
        counter += 1
        return str(counter)

    async def slow(self, ms, steps, token):
        counts["started"] += 1
        try:
            for step in range(1, steps + 1):
                await asyncio.sleep(ms / 1000 / steps)
                if token is not None:
                    params = {"progressToken": token, "progress": step, "total": steps}
                    await self.send({"method": "notifications/progress", "params": params})
        except asyncio.CancelledError:
            counts["cancelled"] += 1
            raise
        return "slept"


async def serve(websocket, path=None):
    await Session(websocket).serve()


async def main():
    # It pings often and hangs up when it is not answered in time: so must we.
    async with websockets.serve(serve, "127.0.0.1", int(sys.argv[1]), subprotocols=["mcp"],
                                ping_interval=0.2, ping_timeout=5, max_size=64 << 20):
        print("listening", flush=True)
        await asyncio.Future()


asyncio.run(main())
