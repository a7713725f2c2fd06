"""The engines that there are, by the name that infer.engine gives them, and which one is exact."""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import takewhile
from operator import eq
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from stages.answering.answers import Answerer
from stages.answering.candidates import Candidates, Tree
from stages.answering.engine import Engine, Request
from stages.answering.heads import HeadsAnswerer
from stages.answering.plain_engine import PlainEngine
from stages.answering.settings import Infer
from stages.answering.torch_engine import TorchEngine
from stages.answering.vllm_engine import VllmEngine
from stages.common.command import InputError
from stages.forms.forms import Fields
from stages.model.adapters import load_adapter
from stages.model.check import (
    Difference,
    Reference,
    allowed_difference,
    difference,
    first_exact,
    sample,
)
from stages.model.device import device_and_dtype, free_memory
from stages.model.family import check_engine
from stages.model.heads import HeadRow, exact_heads_path, load_heads
from stages.model.loading import load_base
from stages.model.lora import is_plain
from stages.model.packed import base_of
from stages.model.plain import PlainPath
from stages.model.settings import Model
from stages.model.text import InputEncoder, TextEncoder, TokenRow

log = logging.getLogger(__name__)


class Asked(NamedTuple):
    """What is known of the sub-tasks that are asked.

    Attributes:
        closed: candidate answers by closed sub-task.
        longest: tokens of the longest training answer of each sub-task.
        forms: of answers with numbers whose expectations are asked for.
    """

    closed: Mapping[str, Sequence[str]]
    longest: Mapping[str, int]
    forms: Mapping[str, Fields]


STEPS = 8  # tokens that are generated in the check
SMALL = 1_500_000_000  # parameters up to which candidates are scored in fp32
FP32_SHARE = 4  # free memory must be so many times that of the weights in fp32
CANDIDATES = 16  # candidates that are scored in the check


def load_answerer(
    model: Model,
    infer: Infer,
    adapter: Path | None,
    encoder: TextEncoder,
    asked: Asked,
    prompts: Sequence[Sequence[int]],
) -> Answerer | HeadsAnswerer:
    """Loads what answers: an engine with a language model, or an encoder with its heads.

    Args:
        model: the base, of a family that is named.
        infer: how questions are answered.
        adapter: the adapter's folder.
        encoder: turns questions and answers into tokens and back.
        asked: what is known of the sub-tasks.
        prompts: token ids of what there is to read.

    Raises:
        InputError: if base or adapter cannot be loaded, or transformers cannot run them.
    """
    if not isinstance(encoder, InputEncoder):
        engine = load_engine(model, infer, adapter, prompts)
        limit = infer.max_new_tokens
        return Answerer(engine, encoder, asked.closed, asked.longest, limit, asked.forms)
    check_engine(model, infer.engine)
    if adapter is None:
        raise InputError(
            f"infer.adapter is false, but model.base {model.base!r} is encoder-only: it answers by"
            " the heads of an adapter"
        )
    heads = load_adapter(load_base(model, *device_and_dtype()), adapter)
    load_heads(heads, adapter)
    heads.eval()
    rows = [HeadRow(list(ids), len(ids), 0, "") for ids in prompts]
    path = exact_heads_path(heads, rows, model.pad_id)
    return HeadsAnswerer(path, encoder, asked.closed, asked.forms)


def load_engine(
    model: Model, infer: Infer, adapter: Path | None, prompts: Sequence[Sequence[int]]
) -> Engine:
    """Loads the base, with an adapter if there is to be one, into an engine.

    Args:
        model: the base.
        infer: which engine.
        adapter: the adapter's folder.
        prompts: token ids of what there is to read.

    Raises:
        InputError: if base or adapter cannot be loaded, or transformers cannot run them.
    """
    check_engine(model, infer.engine)
    if infer.engine == "vllm":
        return VllmEngine(model, adapter)
    causal = load_base(model, *device_and_dtype())
    if adapter:
        causal = load_adapter(causal, adapter)
    return exact_engine(causal, model, infer, prompts)


def exact_engine(
    causal: Any, model: Model, infer: Infer, prompts: Sequence[Sequence[int]]
) -> Engine:
    """Returns the fastest engine that answers as the model's own forward does.

    Args:
        causal: the base, or the base with an adapter on it.
        model: the base's settings.
        infer: whether plain is asked for, and how long answers may be.
        prompts: token ids of what there is to read.

    Raises:
        InputError: if transformers cannot run the base.
    """
    causal.eval()
    in_fp32 = None
    if infer.score_closed and _is_small_in_bf16(causal):
        in_fp32 = copy.deepcopy(causal).float()
    engine = _checked(causal, model, infer, prompts)
    if in_fp32 is None:
        return engine
    log.info("the base is small: candidates are scored in fp32")
    return ScoredInFp32(engine, _checked(in_fp32, model, infer, prompts))


def _checked(
    causal: Any, model: Model, infer: Infer, prompts: Sequence[Sequence[int]]
) -> TorchEngine | PlainEngine:
    """The fastest engine that is exact for a model as it is."""
    ends, pad_id = model.end_ids, model.pad_id
    trial = _Trial(causal, pad_id, prompts, infer.max_new_tokens)
    ways: dict[str, Callable[[], TorchEngine | PlainEngine]] = {}
    if infer.engine != "plain" and not base_of(causal).config.is_encoder_decoder:
        ways["the fast engine"] = partial(TorchEngine, causal, ends)
    if infer.engine != "plain" and _can_be_merged(causal):
        ways["the plain engine with the adapter merged"] = partial(
            PlainEngine, causal, ends, pad_id, merged=True
        )
    ways["the plain engine"] = partial(PlainEngine, causal, ends, pad_id)
    engine = first_exact(ways, trial.differences, trial.allowed, lambda: trial.own)
    if isinstance(engine, TorchEngine):
        engine.speed_up(sum(map(len, prompts)))
    if engine is None:
        log.warning("questions are answered one by one, which is slow")
        trial.reference.as_path()
        engine = PlainEngine(causal, ends, pad_id, alone=True)
    return engine


def _can_be_merged(causal: Any) -> bool:
    """Whether the base's weights can hold an adapter with hardly any rounding."""
    base = base_of(causal)
    layers = [layer for layer in causal.modules() if isinstance(layer, BaseTunerLayer)]
    is_exact = base.dtype == torch.float32 and not getattr(base, "is_quantized", False)
    return bool(layers) and is_exact and all(map(is_plain, layers))


def _is_small_in_bf16(causal: Any) -> bool:
    """Whether a GPU has time and room for a copy in fp32, in which probabilities are exact."""
    base = base_of(causal)
    parameters = sum(p.numel() for p in causal.parameters())
    return bool(
        base.dtype == torch.bfloat16
        and base.device.type == "cuda"
        and not getattr(base, "is_quantized", False)
        and parameters <= SMALL
        and free_memory(base.device) > 4 * FP32_SHARE * parameters
    )


class ScoredInFp32:
    """Generates in 16 bits and scores candidates in fp32; see `stages.answering.engine.Engine`.

    With 8 significant bits in all states, as bf16 has, probabilities near 0.5 are wrong by up to
    0.05. Products of matrices are computed in TF32 here, which has 11 bits, and the range of fp32.
    """

    def __init__(self, generator: Engine, scorer: Engine) -> None:
        """Takes two engines of one model.

        Args:
            generator: computes in 16 bits.
            scorer: computes in fp32.
        """
        self._generator, self._scorer = generator, scorer

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, list[int]]]:
        """Continues prompts greedily; see `stages.answering.engine.Engine`."""
        return self._generator.generate(requests)

    def score(
        self, prompts: Sequence[list[int]], candidates: Tree, begun: Sequence[int] = ()
    ) -> Iterator[tuple[int, list[list[float]]]]:
        """Computes the logits at every fork; see `stages.answering.engine.Engine`."""
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            yield from self._scorer.score(prompts, candidates, begun)
        finally:
            torch.set_float32_matmul_precision(before)


class _Trial:
    """A few prompts as the model's own forward continues them, to compare an engine with.

    One of them is so long that its answer ends where the longest answer of all may, if prompts and
    answers are one text.
    """

    def __init__(
        self, causal: Any, pad_id: int, prompts: Sequence[Sequence[int]], max_new_tokens: int
    ) -> None:
        rows = sample([TokenRow(list(ids), len(ids), 0) for ids in prompts])
        self._prompts = [row.ids for row in rows]
        if not base_of(causal).config.is_encoder_decoder:  # whose answers are no part of prompts
            longest = rows[0].ids
            filled = longest + longest * (max_new_tokens // len(longest))
            self._prompts.insert(0, filled[: len(longest) + max(0, max_new_tokens - STEPS)])
        self._rows, self.allowed = rows, allowed_difference(base_of(causal))
        self.reference = Reference(causal, pad_id)
        self._expected = self.reference.measure(self._continue, rows)

    def _continue(self, path: PlainPath) -> list[tuple[list[int], torch.Tensor]]:
        """Each prompt's new tokens, and the logits that they were chosen by."""
        found = []
        for ids in self._prompts:
            seen: dict[int, torch.Tensor] = {}
            (answer,) = path.generate([ids], STEPS, observe=seen.__setitem__)
            found.append((answer, seen[0].float()))
        return found

    def differences(self, engine: TorchEngine | PlainEngine) -> list[Difference]:
        """Returns the differences of an engine's logits."""
        return [*self._generated(engine), *self._scored(engine)]

    @cached_property
    def own(self) -> list[Difference]:
        """The differences of the model's own logits from those in fp32, if there is memory."""
        continued = self.reference.measure_in_fp32(self._continue, self._rows) or []
        return [
            *(self._while_alike(number, *each) for number, each in enumerate(continued)),
            *(self._of_candidates(number, own[0]) for number, (_, own) in enumerate(continued)),
        ]

    def _generated(self, engine: TorchEngine | PlainEngine) -> Iterator[Difference]:
        """The differences of generated answers, as far as their tokens are the same."""
        seen: dict[int, list[torch.Tensor]] = {}
        engine.observe = lambda n, logits: seen.setdefault(n, []).append(logits.clone())
        end_ids, engine.end_ids = engine.end_ids, frozenset()
        answers = dict(engine.generate([Request(ids, STEPS) for ids in self._prompts]))
        engine.observe, engine.end_ids = None, end_ids
        for number in range(len(self._prompts)):
            steps = [step.reshape(-1, step.shape[-1]) for step in seen[number]]
            yield self._while_alike(number, answers[number], torch.cat(steps))

    def _while_alike(self, number: int, answer: list[int], logits: torch.Tensor) -> Difference:
        """The difference of an answer's logits, as far as its tokens are those of the model."""
        own_answer, own_logits = self._expected[number]
        alike = sum(takewhile(bool, map(eq, own_answer, answer)))
        steps = min(alike + 1, STEPS)  # that of the first different token is of like tokens
        return difference(own_logits[:steps], logits[:steps])

    @property
    def _candidates(self) -> list[int]:
        """The tokens that one prompt makes most likely."""
        return sorted(self._expected[0][1][0].topk(CANDIDATES).indices.tolist())

    def _scored(self, engine: TorchEngine | PlainEngine) -> Iterator[Difference]:
        """The differences of scored candidates."""
        tokens = self._candidates
        candidates = Candidates({str(token): [token] for token in tokens})
        scores = dict(engine.score(self._prompts, candidates))
        for number in range(len(self._prompts)):
            (values,) = scores[number]
            logits = self._expected[number][1][0].clone()
            logits[tokens] = torch.tensor(values, device=logits.device)
            yield self._of_candidates(number, logits)

    def _of_candidates(self, number: int, logits: torch.Tensor) -> Difference:
        """The difference of the candidates' logits among the first token's, (vocabulary,)."""
        own, tokens = self._expected[number][1][0], self._candidates
        apart = logits[tokens] - own[tokens]
        found = float((apart - apart.mean()).square().mean().sqrt() / own.std())
        return Difference(found, found)
