#!/usr/bin/env python3
"""Counts the instructions that the shim executes for a message of 200 bytes, and fails if they have become 5 % more.

The release build runs under valgrind's callgrind, between this script as the host and the fake backend. Each
figure is the difference of a long run and a short one, divided by the messages between them, so that start and
end are not part of it. Instructions do not depend on how busy the machine is; the kernel's are not counted,
those of the libraries are. What was measured before stands in instructions.txt beside this file."""

import argparse
import json
import os
import pathlib
import platform
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from release_build import build_release

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RECORD = HERE / "instructions.txt"
LINE_BYTES = 200
BURST = 16  # so many lines fit into what a pipe takes in one piece
LIMIT_S = 120  # of one run
TOLERANCE = 0.05

# The libraries choose code by what the processor can do. These are what every x86-64 has that simdjson and
# glibc have fast code for, so that the count is the same everywhere.
ENVIRONMENT = {
    "SIMDJSON_FORCE_IMPLEMENTATION": "westmere",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-AVX,-BMI2,-ERMS,-FSRM,-LZCNT"
                      ",-SSE4_1,-SSE4_2,-SSSE3",
}


def fail(text):
    sys.exit(f"instructions: {text}")


def padded(message, text_of):
    """The message as a line of LINE_BYTES (the newline not counted), its text stretched to fit."""
    text_of(message)["text"] = ""
    room = LINE_BYTES - len(json.dumps(message, separators=(",", ":")))
    text_of(message)["text"] = "x" * room
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def call(number):
    return padded({"jsonrpc": "2.0", "id": number, "method": "tools/call",
                   "params": {"name": "echo", "arguments": {}}}, lambda m: m["params"]["arguments"])


def notification():
    return padded({"jsonrpc": "2.0", "method": "notifications/note", "params": {}}, lambda m: m["params"])


class Session:
    """One shim under callgrind, from `initialize` to the end of its input."""

    def __init__(self, options, folder, faults=()):
        self.deadline = time.monotonic() + LIMIT_S
        self.buffer = b""
        self.profile = folder / "callgrind.out"
        self.log = open(folder / "log", "w+b")
        self.shim = None
        self.backend = subprocess.Popen(
            [options.backend, "--port", "0", *faults], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log)
        try:
            port = self.backend.stdout.readline().split()[1].decode()
            self.shim = subprocess.Popen(
                ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.profile}", options.shim,
                 "--cache-dir", folder / "cache", "--log-level", "warn", "--keepalive", "off",
                 f"ws://127.0.0.1:{port}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, bufsize=0,
                env={"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), **ENVIRONMENT})
        except BaseException:
            self.close()
            raise

    def close(self):
        for process in filter(None, [self.shim, self.backend]):
            process.kill()
            process.wait()
        self.log.close()

    def tail(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def send(self, line):
        self.shim.stdin.write(line)

    def read(self):
        if not select.select([self.shim.stdout], [], [], max(0, self.deadline - time.monotonic()))[0]:
            fail(f"no answer within {LIMIT_S} s\n{self.tail()}")
        data = self.shim.stdout.read(1 << 16)
        if not data:
            fail(f"the shim has ended\n{self.tail()}")
        return data

    def lines(self, count):
        """The next `count` lines."""
        while self.buffer.count(b"\n") < count:
            self.buffer += self.read()
        *lines, self.buffer = self.buffer.split(b"\n", count)
        return lines

    def ask(self, message):
        self.send(json.dumps(message).encode() + b"\n")
        answer = json.loads(self.lines(1)[0])
        if answer.get("id") != message["id"] or "result" not in answer:
            fail(f"unexpected answer: {answer}")

    def start(self):
        self.ask({"jsonrpc": "2.0", "id": "i", "method": "initialize",
                  "params": {"protocolVersion": "2025-11-25", "capabilities": {},
                             "clientInfo": {"name": "instructions", "version": "1"}}})
        self.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def finish(self):
        """Ends the session and returns what valgrind has counted."""
        self.shim.stdin.close()
        try:
            status = self.shim.wait(timeout=max(1, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            fail("the shim does not end")
        if status != 0:
            fail(f"the shim has ended with status {status}\n{self.tail()}")
        found = re.search(r"^(?:totals|summary): (\d+)$", self.profile.read_text(), re.MULTILINE)
        if not found:
            fail("callgrind has written no total")
        return int(found[1])


def sequential(session, count):
    for number in range(count):
        session.send(call(number))
        (answer,) = session.lines(1)
        if not answer.startswith(b'{"') or b"xxx" not in answer:
            fail(f"unexpected answer: {answer!r}")


def bursts(session, count):
    for first in range(0, count, BURST):
        session.send(b"".join(call(number) for number in range(first, first + BURST)))
        for answer in session.lines(BURST):
            if b"xxx" not in answer:
                fail(f"unexpected answer: {answer!r}")


def up(session, count):
    for first in range(0, count, BURST):
        session.send(notification() * BURST)
        session.ask({"jsonrpc": "2.0", "id": first, "method": "ping"})  # answered by the shim itself


def down(session, count):
    session.lines(count)


FIGURES = {
    "round-trip": (sequential, "a call and its answer, one at a time"),
    "round-trip-16": (bursts, "the same, 16 calls at a time"),
    "up-16": (up, "a notification of the host, 16 and a ping of the host at a time"),
    "down": (down, "a log message of the backend, about 105 bytes, in a flood"),
}


def count(options, name, messages):
    run, _ = FIGURES[name]
    with tempfile.TemporaryDirectory(prefix="instructions.") as folder:
        faults = ["--fault", f"notify-flood={messages}"] if run is down else []
        session = Session(options, pathlib.Path(folder), faults)
        try:
            session.start()
            run(session, messages)
            return session.finish()
        finally:
            session.close()


def measure(options, name):
    short, long = options.messages, 3 * options.messages
    return (count(options, name, long) - count(options, name, short)) / (long - short)



def output_of(command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, stdin=subprocess.DEVNULL).stdout


def platform_of(shim):
    """What the count depends on apart from our sources."""
    compiler = re.search(r"GCC: .* (\d\S+)$", output_of(["readelf", "-p", ".comment", shim]), re.MULTILINE)
    parts = [platform.machine(), " ".join(platform.libc_ver()), f"gcc {compiler[1]}" if compiler else "no gcc"]
    parts += [line for line in output_of([shim, "--version"]).splitlines() if line.startswith("libwebsockets")]
    return ", ".join(parts)


def read_record():
    """The platform and the figures of instructions.txt."""
    recorded_on, figures = "", {}
    for line in RECORD.read_text().splitlines() if RECORD.is_file() else []:
        if line.startswith("# on: "):
            recorded_on = line.removeprefix("# on: ")
        elif line and line[0] != "#":
            name, value = line.split()
            figures[name] = int(value)
    return recorded_on, figures


def write_record(here, figures):
    lines = ["# Instructions per message; see instructions.py, which compares with these and writes them (--update).",
             f"# on: {here}"]
    RECORD.write_text("\n".join(lines + [f"{name} {value}" for name, value in figures.items()]) + "\n")


def verdict(value, before):
    change = value / before - 1
    text = f"{change:+.1%} against {before}"
    if change > TOLERANCE:
        return text + ", TOO MUCH", True
    return text + (", now --update" if change < -TOLERANCE else ""), False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write what is measured to instructions.txt")
    parser.add_argument("--messages", type=int, default=1024, metavar="N",
                        help="messages of the short run, a multiple of 16; the long one has three times as many")
    parser.add_argument("--shim", metavar="PATH", help="measure this program, and build nothing")
    parser.add_argument("--backend", metavar="PATH", help="with --shim: the fake backend")
    options = parser.parse_args()
    if options.messages < BURST or options.messages % BURST != 0:
        parser.error(f"--messages needs a multiple of {BURST}")
    if (options.shim is None) != (options.backend is None):
        parser.error("--shim and --backend go together")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, too
    missing = [tool for tool in ("valgrind", "readelf") if not shutil.which(tool)]
    if missing:
        print(f"SKIPPED: {missing[0]} is not installed (packaging/install-deps.sh --ci)")
        return
    if options.shim is None:
        if error := build_release(ROOT):
            fail(error)
        options.shim = ROOT / "build/release/shim/mcp-ws-shim"
        options.backend = ROOT / "build/release/tests/backend/fake_backend"
    for program in (options.shim, options.backend):
        if not os.access(program, os.X_OK):
            fail(f"{program} is not a program")

    here = platform_of(options.shim)
    recorded_on, record = read_record()
    comparable = recorded_on == here and not options.update
    if not options.update and record.keys() != FIGURES.keys():
        fail("instructions.txt does not have these figures; --update writes them")
    figures, failed = {}, False
    print(f"instructions per message of {LINE_BYTES} bytes; {here}")
    for name, (_, meaning) in FIGURES.items():
        figures[name] = round(measure(options, name))
        text, too_much = verdict(figures[name], record[name]) if comparable else ("", False)
        failed = failed or too_much
        print(f"{name:14} {figures[name]:7}  {text:32} {meaning}", flush=True)
    if options.update:
        write_record(here, figures)
    elif not comparable:
        print(f"SKIPPED: the comparison; instructions.txt is of {recorded_on}")
    elif failed:
        fail(f"more than {TOLERANCE:.0%} above instructions.txt; if that is worth it, run me with --update")


if __name__ == "__main__":
    main()
