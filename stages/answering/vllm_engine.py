"""Answering with vLLM (infer.engine: vllm), for very large test sets.

It needs the extra of the same name (docs/vllm.md). It gets the same prompts, as token ids, and its
answers are decoded as those of stages/answering/torch_engine.py are. The candidates of a closed
sub-task are scored fork by fork: each is a prompt of its own, whose prefix is cached.
"""

import json
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from stages.answering.candidates import Tree
from stages.answering.engine import Request
from stages.answering.settings import VLLM_RANKS, vllm_problems
from stages.common.command import InputError
from stages.model.adapters import CONFIG
from stages.model.device import device_and_dtype
from stages.model.loading import load_config
from stages.model.processes import here
from stages.model.settings import Model


class VllmEngine:
    """Answers with vLLM; see `stages.answering.engine.Engine`."""

    def __init__(self, settings: Model, adapter: Path | None) -> None:
        """Loads a base and an adapter.

        Raises:
            InputError: if vLLM is not installed, lacks what is asked for, or would be loaded in
                several processes.
        """
        if find_spec("vllm") is None:
            raise InputError(
                "infer.engine: vllm is not installed; docs/vllm.md says how to install it; or set"
                " infer.engine to torch"
            )
        rank = _rank(adapter) if adapter else 0
        if lacking := list(vllm_problems(settings.quantization, rank)):
            raise InputError("\n".join(lacking))
        if here().count > 1:
            raise InputError(
                "infer.engine: vllm spreads the base over the GPUs itself; start infer as one"
                " process, or set infer.engine to torch"
            )
        from vllm import LLM
        from vllm.lora.request import LoRARequest

        _, dtype = device_and_dtype()
        options: dict[str, Any] = {}
        if adapter:
            largest = min(known for known in VLLM_RANKS if known >= rank)
            options |= {"enable_lora": True, "max_lora_rank": largest}
        revision = settings.tokenizer_revision if settings.tokenizer else settings.revision
        self._end_ids = list(settings.end_ids)
        self._adapter = LoRARequest("adapter", 1, str(adapter)) if adapter else None
        self._llm = LLM(
            model=settings.base,
            revision=settings.revision,
            tokenizer=settings.tokenizer or settings.base,
            tokenizer_revision=revision,
            skip_tokenizer_init=True,
            trust_remote_code=False,
            dtype=str(dtype).removeprefix("torch."),
            tensor_parallel_size=_gpus(load_config(settings).num_attention_heads),
            enable_prefix_caching=True,
            generation_config="vllm",  # nothing of the base's own habits
            **options,
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, list[int]]]:
        """Continues prompts greedily; see `stages.answering.engine.Engine`."""
        from vllm import SamplingParams

        sampling = [
            SamplingParams(
                temperature=0.0,
                max_tokens=request.max_new_tokens,
                stop_token_ids=self._end_ids,
                ignore_eos=True,  # the end tokens are those that params.yaml states
                detokenize=False,
            )
            for request in requests
        ]
        completions = self._complete([request.ids for request in requests], sampling)
        for number, completion in enumerate(completions):
            yield number, list(completion.token_ids)

    def score(
        self, prompts: Sequence[list[int]], candidates: Tree, begun: Sequence[int] = ()
    ) -> Iterator[tuple[int, list[list[float]]]]:
        """Computes the logits at every fork; see `stages.answering.engine.Engine`."""
        from vllm import SamplingParams

        forks = candidates.forks
        sampling = [
            SamplingParams(
                temperature=0.0,
                max_tokens=1,
                logprob_token_ids=list(fork.tokens),
                detokenize=False,
            )
            for fork in forks
        ]
        texts = [[*ids, *fork.before] for ids in prompts for fork in forks]
        completions = self._complete(texts, sampling * len(prompts))
        logits = [
            [completion.logprobs[0][token].logprob for token in fork.tokens]
            for completion, fork in zip(completions, list(forks) * len(prompts), strict=True)
        ]
        for number in range(len(prompts)):
            yield number, logits[number * len(forks) : (number + 1) * len(forks)]

    def _complete(self, texts: Sequence[list[int]], sampling: Sequence[Any]) -> list[Any]:
        """The first completion of each text."""
        if not texts:
            return []
        outputs = self._llm.generate(
            [{"prompt_token_ids": ids} for ids in texts],
            list(sampling),
            lora_request=self._adapter,
            use_tqdm=False,
        )
        return [output.outputs[0] for output in outputs]


def _rank(adapter: Path) -> int:
    config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
    return int(config["r"])


def _gpus(heads: int) -> int:
    """The number of visible GPUs over which a base can be spread: a divisor of its heads."""
    return next(n for n in range(max(1, torch.cuda.device_count()), 0, -1) if heads % n == 0)
