"""The engines that there are, by the name that infer.engine gives them."""

from pathlib import Path

from stages.answering.engine import Engine
from stages.answering.settings import Infer
from stages.answering.torch_engine import TorchEngine, prepare
from stages.answering.vllm_engine import VllmEngine
from stages.model.device import device_and_dtype
from stages.model.loading import load_adapter, load_base
from stages.model.settings import Model


def load_engine(model: Model, infer: Infer, adapter: Path, tokens: int = 0) -> Engine:
    """Loads the base, with the adapter if the settings say so, into an engine.

    Args:
        model: the base.
        infer: which engine, and whether with the adapter.
        adapter: the adapter's folder.
        tokens: number of tokens of prompts that there are to read.
    """
    if infer.engine == "vllm":
        return VllmEngine(model, adapter if infer.adapter else None)
    causal = load_base(model, *device_and_dtype())
    if infer.adapter:
        causal = load_adapter(causal, adapter)
    return TorchEngine(prepare(causal, tokens), model.eos_id)
