"""Text to token ids and back.

Ids of padding, beginning and end are stated in params.yaml and put in here, whatever the tokenizer
would add by itself.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.command import InputError
from stages.common.prompts import Prompts
from stages.model.settings import Model

log = logging.getLogger(__name__)

CONTEXT = 15  # characters shown before and after one that does not survive
UNLIMITED = 10**9  # positions of a base that states no number
OFFSET = frozenset(
    "camembert data2vec-text ibert longformer luke mpnet roberta roberta-prelayernorm xlm-roberta"
    " xlm-roberta-xl xmod".split()
)
"""Types of encoders whose positions begin after the id of their padding."""
NO_TOKEN = -1  # stands for the next one where logits are no finite numbers (stages/model/greedy.py)
FIRST = 8  # characters of a token, as a first guess at how many are too many
DOUBT = 16  # tokens by which a longer text may have fewer, at the cut
WHOLE_WORDS = 0.8  # share of the text that fits which must be left where it is cut at a blank


class TokenRow(NamedTuple):
    """Token ids of a prompt and, in training, its answer.

    Attributes:
        ids: the prompt's ids, for an encoder with an end token; then the answer's and its end
            token's.
        prompt: number of the prompt's ids.
        cut: number of characters of the input that were cut.
    """

    ids: list[int]
    prompt: int
    cut: int

    @property
    def labels(self) -> int:
        """Number of labels that loss is computed on: the answer's tokens."""
        return len(self.ids) - self.prompt


class TooLong(InputError):
    """Instruction and answer alone exceed the cut-off, or the model's positions."""


class TextEncoder:
    """Turns questions and answers into token ids.

    Prompt and answer are tokenised apart, so that no token spans their border. A prompt that is too
    long loses the end of its input, never the instruction or the answer.
    """

    def __init__(self, settings: Model, tokenizer: Any, prompts: Prompts) -> None:
        self._settings = settings
        self._tokenizer = tokenizer
        self._prompts = prompts
        self._closing = [settings.end_ids[0]] if settings.has_encoder else []

    def encode_example(self, subtask: str, text: str, answer: str) -> TokenRow:
        """Encodes a question with its answer, the end token included.

        Raises:
            TooLong: if instruction and answer alone exceed the cut-off.
        """
        answer_ids = self.encode_answer(answer)
        budget = self._settings.cutoff - len(answer_ids)
        prompt, cut = self._fit_prompt(subtask, text, budget, "model.cutoff")
        return TokenRow(prompt + answer_ids, len(prompt), cut)

    def encode_question(self, subtask: str, text: str, positions: int) -> TokenRow:
        """Encodes a question alone.

        Args:
            subtask: which selects the instruction.
            text: the input.
            positions: tokens that the model can hold besides the answer.

        Raises:
            TooLong: if the instruction alone is longer.
        """
        budget = min(self._settings.cutoff, positions)
        limit = "model.cutoff" if budget == self._settings.cutoff else "infer.max_new_tokens"
        prompt, cut = self._fit_prompt(subtask, text, budget, limit)
        return TokenRow(prompt, len(prompt), cut)

    def encode_answer(self, text: str) -> list[int]:
        """Encodes an answer alone, the end token included."""
        return [*self._ids(text), self._settings.end_ids[0]]

    def encode_text(self, text: str) -> list[int]:
        """Encodes the beginning of an answer, without an end token."""
        return self._ids(text)

    def has_ended(self, ids: Sequence[int]) -> bool:
        """Says whether an answer's ids end with an end token."""
        return ids[-1] in self._settings.end_ids

    def decode(self, ids: Sequence[int]) -> str:
        """Decodes ids, with or without the end token, to trimmed text."""
        kept = ids[:-1] if self.has_ended(ids) else ids
        text: str = self._tokenizer.decode(
            kept, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text.strip()

    def there_and_back(self, text: str) -> str:
        """Encodes and decodes a text: what the model sees of it, or can say; trimmed."""
        return self.decode(self.encode_answer(text))

    def _render(self, subtask: str, text: str) -> str:
        """What the model reads of a question."""
        return self._prompts.render(subtask, text)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _fit_prompt(
        self, subtask: str, text: str, budget: int, limit: str
    ) -> tuple[list[int], int]:
        """Encodes a prompt with as much of the text as fits a number of tokens.

        Args:
            subtask: which selects the instruction.
            text: the input.
            budget: number of tokens.
            limit: the setting that it comes from, for a message.

        Returns:
            The ids, and how many characters were cut.
        """
        bos_id = self._settings.bos_id
        beginning = [] if bos_id is None else [bos_id]

        def ids(characters: int) -> list[int]:
            prompt = self._render(subtask, text[:characters].rstrip())
            return [*beginning, *self._ids(prompt), *self._closing]

        longest = min(len(text), self._settings.max_characters or len(text))
        enough = FIRST * max(1, budget)  # characters: all, or surely too many
        while enough < longest and len(ids(enough)) <= budget + DOUBT:
            enough *= 2
        if enough >= longest and len(whole := ids(longest)) <= budget:
            return whole, len(text) - longest
        if len(ids(0)) > budget:
            raise TooLong(
                f"{limit}: the instruction of {subtask} alone has {len(ids(0))} tokens, but"
                f" besides the answer there is room for {budget}"
            )
        # Bisection for the largest number of characters that fits. More text never has fewer
        # tokens, save for rounding at the cut, which the last loop makes good.
        fits, too_many = 0, longest
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if middle < enough and len(ids(middle)) <= budget:
                fits = middle
            else:
                too_many = middle
        if (space := text.rfind(" ", 0, fits + 1)) > WHOLE_WORDS * fits:
            fits = space
        while len(ids(fits)) > budget:
            fits -= 1
        return ids(fits), len(text) - fits


class InputEncoder(TextEncoder):
    """Turns questions into what an encoder with heads reads: the input alone.

    The sub-task chooses a head, and needs no instruction.
    """

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Returns the places in a text of the tokens that it has, as characters.

        Raises:
            InputError: if the tokenizer does not know them.
        """
        if not getattr(self._tokenizer, "is_fast", False):
            raise InputError(
                "model.tokenizer: it does not say where in a text its tokens are, which heads of"
                " spans need; expected a tokenizer with a tokenizer.json"
            )
        found = self._tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        return [(int(start), int(end)) for start, end in found["offset_mapping"]]

    @property
    def cutoff(self) -> int:
        """Largest number of tokens of a row."""
        return self._settings.cutoff

    @property
    def before(self) -> int:
        """Number of tokens before the first one of a text."""
        return 0 if self._settings.bos_id is None else 1

    def _render(self, subtask: str, text: str) -> str:
        return text


def text_encoder(settings: Model, tokenizer: Any, prompts: Prompts) -> TextEncoder:
    """Returns the encoder of texts that the base's family needs.

    Args:
        settings: which name the family.
        tokenizer: as it was loaded.
        prompts: header, template and instructions.
    """
    kind = InputEncoder if settings.family == "encoder-only" else TextEncoder
    return kind(settings, tokenizer, prompts)


class Survival:
    """Counts texts that do not come out of the tokenizer as they went in.

    Attributes:
        changed: their number.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._first: tuple[str, str, str] | None = None
        self.changed = 0

    def look_at(self, question_id: str, *texts: str) -> None:
        """Looks at texts of a question."""
        for text in texts:
            if (back := self._encoder.there_and_back(text)) != text.strip():
                self._first = self._first or (question_id, text.strip(), back)
                self.changed += 1

    def report(self, path: Path) -> None:
        """Warns, with the first one as an example.

        Args:
            path: the file that they are from.
        """
        if self._first:
            question_id, text, back = self._first
            at = next(
                (i for i, (a, b) in enumerate(zip(text, back, strict=False)) if a != b), len(back)
            )
            shown = slice(max(0, at - CONTEXT), at + CONTEXT)
            log.warning(
                "%s: %d texts do not survive the tokenizer; in %s, %r becomes %r",
                path,
                self.changed,
                question_id,
                text[shown],
                back[shown],
            )


def longest_answers(answers: Iterable[tuple[str, str]], encoder: TextEncoder) -> dict[str, int]:
    """Returns the tokens of the longest answer of each sub-task, the end token included.

    Args:
        answers: pairs of sub-task and answer.
        encoder: turns an answer into token ids.
    """
    longest: dict[str, int] = {}
    for subtask, answer in dict.fromkeys(answers):  # each once, in an order that stays
        longest[subtask] = max(longest.get(subtask, 0), len(encoder.encode_answer(answer)))
    return longest


def check_fit(rows: Sequence[TokenRow], config: Any, answer: int = 0) -> None:
    """Makes sure that a base can hold the rows: their ids, and their lengths with an answer.

    Args:
        rows: the rows.
        config: the base's configuration.
        answer: tokens of an answer that will be written to each row.

    Raises:
        InputError: if it cannot.
    """
    highest = max((max(row.ids) for row in rows), default=0)
    vocabulary = config.get_text_config().vocab_size
    if highest >= vocabulary:
        raise InputError(
            f"the tokenizer has a token {highest}, the base only {vocabulary} tokens:"
            " model.tokenizer does not belong to model.base"
        )
    longest = max((len(row.ids) for row in rows), default=0) + answer
    if config.is_encoder_decoder:  # which reads and writes apart
        prompts = (row.prompt for row in rows)
        answers = (len(row.ids) - row.prompt + answer for row in rows)
        longest = max((*prompts, *answers), default=0)
    if longest > (positions := max_positions(config)):
        raise InputError(
            f"model.cutoff: a row has {longest} tokens, but the base can hold {positions}"
        )


def max_positions(config: Any) -> int:
    """Returns the largest number of tokens that a base can hold; without a limit, very many."""
    text_config = config.get_text_config()
    keys = ["max_position_embeddings", "max_seq_len"]
    if not hasattr(text_config, "relative_attention_num_buckets"):  # T5, which has no positions
        keys.append("n_positions")
    stated = int(next((v for key in keys if (v := getattr(text_config, key, None))), UNLIMITED))
    if text_config.model_type in OFFSET and stated < UNLIMITED:
        return stated - int(text_config.pad_token_id) - 1
    return stated


def max_prompt(config: Any, answer: int) -> int:
    """Returns the largest number of tokens of a prompt that a base can hold with its answer.

    Args:
        config: the base's configuration.
        answer: largest number of tokens of an answer.
    """
    positions = max_positions(config)
    if config.is_encoder_decoder:
        return positions if answer <= positions else 0
    return positions - answer
