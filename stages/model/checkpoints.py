"""What files of weights hold: numbers as they are meant, or codes of a quantization.

transformers takes codes without their scales for weights, and leaves out keys that it does not
expect. Here both are refused by name, unless the codes are of the quantization that is asked for.
"""

import copy
import logging
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from huggingface_hub import snapshot_download
from safetensors import safe_open

from stages.common import limits
from stages.common.command import InputError
from stages.common.settings import load, shown
from stages.model.settings import Model

log = logging.getLogger(__name__)

CONFIGURATIONS = (
    *("config.json", "generation_config.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "*.index.json"),
)
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
SMALL = 10**8  # parameters of a model that is made in no time, whatever its files lack
CODES = ("F8", "F4", "I8", "U8", "float8", "float4", "int8", "uint8")  # beginnings of types' names

TRIED_ROWS = 64
WORSE = 1.3  # an error so much larger than usual; where it is wrong, it is twice as large


def check_json(folder: Path) -> None:
    """Makes sure that the configurations in a folder are objects of JSON.

    Their libraries take lists and thousands of levels as they come, and fail somewhere. A list of
    files of weights may name no file outside the folder.

    Args:
        folder: of a base or a tokenizer; one that does not exist, as of a hub id, has none.

    Raises:
        InputError: naming what is wrong.
    """
    for path in sorted(path for pattern in CONFIGURATIONS for path in folder.glob(pattern)):
        content = load(path, limits.CONFIGURATION)
        files = content.get("weight_map", {}) if path.name.endswith(".index.json") else {}
        names = files.values() if isinstance(files, dict) else [files]
        if wrong := next((n for n in names if not isinstance(n, str) or Path(n).name != n), None):
            raise InputError(f"{path}: expected names of files beside it, found {shown(wrong)}")


def check_quantization(settings: Model, config: Any) -> bool:
    """Makes sure that the base's files hold what the settings ask for.

    Args:
        settings: which base, and its quantization.
        config: the base's configuration.

    Returns:
        Whether the base is saved in the quantization that is asked for.

    Raises:
        InputError: if it is saved in another one, or holds codes without saying of what.
    """
    own = getattr(config, "quantization_config", None)
    if own is None:
        _check_types(settings)
        return False
    saved = saved_quantization(own)
    if saved == settings.quantization:
        return True
    expected = f"model.quantization {saved}" if saved in ("nf4", "int8") else "another base"
    raise InputError(
        f"model.base {settings.base!r} is saved in {saved}, but model.quantization is"
        f" {settings.quantization}; expected {expected}"
    )


def check_size(settings: Model, config: Any, kind: Any) -> None:
    """Makes sure that the files of weights can hold what config.json describes.

    transformers would make random numbers of all that they lack, as long as there is memory.

    Args:
        settings: which base; files of a hub id are not looked at.
        config: the base's configuration.
        kind: transformers' class that makes models of its family, such as AutoModelForCausalLM.

    Raises:
        InputError: if there is less than half a byte for a parameter (4 bits, as nf4).
    """
    paths = (path for pattern in WEIGHTS for path in Path(settings.base).glob(pattern))
    if not (size := sum(path.stat().st_size for path in paths)):
        return
    with torch.device("meta"):
        model = kind.from_config(copy.deepcopy(config), trust_remote_code=False)
    parameters = sum(weight.numel() for weight in model.parameters())
    if parameters > max(2 * size, SMALL):
        raise InputError(
            f"model.base {settings.base!r}: config.json describes {parameters:,} parameters, but"
            f" its files of weights have {size:,} bytes"
        )


def saved_quantization(stated: Any) -> str:
    """Returns the name of the quantization that a configuration states: nf4, int8 or another."""
    own = stated if isinstance(stated, dict) else stated.to_dict()
    method = str(own.get("quant_method", "an unknown quantization"))
    if method != "bitsandbytes":
        return method
    if own.get("load_in_8bit"):
        return "int8"
    return str(own.get("bnb_4bit_quant_type", "fp4"))


def _check_types(settings: Model) -> None:
    """Makes sure that no weight of a base without a quantization has a type of codes."""
    folder = Path(settings.base)
    if not folder.is_dir():
        folder = Path(
            snapshot_download(settings.base, revision=settings.revision, local_files_only=True)
        )
    for path in sorted(path for pattern in WEIGHTS for path in folder.glob(pattern)):
        for name, kind in types_of(path).items():
            if name.endswith("weight") and kind.startswith(CODES):
                raise InputError(
                    f"{path}: {name} has the type {kind}, which holds the codes of a quantization;"
                    " config.json says nothing of one; expected weights of 16 or 32 bits"
                )


def types_of(path: Path) -> dict[str, str]:
    """The types of the tensors in a file, by name; of none if the file cannot be read."""
    try:
        if path.suffix == ".bin":
            state = torch.load(path, mmap=True, weights_only=True, map_location="cpu")
            return {name: str(value.dtype).removeprefix("torch.") for name, value in state.items()}
        with safe_open(path, "pt") as file:
            return {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    except Exception:  # the loader says what is wrong with it
        return {}


def check_report(settings: Model, report: dict[str, Any]) -> None:
    """Makes sure that every weight of the model was in the files, and no other.

    Args:
        settings: which base.
        report: of transformers about loading it.

    Raises:
        InputError: if one was lacking, had another shape or was left over.
    """
    for problem, keys in (
        # transformers would put random numbers in their place.
        ("lacks weights, or has them in another shape", ("missing_keys", "mismatched_keys")),
        ("has weights for which the model has no place", ("unexpected_keys",)),
    ):
        if names := sorted(str(name) for key in keys for name in report[key]):
            raise InputError(
                f"model.base {settings.base!r} {problem}: {', '.join(names[:5])}"
                f" ({len(names)} in all)"
            )


def check_four_bits(layers: Iterable[Any], device: torch.device) -> None:
    """Makes sure that 4-bit weights stand for the values that they were made of.

    bitsandbytes 0.50.2 takes them back wrongly on CPUs where rows are no multiple of 64 numbers
    (docs/measurements.md). A trial of each kind of row shows it: what comes back of a matrix must
    be as close as what comes back of the same numbers in one row.

    Args:
        layers: those of a base that are quantised to 4 bits.
        device: where they compute.

    Raises:
        InputError: if they do not.
    """
    draw = torch.Generator().manual_seed(0)
    kinds = {(layer.in_features, layer.weight.quant_type) for layer in layers}
    for width, kind in sorted(kinds):
        matrix = torch.randn(TRIED_ROWS, width, generator=draw).to(device)
        found, usual = (_four_bit_error(values, kind) for values in (matrix, matrix.flatten()))
        if found > WORSE * usual:
            raise InputError(
                f"model.quantization: {kind}: bitsandbytes {version('bitsandbytes')} takes rows of"
                f" {width} numbers back wrongly on {device.type}, by {found:.2f} of their size,"
                f" expected {usual:.2f}; expected none or int8, a GPU, or a base whose rows are"
                " multiples of 64 numbers"
            )


def _four_bit_error(values: torch.Tensor, kind: str) -> float:
    """How far numbers are from what they are quantised to, relative to their size."""
    codes, state = quantize_4bit(values, quant_type=kind)
    apart = dequantize_4bit(codes, state) - values
    return float(apart.norm() / values.norm())


def leave_heads_out(base: Any, report: dict[str, Any]) -> None:
    """Takes the heads that an encoder was trained with out of a report about loading it.

    Args:
        base: the encoder.
        report: of transformers; keys that belong to none of the encoder's parts leave it.
    """
    parts = {name.partition(".")[0] for name, _ in base.named_children()}
    prefix = f"{base.base_model_prefix}."
    heads = {
        key
        for key in report["unexpected_keys"]
        if str(key).removeprefix(prefix).partition(".")[0] not in parts
    }
    if heads:
        log.info("left out, for heads are trained anew: %s", ", ".join(sorted(heads)))
        report["unexpected_keys"] = [k for k in report["unexpected_keys"] if k not in heads]


def check_finite(whose: str, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Makes sure that all weights are finite numbers.

    Args:
        whose: for the message.
        weights: by name.

    Raises:
        InputError: naming some that are not.
    """
    found = [name for name, weight in weights if not bool(weight.detach().isfinite().all())]
    if found:
        raise InputError(
            f"{whose}: weights that are no finite numbers: {', '.join(found[:5])}"
            f" ({len(found)} in all)"
        )
