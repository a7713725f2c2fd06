"""A program in the place of python or dvc: has the server of commands.py run a module of Python.

It loads next to nothing. What is no module (`python -c`) is left to Python itself. Written into a
folder with the server's socket beside it; see `forked_programs`.
"""

import json
import os
import socket
import sys
from pathlib import Path

program, arguments = Path(sys.argv[0]).name, sys.argv[1:]
if program == "dvc":
    arguments = ["-m", "dvc", *arguments]
if arguments[:1] != ["-m"]:
    os.execv(sys.executable, [sys.executable, *arguments])
with socket.socket(socket.AF_UNIX) as server:
    server.connect(str(Path(__file__).resolve().parent / "server"))
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps([str(Path.cwd()), arguments[1:], dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    status = server.recv(16)
sys.exit(int(status) if status else f"{' '.join(sys.argv)}: its process was killed")
