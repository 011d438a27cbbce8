#!/usr/bin/env python3
"""A real fleet: many shims on this machine, whose backend is killed and comes back.

Each shim is the release build with a host that has sent `initialize` and is silent since. All say in their logs,
to the millisecond, when they try to connect and when they are ready; the table comes from there. Spans count
from the moment the backend listens again; with several backends, of which one is killed, from the loss.

The load balancer is HAProxy. With --accepts it dies and comes back with the backend and only takes so many
connections a second, out of a queue of --backlog: then the two are one backend that is slow to accept, as in
the simulation. With --haproxy it stays, in front of all backends."""

import argparse
import collections
import contextlib
import datetime
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "bench"))
from release_build import build_release  # noqa: E402 (its folder must be known first)

START_LIMIT_S = 180
RECOVERY_LIMIT_S = 300
SETTLED_S = 6  # longer than --min-uptime, so that the backoff starts from its base
SLOT_S = 0.1
HOST = [
    {"jsonrpc": "2.0", "id": 1, "method": "initialize",
     "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "herd", "version": "1"}}},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
]


def fail(text):
    sys.exit(f"herd: {text}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """A process on a port of loopback that can be killed and started again there."""

    def __init__(self, folder, command, port=None):
        self.port = port or free_port()
        self.command, self.log = command, open(folder / f"daemon-{self.port}.log", "ab")
        self.process = None

    def start(self):
        # A session of its own gets a fair part of the processors (sched(7), autogroup), however many shims there are.
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True)
        deadline = time.monotonic() + 20
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                fail(f"does not listen on {self.port}: {' '.join(map(str, self.command))}, see {self.log.name}")
            time.sleep(0.002)
        return time.time()

    def listens(self):
        """From the kernel's table: a connection to find out would be one of those that are counted."""
        wanted = f":{self.port:04X} 00000000:0000 0A "
        return wanted in pathlib.Path("/proc/net/tcp").read_text()

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self):
        self.kill()
        self.log.close()


def backend(options, folder):
    port = free_port()
    return Daemon(folder, [options.backend, "--port", str(port)], port)


def haproxy(options, folder, backends):
    port = free_port()
    config = folder / f"haproxy-{port}.cfg"
    limit = f"  rate-limit sessions {options.accepts}\n" if options.accepts else ""
    maxconn = options.maxconn or 2 * options.shims
    servers = "".join(f"  server s{i} 127.0.0.1:{b.port} maxconn {maxconn} check inter 500ms fall 1 rise 1\n"
                      for i, b in enumerate(backends))
    config.write_text(f"""
global
  maxconn {4 * options.shims}
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  timeout queue 5s
  option redispatch
frontend fleet
  bind 127.0.0.1:{port} backlog {options.backlog}
  maxconn {2 * options.shims}
{limit}  default_backend daemons
backend daemons
  balance leastconn
{servers}""")
    return Daemon(folder, [shutil.which("haproxy"), "-db", "-f", config], port)


class Fleet:
    """The shims, and what their logs have said so far."""

    def __init__(self, options, folder, urls, jitter):
        self.path = folder / "shims.log"
        self.sink = open(self.path, "ab")
        self.source = open(self.path, "rb")
        self.rest = b""
        self.events = []  # time, what
        self.shims = []
        self.command = [options.shim, "--log-format", "json", "--log-level", "debug", "--jitter", jitter,
                        "--cache-dir", folder / "cache", *options.shim_args, *urls]
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}

    def start(self, count, per_second):
        """No more than so many a second (0: as fast as it goes), else the start is a herd of its own."""
        text = "".join(json.dumps(message) + "\n" for message in HOST).encode()
        for _ in range(count):
            shim = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self.sink,
                                    env=self.environment, bufsize=0)
            self.shims.append(shim)
            shim.stdin.write(text)
            time.sleep(1.2 / per_second if per_second else 0)
        self.wait("ready", count, START_LIMIT_S)

    def read(self):
        *lines, self.rest = (self.rest + self.source.read()).split(b"\n")
        for line in lines:
            entry = json.loads(line)
            what = re.match(r"link \d+ (connecting|ready|lost|failed)", entry["message"])
            if what:
                at = datetime.datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()
                self.events.append((at, what[1]))

    def times(self, what, since=0.0):
        self.read()
        return sorted(at for at, event in self.events if event == what and at >= since)

    def wait(self, what, count, limit, since=0.0):
        deadline = time.monotonic() + limit
        while len(self.times(what, since)) < count:
            if time.monotonic() > deadline:
                fail(f"only {len(self.times(what, since))} of {count} are {what} after {limit} s")
            time.sleep(0.2)

    def memory_mib(self):
        """What one more shim costs: pages that it shares with others are counted in parts."""
        sizes = [int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{shim.pid}/smaps_rollup").read_text(),
                               re.MULTILINE)[1]) for shim in self.shims]
        return sum(sizes) / len(sizes) / 1024

    def close(self):
        for shim in self.shims:
            shim.stdin.close()
        deadline = time.monotonic() + 20
        for shim in self.shims:
            try:
                shim.wait(timeout=max(0.01, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                shim.kill()
                shim.wait()
        self.sink.close()
        self.source.close()


def percentile(sorted_values, part):
    return sorted_values[min(len(sorted_values) - 1, int(part * len(sorted_values)))]


def slots(times, start):
    return collections.Counter(int((at - start) / SLOT_S) for at in times)


def report(options, fleet, jitter, outage, killed_at, back_at):
    tries, ready = fleet.times("connecting", killed_at), fleet.times("ready", killed_at)
    zero = killed_at if options.backends > 1 else back_at
    spans = [at - zero for at in ready]
    after = [at for at in tries if at >= back_at]
    print(f"| {jitter} | {len(ready)} | {outage:g} s | " +
          " | ".join(f"{percentile(spans, part):.2f} s" for part in (0.5, 0.9, 0.99, 1)) +
          f" | {max(slots(tries, killed_at).values())} | {max(slots(after, back_at).values(), default=0)}"
          f" | {len(tries) / len(ready):.1f} | {fleet.memory_mib():.1f} MiB |", flush=True)
    if options.histogram:
        connects, arrivals = slots(tries, killed_at), slots(ready, killed_at)
        for slot in sorted(connects | arrivals):
            print(f"{slot * SLOT_S:6.1f} s  {connects[slot]:5} connects  {arrivals[slot]:5} ready")


def outage_of(options, jitter, outage):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="herd.")))

        def started(daemon):
            stack.callback(daemon.close)
            daemon.start()
            return daemon

        backends = [started(backend(options, folder)) for _ in range(options.backends)]
        fronts = [started(haproxy(options, folder, backends))] if options.accepts or options.haproxy else []
        mortal = [backends[0]] + (fronts if options.accepts else [])
        fleet = Fleet(options, folder, [f"ws://127.0.0.1:{daemon.port}" for daemon in fronts or backends], jitter)
        stack.callback(fleet.close)
        fleet.start(options.shims, options.accepts)
        time.sleep(SETTLED_S)

        killed_at = time.time()
        for daemon in reversed(mortal):
            daemon.kill()
        time.sleep(max(0.0, killed_at + outage - time.time()))
        back_at = max(daemon.start() for daemon in mortal)
        lost = len(fleet.times("lost", killed_at))
        fleet.wait("ready", lost, RECOVERY_LIMIT_S, killed_at)
        time.sleep(1)
        if (again := len(fleet.times("lost", killed_at))) != lost:
            fail(f"{again} links were lost instead of {lost}")
        report(options, fleet, jitter, outage, killed_at, back_at)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shims", type=int, default=1000, metavar="N")
    parser.add_argument("--outage", default="2,20", metavar="S,…", help="seconds (default: 2,20)")
    parser.add_argument("--jitter", default="full,0.1,0", metavar="KIND,…", help="default: full,0.1,0")
    parser.add_argument("--backends", type=int, default=1, metavar="N",
                        help="the first is killed; without HAProxy they are several URLs of each shim")
    parser.add_argument("--haproxy", action="store_true", help="HAProxy before the backends")
    parser.add_argument("--maxconn", type=int, default=0, metavar="N",
                        help="connections that HAProxy gives to one backend (default: no limit)")
    parser.add_argument("--accepts", type=int, default=0, metavar="N", help="connections a second (default: no limit)")
    parser.add_argument("--backlog", type=int, default=128, metavar="N", help="of HAProxy's socket")
    parser.add_argument("--histogram", action="store_true", help="also connects and arrivals in each 100 ms")
    parser.add_argument("--shim", metavar="PATH", help="use this program, and build nothing")
    parser.add_argument("--backend", metavar="PATH", help="with --shim: the fake backend")
    parser.add_argument("shim_args", nargs="*", metavar="-- FLAG", help="further flags of the shims")
    options = parser.parse_args()
    if (options.shim is None) != (options.backend is None):
        parser.error("--shim and --backend go together")
    if options.shims < 1 or options.backends < 1:
        parser.error("--shims and --backends are at least 1")
    if options.accepts and options.haproxy:
        parser.error("--accepts or --haproxy, not both")
    return options


def end(number, _):
    """Everything that was started is ended on the way out; a second signal must not cut that short."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(128 + number)


def main():
    options = parse()
    if (options.accepts or options.haproxy) and not shutil.which("haproxy"):
        print("SKIPPED: haproxy is not installed (packaging/install-deps.sh --bench)")
        return
    # Here a pipe for each shim; at the backend, and twice at HAProxy, a connection.
    needed = 3 * options.shims + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        fail(f"needs {needed} descriptors, and `ulimit -Hn` is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if options.shim is None:
        if error := build_release(ROOT):
            fail(error)
        options.shim = ROOT / "build/release/shim/mcp-ws-shim"
        options.backend = ROOT / "build/release/tests/backend/fake_backend"
    print("| jitter | lost | outage | 50 % ready | 90 % | 99 % | all | peak per 100 ms | peak after the return |"
          " attempts per shim | memory per shim |\n|---|---|---|---|---|---|---|---|---|---|---|")
    for outage in map(float, options.outage.split(",")):
        for jitter in options.jitter.split(","):
            outage_of(options, jitter, outage)


if __name__ == "__main__":
    main()
