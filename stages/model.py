"""The one place that knows the model: loading, text to token ids and back.

A base is a folder or a hub id at a pinned revision, in safetensors or in (sharded) ``.bin`` files;
the latter go through the restricted unpickler only. No code of a model's repository is ever run.
Token ids of padding, beginning and end are stated in params.yaml and put in by us.
"""

import hashlib
import json
import logging
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError  # noqa: S403 - what the restricted unpickler raises
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from stages import processes
from stages.command import InputError
from stages.files import Defects, read_jsonl
from stages.prompts import Prompts
from stages.settings import Section

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

log = logging.getLogger(__name__)

ADAPTER_CONFIG = "adapter_config.json"
ROOM = 16 * 2**30  # bytes of GPU memory for the work on a base that is kept in 16 bits

TokenId = Annotated[int, Field(ge=0)]
Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Model(Section):
    """The base model and how texts are given to it; keys as in params.yaml."""

    base: Annotated[str, Field(min_length=1)]
    revision: Revision | None
    tokenizer: Annotated[str, Field(min_length=1)] | None
    tokenizer_revision: Revision | None
    pad_id: TokenId
    bos_id: TokenId
    eos_id: TokenId
    quantization: Literal["nf4", "int8", "none"]
    cutoff: Annotated[int, Field(ge=16, le=1_000_000)]
    max_characters: Annotated[int, Field(ge=1)] | None

    @model_validator(mode="after")
    def _hub_ids_are_pinned(self) -> Self:
        for what, place, revision in (
            ("base", self.base, self.revision),
            ("tokenizer", self.tokenizer, self.tokenizer_revision),
        ):
            if place and not Path(place).is_dir() and revision is None:
                raise ValueError(
                    f"model.{what} {place!r} is no folder here; a hub id needs its commit"
                    f" (40 hex digits) as {'' if what == 'base' else 'tokenizer_'}revision"
                )
        return self


# --- Loading --------------------------------------------------------------------------------------


def device_and_dtype() -> "tuple[torch.device, torch.dtype]":
    """Finds what this process computes with: bf16 or fp16 on its GPU, fp32 on a CPU."""
    import torch

    if not torch.cuda.is_available():
        return torch.device("cpu"), torch.float32
    device = torch.device("cuda", processes.here().local_rank)
    torch.cuda.set_device(device)
    fast = torch.cuda.get_device_capability() >= (8, 0)
    return device, torch.bfloat16 if fast else torch.float16


def load_base(model: Model, device: "torch.device", dtype: "torch.dtype") -> Any:
    """Loads the base, quantised if asked for, with all its parameters frozen.

    Args:
        model: which one.
        device: where to.
        dtype: of what is not quantised, and of the computation.

    Returns:
        A causal language model of transformers.

    Raises:
        InputError: if it cannot be found or read, or lacks weights.
    """
    # With this package bitsandbytes would fetch code from a hub and run it.
    sys.modules.setdefault("kernels", None)  # type: ignore[arg-type]
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig, GenerationConfig

    sharded = processes.here().sharded
    if sharded and model.quantization == "int8":
        raise InputError("model.quantization: int8 cannot be sharded (FSDP); expected nf4 or none")
    if (Path(model.base) / ADAPTER_CONFIG).is_file():
        raise InputError(f"model.base: {model.base} holds an adapter, not a base model")
    quantization = {
        "none": None,
        "int8": BitsAndBytesConfig(load_in_8bit=True),
        # Unless stated, bitsandbytes takes fp4 and computes in fp32. Bytes could not be sharded.
        "nf4": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=dtype,
            bnb_4bit_quant_storage=dtype if sharded else "uint8",
        ),
    }[model.quantization]
    log.info(
        "load base %s, quantization %s, %s on %s", model.base, model.quantization, dtype, device
    )
    try:
        base, report = AutoModelForCausalLM.from_pretrained(
            model.base,
            revision=model.revision or "main",
            quantization_config=quantization,
            dtype=dtype,
            device_map={"": device},
            attn_implementation="sdpa",
            trust_remote_code=False,
            weights_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, UnpicklingError, SafetensorError) as error:
        raise InputError(f"model.base {model.base!r} cannot be loaded: {error}") from error
    # transformers would put random numbers in their place.
    if lacking := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
        raise InputError(
            f"model.base {model.base!r} lacks weights, or has them in another shape:"
            f" {', '.join(lacking[:5])} ({len(lacking)} in all)"
        )
    ids = {
        "pad_token_id": model.pad_id,
        "bos_token_id": model.bos_id,
        "eos_token_id": model.eos_id,
    }
    if max(ids.values()) >= base.config.vocab_size:
        raise InputError(
            f"model: token id {max(ids.values())}, but the base has {base.config.vocab_size} tokens"
        )
    base.config.update(ids)
    base.generation_config = GenerationConfig(**ids)  # nothing else of the base's own habits
    base.requires_grad_(False)
    if model.quantization == "nf4" and not sharded and dequantized_fits(base):
        log.info("memory allows it: the 4-bit values are kept in %s", dtype)
        dequantize(base, dtype)
    return base


def four_bit_layers(base: Any) -> dict[str, Any]:
    """The layers that bitsandbytes has quantised to 4 bits, by name."""
    from bitsandbytes.nn import Linear4bit

    return {name: module for name, module in base.named_modules() if isinstance(module, Linear4bit)}


def dequantized_fits(base: Any) -> bool:
    """Whether a GPU has room for 4-bit layers in 16 bits, and for the work on them."""
    if base.device.type != "cuda":
        return False
    layers = four_bit_layers(base).values()
    needed: int = 2 * sum(layer.in_features * layer.out_features for layer in layers)
    return free_memory(base.device) > needed + ROOM


def free_memory(device: "torch.device") -> float:
    """Bytes of a GPU's memory that this process may still use."""
    import torch

    free, total = torch.cuda.mem_get_info(device)
    used = torch.cuda.memory_allocated(device)
    share = torch.cuda.get_per_process_memory_fraction(device)
    return float(min(total * share - used, free + torch.cuda.memory_reserved(device) - used))


def dequantize(base: Any, dtype: "torch.dtype") -> None:
    """Puts layers with the very values of 4-bit ones in their place, which every step would unpack.

    Args:
        base: the model.
        dtype: of the values.
    """
    import torch
    from bitsandbytes.functional import dequantize_4bit

    for name, layer in four_bit_layers(base).items():
        values = dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(dtype)
        plain = torch.nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
        plain.weight = torch.nn.Parameter(values, requires_grad=False)
        plain.bias = layer.bias
        base.set_submodule(name, plain)


def load_adapter(base: Any, adapter: Path) -> Any:
    """Puts a trained LoRA adapter (safetensors or ``.bin``) on a base.

    Raises:
        InputError: if the adapter cannot be read, lacks weights or does not fit the base.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    log.info("load adapter %s", adapter)
    # What is not here peft would look for on the hub, in a repository of the same name.
    try:
        config = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{adapter / ADAPTER_CONFIG}: cannot be read: {error}") from error
    if config.get("peft_type") != "LORA" or config.get("megatron_config"):
        raise InputError(f"{adapter / ADAPTER_CONFIG}: expected the settings of a LoRA adapter")
    if not any((adapter / f"adapter_model.{form}").is_file() for form in ("safetensors", "bin")):
        raise InputError(f"{adapter}: no adapter_model.safetensors and no adapter_model.bin")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Found missing adapter keys")
            return PeftModel.from_pretrained(base, str(adapter), is_trainable=False)
    except (OSError, ValueError, RuntimeError, UserWarning, UnpicklingError, SafetensorError) as e:
        raise InputError(f"{adapter}: cannot be loaded as an adapter of the base: {e}") from e


def load_tokenizer(model: Model) -> Any:
    """Loads the tokenizer, the base's own or another one.

    Raises:
        InputError: if it cannot be found or read.
    """
    from transformers import AutoTokenizer

    place, revision = model.base, model.revision
    if model.tokenizer:
        place, revision = model.tokenizer, model.tokenizer_revision
    try:
        # Should a text spell a special token, such as </s>, it is text all the same.
        tokenizer = AutoTokenizer.from_pretrained(
            place,
            revision=revision or "main",
            trust_remote_code=False,
            split_special_tokens=True,
        )
    except (OSError, ValueError) as error:
        raise InputError(f"the tokenizer {place!r} cannot be loaded: {error}") from error
    stated = (model.bos_id, model.eos_id)
    if stated != (tokenizer.bos_token_id, tokenizer.eos_token_id):
        log.warning(
            "the tokenizer's own bos and eos ids are %s and %s; params.yaml's %d and %d are used",
            *(tokenizer.bos_token_id, tokenizer.eos_token_id, *stated),
        )
    return tokenizer


def identity(model: Model) -> str:
    """A text that differs whenever a folder of the base or the tokenizer, or a library, does.

    Of files over 64 MiB the size and the time of change stand for the content.
    """
    parts = []
    for place in filter(None, (model.base, model.tokenizer)):
        for path in sorted(p for p in Path(place).glob("*") if p.is_file() and p.suffix != ".md"):
            status = path.stat()
            content = f"{status.st_size} {status.st_mtime_ns}"
            if status.st_size < 64 * 2**20:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            parts.append(f"{path.name} {content}")
    libraries = ("torch", "transformers", "peft", "bitsandbytes", "tokenizers")
    return "\n".join([*parts, *(f"{name} {version(name)}" for name in libraries)])


def load_config(model: Model) -> Any:
    """Loads the base's configuration alone.

    Raises:
        InputError: if it cannot be found or read.
    """
    from transformers import AutoConfig

    revision = model.revision or "main"
    try:
        return AutoConfig.from_pretrained(model.base, revision=revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise InputError(f"model.base {model.base!r} cannot be loaded: {error}") from error


def check_fit(rows: Sequence["TokenRow"], config: Any, answer: int = 0) -> None:
    """Makes sure that a base can hold the rows: their ids, and their lengths with an answer.

    Args:
        rows: the rows.
        config: the base's configuration.
        answer: tokens that will be added to each row.

    Raises:
        InputError: if not.
    """
    highest = max((max(row.ids) for row in rows), default=0)
    if highest >= config.vocab_size:
        raise InputError(
            f"the tokenizer has a token {highest}, the base only {config.vocab_size} tokens:"
            " model.tokenizer does not belong to model.base"
        )
    longest = max((len(row.ids) for row in rows), default=0) + answer
    if longest > config.max_position_embeddings:
        raise InputError(
            f"model.cutoff: a row has {longest} tokens, but the base can hold"
            f" {config.max_position_embeddings}"
        )


# --- Text to token ids ----------------------------------------------------------------------------


class TokenRow(NamedTuple):
    """Token ids of a prompt and, in training, its answer.

    Attributes:
        ids: the prompt's ids, then the answer's and the end token's.
        prompt: how many of them are the prompt's.
        cut: how many characters of the input had to go.
    """

    ids: list[int]
    prompt: int
    cut: int


class TooLong(InputError):
    """Instruction and answer alone exceed the cut-off, or the model's positions."""


class TextEncoder:
    """Turns questions and answers into token ids.

    Prompt and answer are tokenised apart, so that no token spans their border. A prompt that is too
    long loses the end of its input, never the instruction or the answer.
    """

    def __init__(self, model: Model, tokenizer: Any, prompts: Prompts) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._prompts = prompts

    def training(self, task: str, text: str, answer: str) -> TokenRow:
        """Encodes a question with its answer, the end token included.

        Raises:
            TooLong: if instruction and answer alone exceed the cut-off.
        """
        answer_ids = self.answer(answer)
        prompt, cut = self._prompt(task, text, self._model.cutoff - len(answer_ids))
        return TokenRow(prompt + answer_ids, len(prompt), cut)

    def question(self, task: str, text: str, positions: int) -> TokenRow:
        """Encodes a question alone.

        Args:
            task: the sub-task.
            text: the input.
            positions: tokens that the model can hold besides the answer.

        Raises:
            TooLong: if the instruction alone is longer.
        """
        prompt, cut = self._prompt(task, text, min(self._model.cutoff, positions))
        return TokenRow(prompt, len(prompt), cut)

    def answer(self, text: str) -> list[int]:
        """Encodes an answer alone, the end token included."""
        return [*self._ids(text), self._model.eos_id]

    def has_ended(self, ids: Sequence[int]) -> bool:
        """Whether an answer's ids end with the end token."""
        return ids[-1] == self._model.eos_id

    def text(self, ids: Sequence[int]) -> str:
        """Decodes an answer's ids, with or without the end token, to trimmed text."""
        kept = ids[:-1] if self.has_ended(ids) else ids
        text: str = self._tokenizer.decode(
            kept, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text.strip()

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _prompt(self, task: str, text: str, budget: int) -> tuple[list[int], int]:
        def ids(characters: int) -> list[int]:
            prompt = self._prompts.render(task, text[:characters].rstrip())
            return [self._model.bos_id, *self._ids(prompt)]

        longest = min(len(text), self._model.max_characters or len(text))
        if len(whole := ids(longest)) <= budget:
            return whole, len(text) - longest
        if len(ids(0)) > budget:
            raise TooLong(
                f"model.cutoff: the instruction of {task} alone has {len(ids(0))} tokens, but"
                f" besides the answer there is room for {budget}"
            )
        # Largest number of characters that fits (bisection; more text never has fewer tokens,
        # save for rounding at the cut, which the last check makes good).
        fits, too_many = 0, longest
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if len(ids(middle)) <= budget:
                fits = middle
            else:
                too_many = middle
        if (space := text.rfind(" ", 0, fits + 1)) > 0.8 * fits:
            fits = space  # rather the last whole word
        while len(ids(fits)) > budget:
            fits -= 1
        return ids(fits), len(text) - fits


def read_split(path: Path) -> "Dataset":
    """Reads an encoded split.

    Returns:
        A dataset with the columns id, task, input and output, in the file's order.

    Raises:
        InputError: naming the lines that are no examples.
    """
    from datasets import Dataset, Features, Value

    columns = ("id", "task", "input", "output")
    rows = read_jsonl(path, columns)
    defects = Defects(path)
    for number, row in enumerate(rows, start=1):
        if not all(isinstance(row[c], str) or (c == "output" and row[c] is None) for c in columns):
            defects.add(number, "expected texts (or null as output)")
    defects.check()
    features = Features(dict.fromkeys(columns, Value("string")))
    return Dataset.from_dict({c: [row[c] for row in rows] for c in columns}, features=features)
