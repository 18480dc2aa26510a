"""``offdiag`` on the command line, from a process that has imported the large libraries already.

To import torch, transformers and peft takes a process six seconds of a core, which tests that call ``offdiag`` dozens
of times would spend again and again. Here a server imports them once and forks for each call; a small client hands it
the words, the environment, the folder and its own standard streams, and ends with the exit code of the call. Nothing
of offdiag itself is imported before the fork, so that each call finds packages and studies anew.

Tests of signals, of terminals, and of what is imported when, start a process of their own.
"""

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

LIBRARIES = ("torch", "transformers.modeling_utils", "peft", "pandas", "scipy.stats", "matplotlib.figure")
CLIENT = """
import json, os, socket, sys
call = json.dumps({"words": sys.argv[2:], "environment": dict(os.environ), "folder": os.getcwd()}).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    socket.send_fds(server, [len(call).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(call)
    sys.exit(int(server.makefile().read()))
"""


@cache
def warm_offdiag() -> tuple[str, ...]:
    """Return the beginning of a command line that is ``offdiag``; the first call in a process starts the server."""
    folder = Path(tempfile.mkdtemp(prefix="offdiag-warm-"))
    (folder / "client.py").write_text(CLIENT)
    address = folder / "socket"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, "-m", "support.warm", str(address)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    atexit.register(server.kill)
    return (sys.executable, "-S", "-E", str(folder / "client.py"), str(address))


def serve(address: str) -> None:
    """Fork a process for each call, until standard input closes, as it does when the tests end."""
    import logging
    import select
    import signal
    from importlib import import_module

    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # as offdiag does before PEFT imports it
    for name in LIBRARIES:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that answer
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        while listening in select.select([listening, sys.stdin], [], [])[0]:
            client, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(client)
            client.close()


def _answer(client: socket.socket) -> None:
    """Run one call in a process of its own, and tell the client how it ended."""
    size, streams, *_ = socket.recv_fds(client, 8, 3)
    call = json.loads(client.makefile("rb").read(int.from_bytes(size, "big")))
    if (process := os.fork()) == 0:
        client.close()
        _call(streams, **call)
    client.sendall(str(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])).encode())
    os._exit(0)


def _call(streams: list[int], words: list[str], environment: dict[str, str], folder: str) -> None:
    import runpy

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:0] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.argv = ["offdiag", *words]
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    code: object = 0
    try:
        runpy.run_module("offdiag", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve(sys.argv[1])
