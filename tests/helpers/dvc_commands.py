"""Runs commands of DVC in one process, and prints after each of them its exit status.

    python dvc_commands.py COMMANDS

COMMANDS is a JSON list of lists of words; a status stands between two zero bytes.
"""

import json
import sys

from dvc.cli import main

if __name__ == "__main__":
    for command in json.loads(sys.argv[1]):
        code = main(command)
        print(end=f"\0{code}\0", flush=True)
