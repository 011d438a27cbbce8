"""A strict MCP host: starts a stdio server, makes calls and checks every line that comes back."""
import json
import subprocess
import threading
import time

PROTOCOL_VERSION = "2025-11-25"
SHIM_ERROR = "mcp-ws-shim/error"


def _unique(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a member appears twice")
    return dict(pairs)


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def message_of(line):
    """The JSON-RPC message that one line of a server's output is; ValueError if it is none."""
    if not line.endswith(b"\n"):
        raise ValueError("the line has no end")
    message = json.loads(line.decode("utf-8"), object_pairs_hook=_unique,
                         parse_constant=_no_constant)
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise ValueError("no JSON-RPC message")
    if "method" not in message and ("id" not in message or
                                    ("result" in message) == ("error" in message)):
        raise ValueError("neither a request nor an answer")
    return message


class Call:
    """One request of the host; times are those of time.monotonic()."""

    def __init__(self, number, method, params):
        self.id = number
        self.method = method
        self.params = params
        self.sent = time.monotonic()
        self.answered = None
        self.answer = None

    @property
    def tool(self):
        return self.params.get("name") if self.method == "tools/call" else None

    def outcome(self):
        """ok, the reason of an error of the shim's own, or failed; None: not answered."""
        if self.answer is None:
            return None
        result = self.answer.get("result")
        if result is None:
            return self.answer["error"].get("data", {}).get("reason", "failed")
        if result.get("isError"):
            return result.get("_meta", {}).get(SHIM_ERROR, {}).get("reason", "failed")
        return "ok"

    def text(self):
        return self.answer["result"]["content"][0]["text"]

    def __str__(self):
        return f"{self.tool or self.method} (id {self.id})"


class Host:
    """Calls may be made from several threads. What the server did wrong is in `problems`."""

    def __init__(self, command, environment, log):
        self.problems = []
        self.notifications = []  # their methods, in order
        self.calls = []
        self._pending = {}
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=log, env=environment)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def open_session(self):
        asked = self.call("initialize", {"protocolVersion": PROTOCOL_VERSION, "capabilities": {},
                                         "clientInfo": {"name": "smoke-host", "version": "1.0"}})
        self.wait_for([asked], 30)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return asked.answer["result"]

    def call(self, method, params=None):
        with self._changed:
            call = Call(len(self.calls) + 1, method, params or {})
            self.calls.append(call)
            self._pending[call.id] = call
        self._write({"jsonrpc": "2.0", "id": call.id, "method": method, "params": call.params})
        return call

    def call_tool(self, name, **arguments):
        return self.call("tools/call", {"name": name, "arguments": arguments})

    def wait_for(self, calls, seconds):
        """Waits for the answers to all of these; TimeoutError if one is missing."""
        if not self.wait_until(lambda: all(call.answered for call in calls), seconds):
            missing = [str(call) for call in calls if not call.answered]
            raise TimeoutError(f"{len(missing)} calls not answered within {seconds} s, the first "
                               f"of them {', '.join(missing[:3])}")

    def wait_until(self, condition, seconds):
        """Whether `condition`, looked at after every line, holds in time."""
        with self._changed:
            return self._changed.wait_for(condition, seconds)

    def close(self):
        """Ends the session as hosts do; the exit status, -9 if the server had to be killed."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._reader.join(5)
        return status

    def _write(self, message):
        with self._writing:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                try:
                    self._take(message_of(line))
                except ValueError as error:
                    self.problems.append(f"{error}: {line[:200]!r}")
                self._changed.notify_all()

    def _take(self, message):
        if "method" in message:
            if "id" in message:
                raise ValueError("a request that nobody expects")
            self.notifications.append(message["method"])
            return
        # Numbers of another type would be equal to ours, and not all that may stand here has a hash.
        call = self._pending.pop(message["id"], None) if type(message["id"]) is int else None
        if call is None:
            raise ValueError("an answer to nothing, or a second one")
        call.answer = message
        call.answered = time.monotonic()
