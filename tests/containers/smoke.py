#!/usr/bin/env python3
"""Takes a backend in a container away from a running MCP session, in one way after another.

Started by packaging/smoke-container.sh, whose --help says the rest.
"""
import argparse
import collections
import json
import os
import signal
import sys
import threading
import time

from check import Check
from engine import Backend, Engine
from host import Host

CALL_EVERY = 0.1
BACK_WITHIN = 5.0  # from the start of a backend to the first answer of it
ADDED_TOOL = "added"
MOST_IN_FLIGHT = 5  # the slow call, and what is on the wire
UNNOTICED_S = 8  # in this time a silent connection is given up
TOOLS_CHANGED = "notifications/tools/list_changed"

Fault = collections.namedtuple("Fault", "name act slow_call unknown_max tools_change")
Row = collections.namedtuple("Row", "name gap back slow answered unknown reread")


class Session:
    """A host with the shim between it and the backend, and calls going on all the time."""

    def __init__(self, shim_directory, home, health_file, log):
        with open("mcp-config.example.json", encoding="utf-8") as file:
            (server,) = json.load(file)["mcpServers"].values()
        environment = {
            "HOME": home,
            "PATH": os.path.abspath(shim_directory) + ":/usr/bin:/bin",
            # A silent connection is noticed within seconds instead of within half a minute.
            "MCP_WS_SHIM_PING_INTERVAL": "1s",
            "MCP_WS_SHIM_PONG_TIMEOUT": "1s",
            "MCP_WS_SHIM_HEALTH_FILE": health_file,
            **server.get("env", {}),
        }
        self.host = Host([server["command"], *server["args"]], environment, log)
        self._taken = 0
        self._stop = threading.Event()
        self._caller = threading.Thread(target=self._call_on, daemon=True)

    def start(self):
        self.host.open_session()
        self.tools = self.list_tools()
        self._caller.start()

    def stop(self):
        self._stop.set()
        if self._caller.is_alive():
            self._caller.join()

    def list_tools(self):
        listing = self.host.call("tools/list")
        self.host.wait_for([listing], BACK_WITHIN)
        return {tool["name"] for tool in listing.answer["result"]["tools"]}

    def take_calls(self):
        """The calls made since the last time, all of them answered."""
        calls = self.host.calls[self._taken:]
        self._taken += len(calls)
        self.host.wait_for(calls, 60)
        return calls

    def _call_on(self):
        """In turns a call that must not run twice and one that only reads. Waits for no answer."""
        number = 0
        while not self._stop.wait(CALL_EVERY):
            number += 1
            try:
                if number % 2 == 0:
                    self.host.call_tool("counter")
                else:
                    self.host.call_tool("echo", text=f"text {number}")
            except OSError as error:
                self.host.problems.append(f"the shim does not take any more: {error}")
                return


def longest_gap(calls, since):
    """The longest time without an answer of the backend, from the last one before `since` on."""
    times = sorted(call.answered for call in calls if call.outcome() == "ok")
    before = [at for at in times if at <= since][-1:]
    times = before + [at for at in times if at > since]
    return max(later - at for at, later in zip(times, times[1:]))


def put_to_test(session, check, fault):
    """One fault, in the middle of the session; the row that the table has about it."""
    host = session.host
    changes = host.notifications.count(TOOLS_CHANGED)
    slow = host.call_tool("sleep", ms=8000)
    time.sleep(0.5)  # so that it runs
    before = time.monotonic()
    back = fault.act()

    def goes_on():
        return any(call.sent > back and call.outcome() == "ok" for call in host.calls)

    if not host.wait_until(goes_on, BACK_WITHIN):
        raise TimeoutError(f"{fault.name}: {BACK_WITHIN} s after the backend was back no call was "
                           "answered yet")
    time.sleep(1)  # what would come too late, or too much, comes now
    calls = session.take_calls()

    reread = check.calls(calls)
    answered = [call for call in calls if call.outcome() == "ok"]
    unknown = len(calls) - len(answered)
    check.expect(slow.outcome() == fault.slow_call,
                 f"{fault.name}: the slow call was answered with {slow.outcome()}")
    if fault.slow_call != "ok":
        # Also where no packet says so: before there is anything new to connect to.
        check.expect(slow.answered < back + 0.5, f"{fault.name}: the slow call was answered late, "
                     f"{slow.answered - before:.1f} s after the fault")
    check.expect(unknown <= fault.unknown_max, f"{fault.name}: {unknown} calls of unknown outcome")
    changes = host.notifications.count(TOOLS_CHANGED) - changes
    check.expect(changes == fault.tools_change, f"{fault.name}: {changes} times {TOOLS_CHANGED}")
    first_answer = min(call.answered for call in answered if call.answered > back)
    return Row(fault.name, longest_gap(answered, before), first_answer - back,
               slow.answered - before, len(answered), unknown, reread)


def check_added_tool(session, check):
    """The host asks again, as hosts do, and gets the tool that the other image has."""
    added = session.list_tools() - session.tools
    check.expect(added == {ADDED_TOOL}, f"the tools that are new: {added}")
    call = session.host.call_tool(ADDED_TOOL, text="hello")
    session.host.wait_for([call], BACK_WITHIN)
    check.expect(call.outcome() == "ok" and call.text() == "hello", f"{call}: {call.answer}")


def faults(backend, session, check, compose):
    """What is done, in this order, and what of it the host may notice."""
    lost, on_wire = "outcome-unknown", MOST_IN_FLIGHT
    yield Fault("restart", backend.restart, lost, on_wire, 0)
    yield Fault("kill -9 of the process, restart policy", backend.kill_process, lost, on_wire, 0)
    yield Fault("kill, 2 s later start", lambda: backend.kill_and_start(2), lost, on_wire, 0)
    yield Fault("stop, 20 s later start", lambda: backend.stop_and_start(20), lost, on_wire, 0)
    yield Fault("pause, 10 s later unpause", lambda: backend.pause(10), "ok", 0, 0)
    yield Fault("image replaced, one tool more", lambda: backend.replace(backend.changed_image),
                lost, on_wire, 1)
    check_added_tool(session, check)
    # Until the silence is noticed, calls go out and nothing is heard of them.
    yield Fault(f"network cut, kill, {UNNOTICED_S} s later start",
                lambda: backend.cut_and_kill(UNNOTICED_S), lost, int(UNNOTICED_S / CALL_EVERY), 0)
    if compose:
        yield Fault("replaced by what compose.yaml says",
                    lambda: backend.replace_by_compose(compose), lost, on_wire, 1)


def show(rows):
    print()
    print(f"{'fault':<38} {'gap':>7} {'back':>7} {'settled':>8} {'answered':>9} {'unknown':>8} "
          f"{'read twice':>11}")
    for row in rows:
        print(f"{row.name:<38} {row.gap:5.2f} s {row.back:5.2f} s {row.slow:6.2f} s "
              f"{row.answered:>9} {row.unknown:>8} {row.reread:>11}")
    print("""
gap         the longest time in which no call was answered, however long the backend was away
back        from the start of the new process, or the end of the pause, to the first answer
settled     from the fault to the answer of the slow call that was in flight
answered    calls that the backend answered; each has run, and run once if it may not run twice
unknown     calls in flight that were answered with outcome-unknown; none has run twice
read twice  calls of a tool that only reads, sent again because the first answer was lost""")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True, help="what to call docker or podman by")
    parser.add_argument("--shim", required=True, help="the shim's program")
    parser.add_argument("--backend-root", required=True, help="the root of the backend's image")
    parser.add_argument("--tools-root", required=True, help="the root of an image with sh and ip")
    parser.add_argument("--work", required=True, help="a directory for the volume and the log")
    parser.add_argument("--compose-required", action="store_true", help="fail without a compose")
    return parser.parse_args()


def play(session, backend, check, compose):
    """The whole session. Its rows are yielded as they come."""
    session.start()
    for fault in faults(backend, session, check, compose):
        yield put_to_test(session, check, fault)
    session.stop()
    check.calls(session.take_calls())


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    engine = Engine(options.engine)
    compose = engine.compose()
    if options.compose_required and not compose:
        sys.exit("smoke-container: neither docker compose nor podman-compose is here")
    backend = Backend(engine, options.work)
    check = Check(os.path.join(backend.data, "journal.jsonl"))
    log_path = os.path.join(options.work, "shim.log")
    rows = []
    session = None
    try:
        backend.build(options.backend_root, options.tools_root, ADDED_TOOL)
        with open(log_path, "wb") as log:
            session = Session(os.path.dirname(options.shim), options.work, backend.health_file, log)
        backend.run(backend.image)
        for row in play(session, backend, check, compose):
            rows.append(row)
            print(f"  {row.name}: {row.gap:.2f} s without an answer", flush=True)
    except (RuntimeError, TimeoutError) as error:
        check.failures.append(str(error))
    finally:
        if session:
            session.stop()
            status = session.host.close()
            check.expect(status == 0, f"the shim's exit status is {status}")
            check.failures += session.host.problems
        backend.remove()

    show(rows)
    if not compose:
        print("SKIPPED: compose.yaml: neither docker compose nor podman-compose is here")
    for failure in check.failures[:20]:
        print(f"FAILED: {failure}")
    if check.failures:
        with open(log_path, encoding="utf-8", errors="replace") as log:
            print("The shim's log ends with:", *log.read().splitlines()[-40:], sep="\n  ")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
