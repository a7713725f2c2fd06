"""The plain path of encoder-decoders (T5): the question into the encoder, the answer beside it.

The prompt of a row goes into the encoder, the answer into the decoder, after a token that begins
it (model.start_id); loss and logits are those of the decoder. Prompts and answers are padded on
the right: a mask hides the padding of prompts, and no token of an answer sees what follows it.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache, EncoderDecoderCache

from stages.model.family import family_of
from stages.model.packed import base_of
from stages.model.plain import PlainPath, pad
from stages.model.text import TokenRow


class Pairs(NamedTuple):
    """Prompts and answers of equal length each.

    Attributes:
        ids: token ids of the prompts, of shape (rows, tokens).
        mask: 1 for tokens of a prompt, 0 for padding, of the same shape.
        answers: what the decoder reads: the token that begins an answer, and the answer but its
            last token; of shape (rows, answer tokens).
        predicting: positions whose next token is predicted, as indices into all positions of
            answers, row by row; of shape (predictions,).
        labels: ids of the answers' tokens, of shape (predictions,); empty for rows without answers.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    answers: torch.Tensor
    predicting: torch.Tensor
    labels: torch.Tensor


@contextmanager
def _at(head: torch.nn.Module, *places: torch.Tensor) -> Iterator[None]:
    """Has a head compute at some places alone: numbers of rows, and positions in each."""
    handle = head.register_forward_pre_hook(lambda _, states: (states[0][places],))
    try:
        yield
    finally:
        handle.remove()


class EncoderDecoderPath(PlainPath):
    """Computes padded rows by the model's own forward; see `stages.model.path.ModelPath`."""

    def __init__(self, model: Any, pad_id: int, *, alone: bool = False) -> None:
        """Takes a model as it is.

        Args:
            model: the base, whose configuration states the token that begins an answer, or the base
                with its adapter.
            pad_id: of the token that fills short rows.
            alone: computes every row by itself.
        """
        super().__init__(model, pad_id, alone=alone)
        self.start_id = int(base_of(model).config.decoder_start_token_id)

    def widths(self, row: TokenRow) -> tuple[int, ...]:
        """Returns the tokens of a row's prompt and of its answer, which are padded apart."""
        return row.prompt, len(row.ids) - row.prompt

    def batch(self, rows: Sequence[TokenRow]) -> Pairs:  # type: ignore[override]
        """Pads prompts and answers on the right; the last token of an answer is no input."""
        ids, mask = pad([row.ids[: row.prompt] for row in rows], self._pad_id, left=False)
        begun = [[self.start_id, *row.ids[row.prompt :][:-1]] for row in rows]
        answers, _ = pad(begun, self._pad_id, left=False)
        width = answers.shape[1]
        predicting = (range(n * width, n * width + len(b)) for n, b in enumerate(begun))
        return Pairs(
            ids=ids,
            mask=mask,
            answers=answers,
            predicting=torch.tensor(list(chain.from_iterable(predicting))),
            labels=torch.tensor([i for row in rows for i in row.ids[row.prompt :]]),
        )

    def logits(self, batch: Pairs) -> torch.Tensor:  # type: ignore[override]
        """Computes logits of padded rows."""
        output = self.model(
            input_ids=batch.ids,
            attention_mask=batch.mask,
            decoder_input_ids=batch.answers,
            use_cache=False,
        )
        logits: torch.Tensor = output.logits.flatten(0, 1)[batch.predicting]
        return logits

    def fork_logits(
        self, rows: Sequence[TokenRow], beginnings: Sequence[Sequence[int]]
    ) -> Iterator[torch.Tensor]:
        """Computes what follows beginnings of answers, the same ones after every row.

        Prompts go through the encoder once for all beginnings, and the decoder's keys and values of
        them are computed once.

        Args:
            rows: prompts, and what there is of an answer before the beginning.
            beginnings: as token ids; the empty one asks for the token that follows the rows.

        Yields:
            For each beginning the logits at all its positions, of shape (rows, its tokens + 1,
            vocabulary).
        """
        base, device = base_of(self.model), self.model.device
        known = inspect.signature(base.forward).parameters
        cache = "cache" if "cache" in known else "past_key_values"  # before transformers 5.24
        prompts = [row.ids[: row.prompt] for row in rows]
        ids, mask = (tensor.to(device) for tensor in pad(prompts, self._pad_id, left=False))
        states = base.get_encoder()(input_ids=ids, attention_mask=mask)
        before = torch.tensor([[len(row.ids) - row.prompt] for row in rows], device=device)
        row_numbers = torch.arange(len(rows), device=device)[:, None]
        of_prompts = DynamicCache()
        for tokens in beginnings:
            answers = [[self.start_id, *row.ids[row.prompt :], *tokens] for row in rows]
            positions = before + torch.arange(len(tokens) + 1, device=device)
            with _at(base.get_output_embeddings(), row_numbers, positions):
                output = self.model(
                    encoder_outputs=states,
                    attention_mask=mask,
                    decoder_input_ids=pad(answers, self._pad_id, left=False)[0].to(device),
                    use_cache=True,
                    **{cache: EncoderDecoderCache(DynamicCache(), of_prompts)},
                )
            yield output.logits

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        end_ids: Collection[int] = (),
        observe: Callable[[int, torch.Tensor], None] | None = None,
        begun: Sequence[Sequence[int]] = (),
    ) -> list[list[int]]:
        """Answers prompts greedily, by transformers' `generate`, as `PlainPath.generate` does.

        Args:
            prompts: token ids of each.
            max_new_tokens: largest number of tokens to generate.
            end_ids: of the tokens that end an answer; without, none ends.
            observe: receives each prompt's number and the logits that its tokens were chosen by, of
                shape (tokens, vocabulary).
            begun: tokens of each answer that there are already, equally many; without, none.

        Returns:
            For each prompt as many new tokens as the longest answer has, those after its end filled
            up; `NO_TOKEN` alone where the logits were no finite numbers.
        """
        device = self.model.device
        ids, mask = (tensor.to(device) for tensor in pad(prompts, self._pad_id, left=False))
        starts = torch.tensor([[self.start_id, *b] for b in begun or [[]] * len(prompts)])
        read = {
            "input_ids": ids,
            "attention_mask": mask,
            "decoder_input_ids": starts.to(device),
        }
        return self._generate(read, starts.shape[1], max_new_tokens, end_ids, observe)


def plain_path(model: Any, pad_id: int, *, alone: bool = False) -> PlainPath:
    """Returns the plain path of a base's family.

    Args:
        model: the base, or the base with its adapter.
        pad_id: of the token that fills short rows.
        alone: computes every row by itself.
    """
    is_pair = family_of(base_of(model).config.to_dict()) == "encoder-decoder"
    return (EncoderDecoderPath if is_pair else PlainPath)(model, pad_id, alone=alone)
