"""Base: states another base model in params.yaml: where it is, its family, commit and token ids.

Looks into the configuration and the tokenizer, shows what it has found, and writes it. Weights are
not loaded; finetune and infer measure by themselves whether their fast path is exact for the base.

    python -m analysis.base org/name               # a hub id, at its newest commit
    python -m analysis.base org/name@COMMIT
    python -m analysis.base FOLDER --tokenizer org/other@COMMIT
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml.comments import CommentedSeq

from stages.common.command import InputError, argument_parser, run
from stages.common.settings import PARAMS, load, write

log = logging.getLogger(__name__)

SMALL = Path("data/bases")
"""The small bases that this project has pretrained, a folder each."""
COMMIT = re.compile(r"[0-9a-f]{40}")


class Place(NamedTuple):
    """Where a model or tokenizer is.

    Attributes:
        name: a folder or a hub id.
        revision: the commit of a hub id.
    """

    name: str
    revision: str | None


def is_small(base: str) -> bool:
    """Says whether a base is one that this project has pretrained."""
    return Path(base).parent == SMALL


def find_place(text: str) -> Place:
    """Finds a folder, or a hub id's commit.

    Args:
        text: a folder, org/name or org/name@COMMIT.

    Raises:
        InputError: if there is no such folder and no such hub id.
    """
    if Path(text).is_dir():
        return Place(text, None)
    name, _, revision = text.partition("@")
    if COMMIT.fullmatch(revision):
        return Place(name, revision)
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Place(name, HfApi().model_info(name, revision=revision or None).sha)
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise InputError(
            f"{text!r} is no folder here, and no commit of it can be found on the hub: {error}"
        ) from error


def find_ids(place: Place, tokenizer: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Finds the token ids that params.yaml states.

    Args:
        place: of the base, whose way of generating may name more tokens that end an answer.
        tokenizer: as transformers loads it.
        config: the content of the base's config.json.

    Raises:
        InputError: if no token ends an answer.
    """
    from transformers import GenerationConfig

    from stages.model.loading import own_ids

    begin, end = own_ids(tokenizer)
    ends = [end]
    try:
        own = GenerationConfig.from_pretrained(place.name, revision=place.revision or "main")
    except OSError:
        log.info("no generation_config.json")
    else:
        more = own.eos_token_id
        ends += more if isinstance(more, list) else [more]
    ends = list(dict.fromkeys(token for token in ends if token is not None))
    if not ends:
        raise InputError(f"{place.name}: neither its tokenizer nor its settings name an end token")
    begins = tokenizer("a")["input_ids"][:1] == [begin]
    others = (tokenizer.pad_token_id, tokenizer.unk_token_id, ends[0])
    return {
        "pad_id": next(token for token in others if token is not None),
        "bos_id": begin if begins else None,
        "eos_id": ends if len(ends) > 1 else ends[0],
        "start_id": config.get("decoder_start_token_id"),
    }


def find_quantization(config: Any, stated: str) -> str:
    """Returns the quantization that a base is saved in, or else the one that is stated."""
    own = getattr(config, "quantization_config", None)
    if own is None:
        return stated
    from stages.model.checkpoints import saved_quantization

    return saved_quantization(own)


def main() -> None:
    """Runs the command."""
    parser = argument_parser(__doc__)
    parser.add_argument("base", help="a folder, org/name or org/name@COMMIT")
    parser.add_argument("--tokenizer", help="of another place than the base, likewise")
    arguments = parser.parse_args()

    from tabulate import tabulate
    from transformers import AutoConfig, AutoTokenizer

    from stages.model.family import family_of
    from stages.model.pieces import check_pieces
    from stages.model.reading import reading

    base = find_place(arguments.base)
    other = find_place(arguments.tokenizer) if arguments.tokenizer else None
    words = other or base
    with reading(arguments.base):
        config = AutoConfig.from_pretrained(
            base.name, revision=base.revision or "main", trust_remote_code=False
        )
        tokenizer = AutoTokenizer.from_pretrained(
            words.name, revision=words.revision or "main", trust_remote_code=False
        )
    check_pieces(tokenizer, words.name)
    before = load(PARAMS)["model"]
    found = {
        "base": base.name,
        "family": "auto",
        "revision": base.revision,
        "tokenizer": other.name if other else None,
        "tokenizer_revision": other.revision if other else None,
        **find_ids(base, tokenizer, config.to_dict()),
        "quantization": find_quantization(config, before["quantization"]),
    }
    if isinstance(found["eos_id"], list):  # in one line, as a person would write it
        in_a_line = CommentedSeq(found["eos_id"])
        in_a_line.fa.set_flow_style()
        found["eos_id"] = in_a_line
    write({"model": found}, PARAMS)
    text = config.get_text_config()
    print(
        f"{base.name}: {config.model_type}, {family_of(config.to_dict())}, vocabulary"
        f" {text.vocab_size}, tokens {len(tokenizer)}"
    )
    rows = [(f"model.{key}", _shown(before[key]), _shown(found[key])) for key in found]
    print(tabulate(rows, ("key", "before", "now"), "simple", disable_numparse=True))
    for key in ("pad_id", "bos_id", "eos_id", "start_id"):
        ids = found[key] if isinstance(found[key], list) else [found[key]]
        pieces = [repr(tokenizer.convert_ids_to_tokens(i)) for i in ids if i is not None]
        print(f"model.{key}: {', '.join(pieces) or 'none'}")


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


if __name__ == "__main__":
    run(main)
