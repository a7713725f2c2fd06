"""Answering on the plain path: padded batches, transformers' `generate` (infer.engine: plain).

It is slower than stages/answering/torch_engine.py, and right for whatever language model
transformers and peft can run. Encoder-decoders have no other engine: `generate` keeps the keys and
values of a prompt, and scoring reads a prompt once for all candidates.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from stages.answering.candidates import Tree
from stages.answering.engine import Request
from stages.answering.forks import score_forks
from stages.model.encoder_decoder import EncoderDecoderPath, plain_path
from stages.model.packing import to_device
from stages.model.text import TokenRow

TOKENS = {"cuda": 8192, "cpu": 2048}  # largest number of tokens of a batch, padding included


class PlainEngine:
    """Answers by the model's own forward; see `stages.answering.engine.Engine`."""

    def __init__(
        self,
        model: Any,
        end_ids: Collection[int],
        pad_id: int,
        *,
        alone: bool = False,
        merged: bool = False,
    ) -> None:
        """Takes a model.

        Args:
            model: the base, or the base with an adapter on it.
            end_ids: of the tokens that end an answer.
            pad_id: of the token that fills short rows.
            alone: computes every prompt by itself.
            merged: adds the adapter to the base's weights meanwhile, so that a layer is one product
                and not three.
        """
        self._model = model.eval()
        self.end_ids, self._pad_id = frozenset(end_ids), pad_id
        # The outliers of 8-bit layers are those of a whole batch.
        alone = alone or getattr(model, "is_loaded_in_8bit", False)
        self.path = plain_path(model, pad_id, alone=alone)
        self._tokens = TOKENS[model.device.type]
        self.observe: Callable[[int, torch.Tensor], None] | None = None
        self._merged = merged
        if merged:
            model.merge_adapter()

    def release(self) -> None:
        """Takes the adapter out of the base's weights."""
        if self._merged:
            self._model.unmerge_adapter()

    @torch.no_grad()
    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, list[int]]]:
        """Continues prompts greedily; see `stages.answering.engine.Engine`."""
        for begun, members in self._alike(requests).items():
            whole = [self._whole(requests[i], begun) for i in members]
            work = partial(self._generate, members, begun)
            for numbers, answers in self._batches(whole, work):
                for n, answer in zip(numbers, answers, strict=True):
                    i = members[n]
                    yield i, self._until_end(answer[: requests[i].max_new_tokens])

    @torch.no_grad()
    def score(
        self, prompts: Sequence[list[int]], candidates: Tree, begun: Sequence[int] = ()
    ) -> Iterator[tuple[int, list[list[float]]]]:
        """Computes the logits at every fork; see `stages.answering.engine.Engine`."""
        if isinstance(self.path, EncoderDecoderPath):
            rows = [
                TokenRow(ids, len(ids) - count, 0)
                for ids, count in zip(prompts, begun or [0] * len(prompts), strict=True)
            ]
            yield from self._score_pairs(self.path, rows, candidates)
        else:
            yield from score_forks(prompts, candidates, self._read)

    def _read(self, rows: Sequence[TokenRow]) -> Iterator[tuple[list[int], torch.Tensor]]:
        return self._batches(rows, self._logits)

    def _alike(self, requests: Sequence[Request]) -> dict[int, list[int]]:
        """Numbers of requests that are answered together, by how much of an answer is begun.

        It is part of a prompt, but for an encoder-decoder, which reads it apart.
        """
        groups: dict[int, list[int]] = {}
        for number, request in enumerate(requests):
            apart = isinstance(self.path, EncoderDecoderPath)
            groups.setdefault(request.begun if apart else 0, []).append(number)
        return groups

    def _whole(self, request: Request, begun: int) -> TokenRow:
        """A request with its longest answer, of which so many tokens stand apart already."""
        ids = request.ids + [self._pad_id] * request.max_new_tokens
        return TokenRow(ids, len(request.ids) - begun, 0)

    def _generate(
        self, members: list[int], begun: int, numbers: list[int], rows: Sequence[TokenRow]
    ) -> list[list[int]]:
        longest = max(len(row.ids) - row.prompt for row in rows) - begun
        prompts = [row.ids[: row.prompt] for row in rows]
        observe = self.observe
        see = observe and (lambda n, logits: observe(members[numbers[n]], logits))
        if isinstance(self.path, EncoderDecoderPath):
            tokens = [row.ids[row.prompt :][:begun] for row in rows]
            return self.path.generate(prompts, longest, self.end_ids, see, tokens)
        return self.path.generate(prompts, longest, self.end_ids, see)

    def _score_pairs(
        self, path: EncoderDecoderPath, rows: Sequence[TokenRow], candidates: Tree
    ) -> Iterator[tuple[int, list[list[float]]]]:
        """Likewise; every prompt is read once, and then the beginnings that have all forks."""
        forks = candidates.forks
        beginnings = [
            fork.before
            for fork in forks
            if not any(o.before[: len(fork.before)] == fork.before for o in forks if o is not fork)
        ]
        # Where a fork is: in the first beginning that contains it, after its own tokens.
        places = [
            next(i for i, tokens in enumerate(beginnings) if tokens[: len(f.before)] == f.before)
            for f in forks
        ]

        def read(_: list[int], rows: Sequence[TokenRow]) -> list[list[list[float]]]:
            by_fork: list[list[list[float]]] = [[]] * len(forks)
            for place, logits in enumerate(path.fork_logits(rows, beginnings)):
                for n, fork in enumerate(forks):
                    if places[n] == place:
                        of_tokens = logits[:, len(fork.before)][:, list(fork.tokens)]
                        by_fork[n] = of_tokens.float().tolist()
            return [[values[n] for values in by_fork] for n in range(len(rows))]

        for numbers, values in self._batches(rows, read):
            yield from zip(numbers, values, strict=True)

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
