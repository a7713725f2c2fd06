"""Answering on the plain path: padded batches, transformers' `generate` (infer.engine: plain).

It is slower than stages/answering/torch_engine.py, and right for whatever causal language model
transformers and peft can run.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch

from stages.answering.candidates import Tree
from stages.answering.engine import Request
from stages.answering.forks import score_forks
from stages.model.packing import to_device
from stages.model.plain import PlainPath
from stages.model.text import TokenRow

TOKENS = {"cuda": 8192, "cpu": 2048}  # largest number of tokens of a batch, padding included


class PlainEngine:
    """Answers by the model's own forward; see `stages.answering.engine.Engine`."""

    def __init__(
        self, model: Any, end_ids: Collection[int], pad_id: int, *, alone: bool = False
    ) -> None:
        """Takes a model.

        Args:
            model: the base, or the base with an adapter on it.
            end_ids: of the tokens that end an answer.
            pad_id: of the token that fills short rows.
            alone: computes every prompt by itself.
        """
        self._model = model.eval()
        self.end_ids, self._pad_id = frozenset(end_ids), pad_id
        # The outliers of 8-bit layers are those of a whole batch.
        alone = alone or getattr(model, "is_loaded_in_8bit", False)
        self.path = PlainPath(model, pad_id, alone=alone)
        self._tokens = TOKENS[model.device.type]
        self.observe: Callable[[int, torch.Tensor], None] | None = None

    def release(self) -> None:
        """Does nothing, for nothing was changed."""

    @torch.no_grad()
    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, list[int]]]:
        """Continues prompts greedily; see `stages.answering.engine.Engine`."""
        whole = [
            TokenRow(r.ids + [self._pad_id] * r.max_new_tokens, len(r.ids), 0) for r in requests
        ]
        for numbers, answers in self._batches(whole, self._generate):
            for i, answer in zip(numbers, answers, strict=True):
                yield i, self._until_end(answer[: requests[i].max_new_tokens])

    @torch.no_grad()
    def score(
        self, prompts: Sequence[list[int]], candidates: Tree
    ) -> Iterator[tuple[int, list[list[float]]]]:
        """Computes the logits at every fork; see `stages.answering.engine.Engine`."""
        yield from score_forks(prompts, candidates, self._read)

    def _read(self, rows: Sequence[TokenRow]) -> Iterator[tuple[list[int], torch.Tensor]]:
        return self._batches(rows, self._logits)

    def _generate(self, numbers: list[int], rows: Sequence[TokenRow]) -> list[list[int]]:
        longest = max(len(row.ids) - row.prompt for row in rows)
        prompts = [row.ids[: row.prompt] for row in rows]
        observe = self.observe
        see = observe and (lambda n, logits: observe(numbers[n], logits))
        return self.path.generate(prompts, longest, self.end_ids, see)

    def _logits(self, _: list[int], rows: Sequence[TokenRow]) -> torch.Tensor:
        return self.path.logits(to_device(self.path.batch(rows), self._model.device))

    def _batches(
        self, rows: Sequence[TokenRow], work: Callable[[list[int], Sequence[TokenRow]], Any]
    ) -> Iterator[tuple[list[int], Any]]:
        """Does work on rows, in smaller batches after running out of GPU memory."""
        batches = deque(self.path.split(rows, self._tokens))
        while batches:
            numbers = batches.popleft()
            try:
                done = work(numbers, [rows[i] for i in numbers])
            except torch.OutOfMemoryError:
                half = len(numbers) // 2
                if not half:
                    raise
                self._tokens = max(1, self._tokens // 2)
                torch.cuda.empty_cache()
                batches.extendleft((numbers[half:], numbers[:half]))
            else:
                yield numbers, done

    def _until_end(self, ids: list[int]) -> list[int]:
        """An answer up to its end token, which is included."""
        ends = [n for n, token in enumerate(ids) if token in self.end_ids]
        return ids[: ends[0] + 1] if ends else ids
