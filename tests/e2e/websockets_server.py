"""A small MCP server on python3-websockets: a backend that nobody of this project wrote.

Usage: websockets_server.py PORT. Prints "listening" once it listens.
"""
import asyncio
import json
import sys

import websockets

counter = 0


def answer(message, session):
    global counter
    method, params = message.get("method"), message.get("params", {})
    if method == "initialize":
        session["initialized"] = True
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "websockets", "version": websockets.__version__}}
    if not session.get("initialized"):
        return None
    if method == "tools/list":
        return {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}
    if method == "tools/call" and params["name"] == "counter":
        counter += 1
        return {"content": [{"type": "text", "text": str(counter)}]}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": params["arguments"]["text"]}]}
    return None


async def serve(websocket, path=None):
    session = {}
    async for text in websocket:
        message = json.loads(text)
        if "id" not in message:
            continue
        reply = {"jsonrpc": "2.0", "id": message["id"]}
        result = answer(message, session)
        if result is None:
            reply["error"] = {"code": -32600, "message": "not initialized, or unknown"}
        else:
            reply["result"] = result
        await websocket.send(json.dumps(reply))


async def main():
    # It pings often and hangs up when it is not answered in time: so must we.
    async with websockets.serve(serve, "127.0.0.1", int(sys.argv[1]), subprotocols=["mcp"],
                                ping_interval=0.2, ping_timeout=5, max_size=64 << 20):
        print("listening", flush=True)
        await asyncio.Future()


asyncio.run(main())
