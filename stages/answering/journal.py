"""The journal of a run that may be interrupted: finished answers by question id, a line each.

A line is the checksum of the rest of it, a blank, and a list as JSON. What has not its checksum, a
line that was cut among it, is set aside, and its question is answered again.
"""

import json
import logging
from pathlib import Path

from stages.answering.answers import Answer
from stages.common.files import naming, write_bytes
from stages.model.scratch import sealed, unsealed

log = logging.getLogger(__name__)


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
        """Reads the answers of all processes by question id; damaged files are repaired."""
        answers: dict[str, Answer] = {}
        for path in sorted(self._folder.glob("answers-*.jsonl")):
            content = path.read_bytes()
            lines = content.splitlines(keepends=True)
            whole = [text for line in lines if (text := unsealed(line)) is not None]
            good = b"".join(map(sealed, whole))
            for text in whole:
                question_id, *fields = json.loads(text)
                answers[question_id] = Answer(*fields)
            if good != content:
                damaged = path.with_name(f"{path.name}.bad")
                write_bytes(damaged, content)
                write_bytes(path, good)
                log.warning(
                    "a journal is damaged: %d answers are kept, the rest is answered again; %s"
                    " is how it was",
                    len(whole),
                    damaged,
                )
        return answers

    def write(self, question_id: str, answer: Answer) -> None:
        """Adds a finished answer, which an end of the process cannot take back."""
        content = json.dumps([question_id, *answer]).encode()
        with naming(self._own), self._own.open("ab") as file:
            file.write(sealed(content))
