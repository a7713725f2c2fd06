"""What several processes make, taken in order."""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Callable, Generator
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Made = TypeVar("Made")


def made_in_order(
    make: Callable[..., Made], tokenizer: Tokenizer, workers: int, held: int
) -> Generator[Made, None, None]:
    """Makes number 0, 1, 2, ... without end.

    Args:
        make: makes one, from the tokenizer and `index`, its number; it can be pickled.
        tokenizer: the model's.
        workers: processes; 0 makes them in this one.
        held: how many each process makes ahead.

    Yields:
        What was made, the same for any number of workers.

    Raises:
        RuntimeError: a worker process has ended.
    """
    if workers == 0:
        for number in count():
            yield make(tokenizer, index=number)
    context: Any = multiprocessing.get_context("spawn")
    queues = [context.Queue(maxsize=held) for _ in range(workers)]
    processes = [
        context.Process(
            target=_work, args=(make, tokenizer.to_str(), k, workers, queues[k]), daemon=True
        )
        for k in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        for number in count():
            yield _take(queues[number % workers], processes[number % workers])
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _work(make: Any, tokenizer_json: str, first: int, step: int, out: Any) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tokenizer_json)
    for number in count(first, step):
        out.put(make(tokenizer, index=number))


def _take(source: Any, process: Any) -> Any:
    while True:
        try:
            return source.get(timeout=5)
        except queue.Empty:
            if not process.is_alive():
                raise RuntimeError(
                    f"a data worker ended with exit code {process.exitcode}"
                ) from None
