"""Loads a base by hub id and commit, and prints what its logits and its tokenizer give."""

import sys

from stages.common.command import run
from stages.model.loading import load_base, load_tokenizer
from tests.helpers.models import CPU, FP32, logits, model_settings


def main() -> None:
    """Loads and prints."""
    settings = model_settings(sys.argv[1], revision=sys.argv[2])
    total = float(logits(load_base(settings, CPU, FP32)).double().abs().sum())
    print(round(total, 4), load_tokenizer(settings)("glicemia")["input_ids"])


if __name__ == "__main__":
    run(main)
