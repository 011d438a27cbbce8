"""The backend's container, run by Docker or podman, and what can be done to it."""
import json
import os
import shutil
import subprocess
import time

ADDRESS = "127.0.0.1:8765"  # where mcp-config.example.json looks for it
STARTS_WITHIN = 30.0


class Engine:
    """`program` takes what docker and podman take."""

    def __init__(self, program):
        self.program = program

    def __call__(self, *arguments, stdin="", seconds=60):
        return run([self.program, *arguments], stdin=stdin, seconds=seconds)


def run(command, environment=None, stdin="", seconds=60):
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds,
                          env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


class Backend:
    """One container after another, under one name and with one directory as their volume.

    Each method that takes the backend away returns the time (time.monotonic()) from which on there
    was one again.
    """

    def __init__(self, engine, directory):
        self.engine = engine
        self.data = os.path.join(directory, "data")
        self.health_file = os.path.join(self.data, "health.json")
        self.name = f"mcp-ws-shim-smoke-{os.getpid()}"
        self.image = f"{self.name}:backend"
        self.changed_image = f"{self.name}:changed"
        self.tools_image = f"{self.name}:tools"
        self._started_at = None
        os.mkdir(self.data)

    def build(self, backend_root, tools_root, containerfile, added_tool):
        self.engine("build", "-q", "-t", self.image, "-f", containerfile, backend_root)
        self.engine("build", "-q", "-t", self.changed_image, "-",
                    stdin=f'FROM {self.image}\nCMD ["--extra-tool", "{added_tool}"]\n')
        self.engine("build", "-q", "-t", self.tools_image, "-f", "-", tools_root,
                    stdin="FROM scratch\nCOPY . /\n")

    def run(self, image):
        self.engine("run", "-d", "--name", self.name, "--restart", "always",
                    "-p", f"{ADDRESS}:8765", "-v", f"{self.data}:/data", image)
        return self._started()

    def remove(self):
        """The container and the images, as far as they exist."""
        for arguments in (("rm", "-f", self.name),
                          ("rmi", "-f", self.changed_image, self.image, self.tools_image)):
            try:
                self.engine(*arguments)
            except RuntimeError:
                pass

    def restart(self):
        self.engine("restart", self.name)
        return self._started()

    def kill_process(self):
        """As the kernel does when memory runs out. The restart policy brings it back."""
        pid = self.engine("inspect", "--format", "{{.State.Pid}}", self.name)
        self._do("--pid=host", f"kill -9 {int(pid)}")
        return self._started()

    def kill_and_start(self, pause_s):
        self.engine("kill", self.name)
        return self._start_after(pause_s)

    def stop_and_start(self, pause_s):
        self.engine("stop", self.name)
        return self._start_after(pause_s)

    def pause(self, pause_s):
        self.engine("pause", self.name)
        time.sleep(pause_s)
        back = time.monotonic()
        self.engine("unpause", self.name)
        return back

    def replace(self, image):
        self.engine("rm", "-f", self.name)
        return self.run(image)

    def cut_and_kill(self, pause_s):
        """No packet of the connection's end comes through: it stays open on this side."""
        self._do(f"--network=container:{self.name}", "ip link set eth0 down", "--cap-add=NET_ADMIN")
        return self.kill_and_start(pause_s)

    def replace_by_compose(self, compose, file):
        """`compose`: the command. What it starts is removed by compose_down()."""
        self.engine("rm", "-f", self.name)
        self._compose(compose, file, "up", "--build", "--detach")
        return self._started()

    def compose_down(self, compose, file):
        self._compose(compose, file, "down")

    def _compose(self, compose, file, *arguments):
        run([*compose, "-f", file, *arguments], {**os.environ, "BACKEND_DATA": self.data})

    def _do(self, option, command, *more_options):
        self.engine("run", "--rm", option, *more_options, self.tools_image, "/bin/sh", "-c", command)

    def _start_after(self, pause_s):
        time.sleep(pause_s)
        self.engine("start", self.name)
        return self._started()

    def _started(self):
        """Waits until the health file is another process's; when that process began."""
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            try:
                with open(self.health_file, encoding="utf-8") as file:
                    started_at = json.load(file)["started_at"]
            except FileNotFoundError:
                started_at = None
            if started_at != self._started_at:
                self._started_at = started_at
                return started_at - (time.time() - time.monotonic())
            time.sleep(0.02)
        raise TimeoutError(f"no new backend within {STARTS_WITHIN} s")


def find_compose(engine):
    """The compose command for this engine, or None."""
    if shutil.which("podman-compose") and "podman" in engine("--version"):
        return ["podman-compose", "--podman-path", engine.program]
    try:
        engine("compose", "version")
    except RuntimeError:
        return None
    return [engine.program, "compose"]
