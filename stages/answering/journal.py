"""The journal of a run that may be interrupted: finished answers by question id, a line each."""

import json
import os
from pathlib import Path

from stages.answering.answers import Answer


class Journal:
    """Finished answers in a scratch folder; each process adds to a file of its own."""

    def __init__(self, folder: Path, rank: int) -> None:
        """Opens, or begins, a journal.

        Args:
            folder: where all processes have their files.
            rank: of this process.
        """
        self._folder = folder
        self._own = folder / f"answers-{rank}.jsonl"

    def read(self) -> dict[str, Answer]:
        """Reads the answers of all processes by question id; a line that was cut is removed."""
        answers: dict[str, Answer] = {}
        for path in sorted(self._folder.glob("answers-*.jsonl")):
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            os.truncate(path, len(whole))
            for line in whole.splitlines():
                question_id, *fields = json.loads(line)
                answers[question_id] = Answer(*fields)
        return answers

    def write(self, question_id: str, answer: Answer) -> None:
        """Adds a finished answer, which an end of the process cannot take back."""
        with self._own.open("a", encoding="utf-8") as file:
            file.write(json.dumps([question_id, *answer]) + "\n")
