#!/usr/bin/env python3
"""Breaks the core on purpose, one small change at a time, and expects the tests to notice.

The mutants are in mutants.txt beside this file. Sources are copied; the working tree stays as it is.
"""

import argparse
import concurrent.futures
import dataclasses
import filecmp
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = ["unit", "golden", "sim"]  # in this order; the first that fails has caught the mutant
RUN_LIMIT_S = 300  # of one program; a mutant that makes it hang is caught by that
ENDING = re.compile(r"^TEST CASE: +(.+)$", re.MULTILINE)


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
        name, file, *lines = [line for line in paragraph.splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith("#")]
        if any(line[0] not in "-+" for line in lines):
            fail(f"mutants.txt, '{name}': a line begins with neither '-' nor '+'")
        old = [line[1:] for line in lines if line[0] == "-"]
        new = [line[1:] for line in lines if line[0] == "+"]
        if not old or old == new:
            fail(f"mutants.txt, '{name}': nothing is changed")
        mutants.append(Mutant(name, file, "\n".join(old), "\n".join(new)))
    names = [mutant.name for mutant in mutants]
    if len(set(names)) < len(names):
        fail("mutants.txt: a name stands twice")
    return mutants


def apply(mutant, source):
    """The mutated source. What is to be replaced must stand there exactly once, as whole lines."""
    found = ("\n" + source).count("\n" + mutant.old + "\n")
    if found != 1:
        fail(f"'{mutant.name}': what it replaces stands {found} times in {mutant.file}; mend mutants.txt")
    new = mutant.new + "\n" if mutant.new else ""
    return ("\n" + source).replace("\n" + mutant.old + "\n", "\n" + new, 1)[1:]


class Tree:
    """A copy of the sources and its build."""

    def __init__(self, work, jobs):
        self.source = work / "source"
        self.build = work / "build"
        self.jobs = jobs
        self.log = ""

    def copy_sources(self):
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, listed.split("\0")):
            source, target = ROOT / name, self.source / name
            if not source.is_file() or (target.is_file() and filecmp.cmp(source, target, shallow=False)):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)  # with a new time, or a mutant of the last run would stay built

    def run(self, *command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.log = done.stdout + done.stderr
        return done.returncode == 0

    def configure(self):
        # No debug information: compiling and linking takes half as long.
        return self.run("cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                        "-DCMAKE_CXX_FLAGS_DEBUG=-O0", *os.environ.get("MCP_WS_SHIM_CMAKE_ARGS", "").split())

    def make(self):
        return self.run("cmake", "--build", self.build, "--parallel", str(self.jobs), "--target",
                        *[f"{name}_tests" for name in PROGRAMS])

    def collect(self, folder):
        """Puts the programs where a later build does not change them."""
        folder.mkdir()
        for name in PROGRAMS:
            shutil.copy2(self.build / "tests" / name / f"{name}_tests", folder)
        return folder


def run_tests(folder):
    """Runs the programs one after the other; what has caught the mutant, or None."""
    for name in PROGRAMS:
        command = [folder / f"{name}_tests", "--abort-after=1", "--no-colors=true"]
        try:
            done = subprocess.run(["prlimit", "--as=4294967296", *command], stdin=subprocess.DEVNULL, check=False,
                                  capture_output=True, text=True, errors="replace", timeout=RUN_LIMIT_S)
        except subprocess.TimeoutExpired:
            return f"{name}: hangs"
        if done.returncode != 0:
            case = ENDING.search(done.stdout)
            return f"{name}: {case[1] if case else 'ends with status ' + str(done.returncode)}"
    return None


def choose(mutants, options):
    if options.only:
        chosen = [mutant for mutant in mutants if options.only in mutant.name]
        return chosen or fail(f"no mutant's name holds '{options.only}'")
    if options.sample >= len(mutants) or options.sample == 0:
        return mutants
    seed = options.seed or subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True,
                                          capture_output=True, text=True).stdout.strip()
    print(f"mutate: a sample of {options.sample}, again with --sample {options.sample} --seed {seed}")
    picked = set(random.Random(seed).sample(range(len(mutants)), options.sample))
    return [mutant for number, mutant in enumerate(mutants) if number in picked]


def check(mutants, tree, scratch):
    """Builds the mutants one after the other; tests one while the next is built. Returns the survivors."""
    survivors = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as testing:
        under_test = None  # the mutant, its programs, the future

        def report():
            mutant, folder, future = under_test
            caught = future.result()
            shutil.rmtree(folder)
            print(f"{'caught  ' if caught else 'SURVIVED'}  {mutant.name}  <-  {caught or 'nothing'}", flush=True)
            if not caught:
                survivors.append(mutant.name)

        for number, mutant in enumerate(mutants):
            path = tree.source / mutant.file
            original = path.read_text()
            path.write_text(apply(mutant, original))
            if not tree.make():
                fail(f"'{mutant.name}' does not compile:\n{tree.log[-3000:]}")
            folder = tree.collect(scratch / str(number))
            path.write_text(original)
            if under_test:
                report()
            under_test = (mutant, folder, testing.submit(run_tests, folder))
        report()
    return survivors


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=0, metavar="N",
                        help="only N mutants, another choice for each commit (default: all)")
    parser.add_argument("--seed", help="choose the sample by this text instead of by the commit")
    parser.add_argument("--only", metavar="TEXT", help="only mutants whose name holds TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compile jobs (default: the processors)")
    parser.add_argument("--work", metavar="DIRECTORY", help="where to build, kept afterwards, so that a next run "
                        "is quicker (default: a temporary directory)")
    return parser.parse_args()


def main():
    options = parse_options()
    mutants = read_mutants((HERE / "mutants.txt").read_text())
    for mutant in mutants:  # all of them, also where only a sample is built
        if not (ROOT / mutant.file).is_file():
            fail(f"'{mutant.name}': there is no file {mutant.file}")
        apply(mutant, (ROOT / mutant.file).read_text())
    chosen = choose(mutants, options)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutate-") as temporary:
        work = pathlib.Path(options.work or temporary).resolve()
        tree = Tree(work, options.jobs)
        tree.copy_sources()
        if not tree.configure() or not tree.make():
            fail(f"the unchanged sources do not build:\n{tree.log[-3000:]}")
        if found := run_tests(tree.collect(pathlib.Path(temporary, "unchanged"))):
            fail(f"the unchanged sources fail: {found}")
        print(f"mutate: the unchanged sources pass, after {time.monotonic() - started:.0f} s", flush=True)
        survivors = check(chosen, tree, pathlib.Path(temporary))
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants caught, {time.monotonic() - started:.0f} s")
    if survivors:
        fail("survivors are gaps in the tests: " + "; ".join(survivors))


if __name__ == "__main__":
    main()
