"""Answering with vLLM (infer.engine: vllm), for very large test sets.

It needs a GPU and the extra of the same name (docs/vllm.md). It gets the same prompts, as token
ids, and its answers are decoded in the same way as those of stages/answering/torch_engine.py. The
candidates of a closed sub-task are scored fork by fork: each is a prompt of its own, whose beginning is cached.
"""

import json
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stages.answering.candidates import Candidates
from stages.answering.engine import Request
from stages.common.command import InputError
from stages.model.device import device_and_dtype
from stages.model.loading import ADAPTER_CONFIG, load_config
from stages.model.settings import Model


class Engine:
    """See `stages.answering.answers.Engine`."""

    def __init__(self, chosen: Model, adapter: Path | None) -> None:
        """Loads a base and an adapter.

        Raises:
            InputError: if vLLM is not installed or cannot load the base as it is asked for.
        """
        if find_spec("vllm") is None:
            raise InputError(
                "infer.engine: vllm is not installed; docs/vllm.md says how to install it on a"
                " machine with a GPU; or set infer.engine to torch"
            )
        if chosen.quantization == "int8":
            raise InputError(
                "infer.engine: vllm has no int8; model.quantization can be nf4 or none"
            )
        from vllm import LLM
        from vllm.lora.request import LoRARequest

        _, dtype = device_and_dtype()
        options: dict[str, Any] = {}
        if chosen.quantization == "nf4":
            options |= {"quantization": "bitsandbytes"}
        if adapter:
            options |= {"enable_lora": True, "max_lora_rank": _rank(adapter)}
        self._end = chosen.eos_id
        self._adapter = LoRARequest("adapter", 1, str(adapter)) if adapter else None
        self._llm = LLM(
            model=chosen.base,
            revision=chosen.revision,
            tokenizer=chosen.tokenizer or chosen.base,
            tokenizer_revision=chosen.tokenizer_revision if chosen.tokenizer else chosen.revision,
            skip_tokenizer_init=True,
            trust_remote_code=False,
            dtype=str(dtype).removeprefix("torch."),
            tensor_parallel_size=_gpus(load_config(chosen).num_attention_heads),
            enable_prefix_caching=True,
            generation_config="vllm",  # nothing of the base's own habits
            **options,
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, list[int]]]:
        """Answers greedily; see `stages.answering.answers.Engine`."""
        from vllm import SamplingParams

        wanted = [
            SamplingParams(
                temperature=0.0,
                max_tokens=request.max_new_tokens,
                stop_token_ids=[self._end],
                ignore_eos=True,  # the end token is the one that params.yaml states
                detokenize=False,
            )
            for request in requests
        ]
        outputs = self._ask([request.ids for request in requests], wanted)
        for number, output in enumerate(outputs):
            yield number, list(output.token_ids)

    def score(
        self, prompts: Sequence[list[int]], candidates: Candidates
    ) -> Iterator[tuple[int, list[list[float]]]]:
        """Looks at every fork of a closed set of answers; see `stages.answering.answers.Engine`."""
        from vllm import SamplingParams

        forks = candidates.forks
        texts = [[*ids, *fork.before] for ids in prompts for fork in forks]
        wanted = [
            SamplingParams(
                temperature=0.0,
                max_tokens=1,
                logprob_token_ids=list(fork.tokens),
                detokenize=False,
            )
            for _ in prompts
            for fork in forks
        ]
        outputs = self._ask(texts, wanted)
        found = [
            [output.logprobs[0][token].logprob for token in fork.tokens]
            for output, fork in zip(outputs, forks * len(prompts), strict=True)
        ]
        for number in range(len(prompts)):
            yield number, found[number * len(forks) : (number + 1) * len(forks)]

    def _ask(self, texts: Sequence[list[int]], wanted: Sequence[Any]) -> list[Any]:
        """The first completion of each prompt."""
        if not texts:
            return []
        outputs = self._llm.generate(
            [{"prompt_token_ids": ids} for ids in texts],
            list(wanted),
            lora_request=self._adapter,
            use_tqdm=False,
        )
        return [output.outputs[0] for output in outputs]


def _rank(adapter: Path) -> int:
    """The largest rank of an adapter's matrices that vLLM knows and that holds the adapter."""
    config = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    return next(rank for rank in (8, 16, 32, 64, 128, 256, 320, 512) if rank >= config["r"])


def _gpus(heads: int) -> int:
    """How many of the visible GPUs a base of so many heads can be spread over."""
    import torch

    return next(n for n in range(max(1, torch.cuda.device_count()), 0, -1) if heads % n == 0)
