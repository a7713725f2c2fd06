"""Families: the three kinds of transformer, and which one a base is of.

Decoder-only (LLaMA) reads question and answer as one text; an encoder-decoder (T5) reads the whole
question and writes the answer apart; encoder-only (BERT) reads alone, and heads answer. Nothing
here needs torch, so that contradictions are found before any work.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.common.command import InputError
from stages.common.files import read_json, read_text
from stages.model.settings import Family, Model

ENCODERS = frozenset(
    "albert bert big_bird camembert convbert data2vec-text deberta deberta-v2 distilbert electra"
    " ernie eurobert gte ibert jina_embeddings_v3 longformer luke megatron-bert mobilebert"
    " modernbert mpnet nomic_bert nystromformer rembert roberta roberta-prelayernorm roc_bert"
    " roformer squeezebert xlm-roberta xlm-roberta-xl xmod yoso".split()
)
"""Types of models, as transformers calls them, that are encoders unless they say otherwise."""

DECODES = ("CausalLM", "LMHeadModel")  # in the name of what a configuration says it is made for


def family_of(config: Mapping[str, Any]) -> Family:
    """Returns the family of a base.

    Args:
        config: the content of its config.json.
    """
    if config.get("is_encoder_decoder"):
        return "encoder-decoder"
    made_for = " ".join(map(str, config.get("architectures") or ()))
    decodes = config.get("is_decoder") or any(name in made_for for name in DECODES)
    if config.get("model_type") in ENCODERS and not decodes:
        return "encoder-only"
    return "decoder-only"


def with_family(model: Model, config: Mapping[str, Any]) -> Model:
    """Returns settings that name the base's family.

    Args:
        model: the settings, whose family may be auto.
        config: the content of the base's config.json.

    Raises:
        InputError: if they name another family, or lack what this one needs.
    """
    found = family_of(config)
    if model.family not in ("auto", found):
        raise InputError(
            f"model.family is {model.family}, but model.base {model.base!r}, a"
            f" {config.get('model_type')}, is {found}; expected {found} or auto"
        )
    if found == "encoder-decoder" and model.start_id is None:
        raise InputError(
            f"model.start_id: an encoder-decoder such as model.base {model.base!r} needs the token"
            f" before every answer (make base B={model.base} states it)"
        )
    return model.model_copy(update={"family": found})


def check_engine(model: Model, engine: str) -> None:
    """Makes sure that an engine answers with a base of this family.

    Args:
        model: settings that name the family.
        engine: infer.engine.

    Raises:
        InputError: if it does not.
    """
    if engine == "vllm" and model.family in ("encoder-decoder", "encoder-only"):
        raise InputError(
            f"infer.engine is vllm, but model.base {model.base!r} is {model.family}; expected torch"
        )


def check_here(model: Model, engine: str) -> None:
    """Compares settings with the config.json of a base that is a folder here.

    A hub id is compared when it is loaded, before the work too.

    Raises:
        InputError: for contradictions.
    """
    path = Path(model.base) / "config.json"
    if not path.is_file():
        return
    try:
        config = read_json(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected a JSON object")
    check_engine(with_family(model, config), engine)
