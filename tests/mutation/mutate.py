#!/usr/bin/env python3
"""Breaks the core on purpose, one small change at a time, and expects the tests to notice.

The mutants are in mutants.txt beside this file. Each changes one source file, in a copy: that is compiled and
linked with everything else from a build of the dev preset, and the tests unit, golden and sim run until one
fails. Exit status 1: a mutant survived, could not be applied or did not compile."""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = ["unit", "golden", "sim"]  # the first that fails has caught the mutant
LIBRARIES = {"shim/core": "shim/libshim_core.a", "common": "common/libcommon.a", "shim/io": "shim/libshim_io.a"}  # by folder of the sources
COMPILE_FLAGS = "-g0 -w"  # quicker; a mutant may leave something unused
LINK_FLAGS = "-fuse-ld=gold -Wl,--strip-debug" if shutil.which("ld.gold") else "-Wl,--strip-debug"  # for speed
CPU_LIMIT_S = 120  # of one program; one that hangs has caught the mutant, too
MEMORY_BYTES = 4 << 30  # likewise
FAILED_CASE = re.compile(r"^TEST CASE: +(.+)$", re.MULTILINE)


@dataclasses.dataclass
class Mutant:
    name: str
    file: str
    old: str
    new: str


def fail(text):
    sys.exit(f"mutate: {text}")


def read_mutants(text):
    """Paragraphs: "== name", the file, lines of the source behind "-", what replaces them behind "+"."""
    mutants = []
    for paragraph in re.split(r"^== ", text, flags=re.MULTILINE)[1:]:
        name, file, *lines = [line for line in paragraph.splitlines() if line and line[0] != "#"]
        if any(line[0] not in "-+" for line in lines):
            fail(f"mutants.txt, '{name}': a line begins with neither '-' nor '+'")
        old = "\n".join(line[1:] for line in lines if line[0] == "-")
        new = "\n".join(line[1:] for line in lines if line[0] == "+")
        if not old or old == new:
            fail(f"mutants.txt, '{name}': nothing is changed")
        mutants.append(Mutant(name, file, old, new))
    if len({mutant.name for mutant in mutants}) < len(mutants):
        fail("mutants.txt: a name stands twice")
    return mutants


def mutated(mutant):
    """The changed source. What is replaced must stand there exactly once, as whole lines."""
    path = ROOT / mutant.file
    if not path.is_file():
        fail(f"'{mutant.name}': there is no {mutant.file}")
    parts = ("\n" + path.read_text()).split("\n" + mutant.old + "\n")
    if len(parts) != 2:
        fail(f"'{mutant.name}': what it replaces stands {len(parts) - 1} times in {mutant.file}; mend mutants.txt")
    return (parts[0] + "\n" + mutant.new + "\n" + parts[1])[1:]


def run(command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False, **options)


class Build:
    """A finished build, and how one source of it is replaced without touching it."""

    def __init__(self, folder, jobs):
        self.folder = folder
        targets = [f"{name}_tests" for name in PROGRAMS]
        done = run(["cmake", "--build", folder, "--parallel", str(jobs), "--target", *targets])
        if done.returncode != 0:
            fail(f"{folder} does not build; first: cmake --preset dev\n{done.stdout[-3000:]}")
        database = json.loads((folder / "compile_commands.json").read_text())
        self.compile_lines = {entry["file"]: entry["command"] for entry in database}
        lines = run(["ninja", "-C", folder, "-t", "commands", *targets]).stdout.splitlines()
        self.links = {name: next(line for line in lines if f" -o tests/{name}/{name}_tests " in line)
                      for name in PROGRAMS}
        source = re.search(r"^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$", (folder / "CMakeCache.txt").read_text(), re.M)
        self.source = source[1]

    def make(self, mutant, target):
        """Puts the test programs with the mutant in them into the folder `target`."""
        (target / "source.cpp").write_text(mutated(mutant))
        # The object keeps its name, so that it takes the place of the real one in the library.
        object_file = target / (os.path.basename(mutant.file) + ".o")
        line = self.compile_lines[f"{self.source}/{mutant.file}"]
        self.call(mutant, re.sub(r" -o \S+ -c \S+$", f" {COMPILE_FLAGS} -o {object_file} -c {target}/source.cpp", line))
        library = LIBRARIES[os.path.dirname(mutant.file)]
        changed = target / "changed.a"
        shutil.copy(self.folder / library, changed)
        self.call(mutant, f"ar r {changed} {object_file}")
        for name, line in self.links.items():
            line = line.replace(f" -o tests/{name}/", f" {LINK_FLAGS} -o {target}/")
            self.call(mutant, line.replace(library, str(changed)))

    def call(self, mutant, line):
        done = run(line, shell=True, cwd=self.folder)
        if done.returncode != 0:
            fail(f"'{mutant.name}' does not build:\n{done.stdout[-3000:]}")


def run_tests(paths):
    """Runs the test programs one after the other. Who complains, or None."""
    for name in PROGRAMS:
        limits = ["prlimit", f"--as={MEMORY_BYTES}", f"--cpu={CPU_LIMIT_S}:{2 * CPU_LIMIT_S}"]
        done = run([*limits, paths[name], "--abort-after=1", "--no-colors=true"])
        if done.returncode == -signal.SIGXCPU:
            return f"{name}: hangs"
        if done.returncode != 0:
            case = FAILED_CASE.search(done.stdout)
            return f"{name}: {case[1] if case else f'status {done.returncode}'}"
    return None


def programs_in(folder):
    return {name: folder / f"{name}_tests" for name in PROGRAMS}


def check(mutants, build, scratch):
    """Builds the mutants one after the other and tests one while the next is built. The survivors."""
    survivors = []
    under_test = []  # at most one: mutant, folder, future

    def report():
        mutant, folder, future = under_test.pop()
        caught = future.result()
        shutil.rmtree(folder)
        print(f"{'caught  ' if caught else 'SURVIVED'} | {mutant.name} | {caught or ''}", flush=True)
        if not caught:
            survivors.append(mutant.name)

    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as testing:
        for mutant in mutants:
            folder = pathlib.Path(tempfile.mkdtemp(dir=scratch))
            build.make(mutant, folder)
            if under_test:
                report()
            under_test.append((mutant, folder, testing.submit(run_tests, programs_in(folder))))
        report()
    return survivors


def choose(mutants, options):
    if options.only:
        return [mutant for mutant in mutants if options.only in mutant.name] or fail("no mutant has such a name")
    if not 0 < options.sample < len(mutants):
        return mutants
    seed = options.seed or run(["git", "-C", ROOT, "rev-parse", "HEAD"]).stdout.strip()
    print(f"mutate: {options.sample} of {len(mutants)} mutants; again: --sample {options.sample} --seed {seed}")
    numbers = sorted(random.Random(seed).sample(range(len(mutants)), options.sample))
    return [mutants[number] for number in numbers]


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=0, metavar="N",
                        help="only N mutants, others for each commit (default: all)")
    parser.add_argument("--seed", help="choose the sample by this text instead of by the commit")
    parser.add_argument("--only", metavar="TEXT", help="only mutants whose name holds TEXT")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev", metavar="DIRECTORY",
                        help="a build of these sources, which is brought up to date (default: build/dev)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compile jobs for that")
    return parser.parse_args()


def main():
    options = parse_options()
    mutants = read_mutants((HERE / "mutants.txt").read_text())
    for mutant in mutants:  # all of them, also those that are not in the sample
        mutated(mutant)
    chosen = choose(mutants, options)
    started = time.monotonic()
    build = Build(options.build.resolve(), options.jobs)
    if complaint := run_tests({name: build.folder / f"tests/{name}/{name}_tests" for name in PROGRAMS}):
        fail(f"the unchanged sources fail: {complaint}")
    print(f"mutate: the unchanged sources pass, {time.monotonic() - started:.0f} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutate-") as scratch:
        survivors = check(chosen, build, scratch)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants caught, {time.monotonic() - started:.0f} s")
    if survivors:
        fail("survivors are gaps in the tests: " + "; ".join(survivors))


if __name__ == "__main__":
    main()
