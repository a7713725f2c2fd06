"""The plain path: padded batches through the model's own forward, peft's own layers, `generate`.

It is slower, and right for whatever causal language model transformers and peft can run. Rows are
padded on the right to learn and to score, where no row sees its padding, and on the left to
generate, where the attention mask hides it. It is also what the fast path is measured by
(stages/model/check.py).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from itertools import accumulate, chain
from typing import Any, NamedTuple

import torch
from transformers import GenerationConfig

from stages.model.greedy import NoTokens
from stages.model.lora import TrainedWeights
from stages.model.text import NO_TOKEN, TokenRow

# What a further pass costs beside its tokens, in tokens: measured on two cores with the small T5,
# and reckoned from 50 ms and 150,000 tokens a second for a GPU that waits for its host.
CPU_PASS, GPU_PASS = 128, 8192

Widths = tuple[int, ...]


class Padded(NamedTuple):
    """Rows of equal length.

    Attributes:
        ids: token ids, of shape (rows, tokens).
        mask: 1 for tokens of the row, 0 for padding, of the same shape.
        predicting: positions whose next token is predicted, as indices into all positions, row by
            row; of shape (predictions,).
        labels: ids of the answers' tokens, of shape (predictions,); empty for rows without answers.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    predicting: torch.Tensor
    labels: torch.Tensor


class PlainPath:
    """Computes padded rows by the model's own forward; see `stages.model.path.ModelPath`.

    Attributes:
        alone: whether every row is computed by itself.
    """

    def __init__(self, model: Any, pad_id: int, *, alone: bool = False) -> None:
        """Takes a model as it is.

        Args:
            model: the base, or the base with its adapter.
            pad_id: of the token that fills short rows.
            alone: computes every row by itself.
        """
        self.model = model
        self._pad_id, self.alone = pad_id, alone
        self._weights: TrainedWeights | None = None

    def widths(self, row: TokenRow) -> Widths:
        """Returns the tokens of what a row consists of, each padded to the longest of its batch."""
        return (len(row.ids),)

    def split(self, rows: Sequence[TokenRow], tokens: int) -> list[list[int]]:
        """Splits rows into batches, those of like length together.

        Batches are filled, and then parted where that saves more padding than a pass costs.
        """
        widths = [self.widths(row) for row in rows]
        order = sorted(range(len(rows)), key=widths.__getitem__, reverse=True)
        if self.alone:
            return [[i] for i in order]
        batches: list[list[int]] = []
        widest: Widths = ()
        for i in order:
            wider = _wider(widest or widths[i], widths[i])
            if batches and (len(batches[-1]) + 1) * sum(wider) <= tokens:
                batches[-1].append(i)
                widest = wider
            else:
                batches.append([i])
                widest = widths[i]
        one_pass = CPU_PASS if self.model.device.type == "cpu" else GPU_PASS
        return [part for batch in batches for part in _parted(batch, widths, one_pass)]

    def length(self, rows: Sequence[TokenRow]) -> int:
        """Returns the number of tokens of a batch, padding included."""
        widest: Widths = reduce(_wider, map(self.widths, rows))
        return len(rows) * sum(widest)

    def batch(self, rows: Sequence[TokenRow]) -> Padded:
        """Pads rows on the right; the last token of an answer is no input."""
        inputs = [row.ids[: max(row.prompt, len(row.ids) - 1)] for row in rows]
        ids, mask = pad(inputs, self._pad_id, left=False)
        width = ids.shape[1]
        predicting = (
            range(n * width + row.prompt - 1, n * width + len(inputs[n]))
            for n, row in enumerate(rows)
        )
        return Padded(
            ids=ids,
            mask=mask,
            predicting=torch.tensor(list(chain.from_iterable(predicting))),
            labels=torch.tensor([i for row in rows for i in row.ids[row.prompt :]]),
        )

    def logits(self, batch: Padded) -> torch.Tensor:
        """Computes logits of padded rows."""
        output = self.model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False)
        logits: torch.Tensor = output.logits.flatten(0, 1)[batch.predicting]
        return logits

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        end_ids: Collection[int] = (),
        observe: Callable[[int, torch.Tensor], None] | None = None,
    ) -> list[list[int]]:
        """Continues prompts greedily, by transformers' `generate`.

        Args:
            prompts: token ids of each.
            max_new_tokens: largest number of tokens to generate.
            end_ids: of the tokens that end an answer; without, none ends.
            observe: receives each prompt's number and the logits that its tokens were chosen by, of
                shape (tokens, vocabulary).

        Returns:
            For each prompt as many new tokens as the longest answer has, those after its end filled
            up; `NO_TOKEN` alone where the logits were no finite numbers.
        """
        device = self.model.device
        ids, mask = (tensor.to(device) for tensor in pad(prompts, self._pad_id, left=True))
        read = {"input_ids": ids, "attention_mask": mask}
        return self._generate(read, ids.shape[1], max_new_tokens, end_ids, observe)

    def _generate(
        self,
        read: Mapping[str, Any],
        begun: int,
        max_new_tokens: int,
        end_ids: Collection[int],
        observe: Callable[[int, torch.Tensor], None] | None,
    ) -> list[list[int]]:
        """Continues what the model has read, of which so many tokens come back before new ones."""
        no_tokens = NoTokens()
        output = self.model.generate(
            **read,
            logits_processor=[no_tokens],
            generation_config=GenerationConfig(
                max_new_tokens=max_new_tokens,
                pad_token_id=self._pad_id,
                eos_token_id=sorted(end_ids) or None,
                return_dict_in_generate=True,
                output_logits=observe is not None,
            ),
        )
        if observe:
            for number, logits in enumerate(torch.stack(output.logits, dim=1)):
                observe(number, logits)
        new: list[list[int]] = output.sequences[:, begun:].tolist()
        without = no_tokens.rows.tolist()
        return [[NO_TOKEN] if none else row for row, none in zip(new, without, strict=True)]

    def trained_weights(self) -> TrainedWeights:
        """Takes over the adapter's weights."""
        if self._weights is None:
            trained = [weight for weight in self.model.parameters() if weight.requires_grad]
            self._weights = TrainedWeights(trained)
        return self._weights

    def release(self) -> None:
        """Does nothing, for nothing was changed."""


def _wider(one: Widths, other: Widths) -> Widths:
    return tuple(map(max, one, other))


def _parted(batch: list[int], widths: Sequence[Widths], one_pass: int) -> list[list[int]]:
    """Parts a batch again and again, as long as that saves more tokens than a pass costs."""
    count = len(batch)
    first = list(accumulate((widths[i] for i in batch), _wider))
    last = list(accumulate((widths[i] for i in reversed(batch)), _wider))
    parts = [
        n * sum(first[n - 1]) + (count - n) * sum(last[count - n - 1]) for n in range(1, count)
    ]
    if not parts or count * sum(first[-1]) - min(parts) <= one_pass:
        return [batch]
    at = parts.index(min(parts)) + 1
    return [*_parted(batch[:at], widths, one_pass), *_parted(batch[at:], widths, one_pass)]


def pad(rows: Sequence[Sequence[int]], pad_id: int, *, left: bool) -> tuple[Any, Any]:
    """Pads rows of token ids.

    Returns:
        Ids and attention mask, both of shape (rows, tokens of the longest row).
    """
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad_id)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for n, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[n, place] = torch.tensor(row)
        mask[n, place] = 1
    return ids, mask
