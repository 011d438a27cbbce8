"""The backend's container, run by Docker or podman, and what can be done to it."""
import json
import os
import shutil
import subprocess
import time

ADDRESS = "127.0.0.1:8765"  # where mcp-config.example.json looks for it
CONTAINERFILE = "packaging/Containerfile"
COMPOSE_FILE = "packaging/compose.yaml"
STARTS_WITHIN = 30.0


def run(command, environment=None, stdin=""):
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60,
                          env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


class Engine:
    """`program` takes what docker and podman take."""

    def __init__(self, program):
        self._program = program

    def __call__(self, *arguments, stdin=""):
        return run([self._program, *arguments], stdin=stdin)

    def compose(self):
        """The command of a compose for this engine, or None."""
        if "podman" in self("--version"):
            found = shutil.which("podman-compose")
            return [found, "--podman-path", self._program] if found else None
        try:
            self("compose", "version")
            return [self._program, "compose"]
        except RuntimeError:
            found = shutil.which("docker-compose")
            return [found] if found else None


class Backend:
    """One container after another, under one name and with one directory as their volume.

    Each method that takes the backend away returns the time (time.monotonic()) from which on there
    was one again.
    """

    def __init__(self, engine, directory):
        self._engine = engine
        self.data = os.path.join(directory, "data")
        self.health_file = os.path.join(self.data, "health.json")
        self._name = f"mcp-ws-shim-smoke-{os.getpid()}"
        self.image = f"{self._name}:backend"
        self.changed_image = f"{self._name}:changed"
        self._tools_image = f"{self._name}:tools"
        self._compose = None
        self._started_at = None
        os.mkdir(self.data)

    def build(self, backend_root, tools_root, added_tool):
        """The image; the same with one tool more; one with what faults are made with."""
        self._engine("build", "-q", "-t", self.image, "-f", CONTAINERFILE, backend_root)
        self._engine("build", "-q", "-t", self.changed_image, "-",
                     stdin=f'FROM {self.image}\nCMD ["--extra-tool", "{added_tool}"]\n')
        self._engine("build", "-q", "-t", self._tools_image, "-f", "-", tools_root,
                     stdin="FROM scratch\nCOPY . /\n")

    def run(self, image):
        self._engine("run", "-d", "--name", self._name, "--restart", "unless-stopped",
                     "-p", f"{ADDRESS}:8765", "-v", f"{self.data}:/data", image)
        return self._started()

    def restart(self):
        self._engine("restart", self._name)
        return self._started()

    def kill_process(self):
        """As the kernel does when memory runs out. The restart policy brings it back."""
        pid = int(self._engine("inspect", "--format", "{{.State.Pid}}", self._name))
        self._with_tools(f"kill -9 {pid}", "--pid=host")
        return self._started()

    def kill_and_start(self, away_s):
        self._engine("kill", self._name)
        return self._start_after(away_s)

    def stop_and_start(self, away_s):
        self._engine("stop", self._name)
        return self._start_after(away_s)

    def pause(self, seconds):
        self._engine("pause", self._name)
        time.sleep(seconds)
        back = time.monotonic()
        self._engine("unpause", self._name)
        return back

    def replace(self, image):
        self._engine("rm", "-f", self._name)
        return self.run(image)

    def cut_and_kill(self, away_s):
        """Nothing of the end of its connections comes through: on this side they stay open."""
        self._with_tools("ip link set group default down", f"--network=container:{self._name}",
                         "--cap-add=NET_ADMIN")
        return self.kill_and_start(away_s)

    def replace_by_compose(self, compose):
        self._engine("rm", "-f", self._name)
        self._compose = compose
        self._run_compose("up", "--build", "--detach")
        return self._started()

    def remove(self):
        """All that this has made, as far as it is there."""
        if self._compose:
            self._try(self._run_compose, "down")
        self._try(self._engine, "rm", "-f", self._name)
        # Compose names an image with "-" or "_", and podman's leaves its network behind.
        for image in (self.changed_image, self.image, self._tools_image, f"{self._name}-backend",
                      f"{self._name}_backend"):
            self._try(self._engine, "rmi", "-f", image)
        self._try(self._engine, "network", "rm", f"{self._name}_default")

    def _run_compose(self, *arguments):
        run([*self._compose, "-p", self._name, "-f", COMPOSE_FILE, *arguments],
            {**os.environ, "BACKEND_DATA": self.data})

    def _with_tools(self, command, *options):
        self._engine("run", "--rm", *options, self._tools_image, "/bin/sh", "-c", command)

    def _start_after(self, away_s):
        time.sleep(away_s)
        self._engine("start", self._name)
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

    @staticmethod
    def _try(action, *arguments):
        try:
            action(*arguments)
        except (RuntimeError, subprocess.TimeoutExpired):
            pass
