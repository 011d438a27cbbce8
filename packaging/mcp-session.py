#!/usr/bin/env python3
"""Plays an MCP host: starts a command, has a short session with it, and sees that all of it ends."""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time

END_LIMIT = 2.0  # seconds; what hosts wait before they use force


class Failure(Exception):
    pass


def processes_of(session):
    """(name, resident KiB) of each process of a session of processes."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            if int(fields[3]) != session or fields[0] == "Z":
                continue
            with open(f"/proc/{pid}/status") as file:
                status = dict(line.split(":", 1) for line in file if ":" in line)
        except OSError:  # it has ended meanwhile
            continue
        found.append((status["Name"].strip(), int(status.get("VmRSS", "0 kB").split()[0])))
    return found


class Host:
    def __init__(self, command, seconds):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # so that all it starts can be found
        )
        self.watchdog = threading.Timer(seconds, self.kill)
        self.watchdog.daemon = True
        self.watchdog.start()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def call(self, number, method, params):
        """The result of a request; a line on stdout that is no JSON-RPC message is a failure."""
        self.send({"id": number, "method": method, "params": params})
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == number and "method" not in message:
                if "result" not in message or message["result"].get("isError"):
                    raise Failure(f"{method} was answered with {line.decode().strip()}")
                return message["result"]
        raise Failure(f"no answer to {method}")

    def session(self):
        start = time.monotonic()
        version = "2025-11-25"
        client = {"name": "mcp-session", "version": "1"}
        answer = self.call(
            1,
            "initialize",
            {"protocolVersion": version, "capabilities": {}, "clientInfo": client},
        )
        if answer["protocolVersion"] != version or answer["serverInfo"]["name"] == "mcp-ws-shim":
            raise Failure(f"this is not the backend's initialize: {answer}")
        ready = time.monotonic() - start
        self.send({"method": "notifications/initialized"})
        if "echo" not in [tool["name"] for tool in self.call(2, "tools/list", {})["tools"]]:
            raise Failure("tools/list has no echo")
        text = "\u00fcber \u2028 alles"
        result = self.call(3, "tools/call", {"name": "echo", "arguments": {"text": text}})
        if result["content"][0]["text"] != text:
            raise Failure(f"echo returned {result}")
        return ready

    def end(self, way):
        """Ends the command, and returns how long it and all that it started took for that."""
        start = time.monotonic()
        if way == "eof":
            self.process.stdin.close()
        else:
            self.process.send_signal(signal.SIGTERM if way == "term" else signal.SIGKILL)
        try:
            status = self.process.wait(END_LIMIT)
        except subprocess.TimeoutExpired:
            raise Failure(f"still running {END_LIMIT} s after {way}") from None
        while left := processes_of(self.process.pid):
            if time.monotonic() - start > END_LIMIT:
                raise Failure(f"left running {END_LIMIT} s after {way}: {left}")
            time.sleep(0.01)
        if way == "eof" and status != 0:
            raise Failure(f"exit status {status} after the end of input")
        return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--end",
        choices=["eof", "term", "kill"],
        default="eof",
        help="how the session ends: stdin is closed, or the command gets SIGTERM or SIGKILL",
    )
    parser.add_argument("--seconds", type=float, default=20, help="limit for all of it [20]")
    parser.add_argument("--only", metavar="NAME", help="no process of another name may be there")
    parser.add_argument("command", nargs="+", help="the command of the stdio MCP server")
    options = parser.parse_args()

    host = Host(options.command, options.seconds)
    try:
        ready = host.session()
        processes = processes_of(host.process.pid)
        names = {name for name, _ in processes}
        if options.only and names != {options.only}:
            raise Failure(f"these run instead of {options.only} alone: {processes}")
        ended = host.end(options.end)
    except (Failure, OSError, ValueError, KeyError, IndexError) as error:
        print(f"mcp-session: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    finally:
        host.watchdog.cancel()
        host.kill()
    memory = ", ".join(f"{name} {kib / 1024:.1f} MiB" for name, kib in processes)
    print(
        f"initialize after {ready * 1000:.0f} ms, ended {ended * 1000:.0f} ms after {options.end}"
        f" ({memory})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
