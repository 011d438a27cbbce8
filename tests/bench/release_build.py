"""Builds what the scripts of this folder measure."""

import os
import subprocess


def build_release(root):
    """The release preset's shim and fake backend, as the shell scripts build theirs. What went wrong, or None."""
    extra = os.environ.get("MCP_WS_SHIM_CMAKE_ARGS", "").split()
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count()))
    for command in (["cmake", "--preset", "release", *extra],
                    ["cmake", "--build", "--preset", "release", "--target", "mcp-ws-shim", "fake_backend",
                     "--parallel", jobs]):
        done = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            return "the build failed\n" + "\n".join(done.stdout.splitlines()[-40:])
    return None
