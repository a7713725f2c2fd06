"""Answers of a pretrained base with its own peculiarities: those of one at a time, without ties.

The small base is always tried; another one where REAL_BASE names its folder. On a GPU in bf16, and
with more questions: benchmarks/precision.py.
"""

import os
from pathlib import Path

import pytest
import torch

from benchmarks.precision import scored, state_base, written
from stages import infer
from stages.answering.answers import Question
from stages.answering.candidates import Candidates
from stages.answering.engines import exact_engine
from stages.answering.plain_engine import PlainEngine
from stages.common.prompts import Prompts
from stages.common.settings import read
from stages.model.check import Reference
from stages.model.loading import load_base, load_tokenizer
from stages.model.text import TextEncoder
from stages.training.adapter import add_lora
from stages.training.settings import Lora
from tests.helpers.models import CPU

LIMIT = 6
SENTENCE = "Ieri il direttore del museo di Torino ha detto che la mostra resterà aperta. "
TEXTS = [SENTENCE, "Che bella giornata!", 60 * SENTENCE]  # the last is longer than a window of 512


@pytest.fixture(params=["the small base", "REAL_BASE"])
def base(request: pytest.FixtureRequest, root: Path) -> Path:
    """The folder of a pretrained base."""
    if request.param == "the small base":
        return root / "data" / "bases" / "llama"
    if "REAL_BASE" not in os.environ:
        pytest.skip("REAL_BASE names no folder of a pretrained base")
    return Path(os.environ["REAL_BASE"])


@pytest.mark.long
def test_answers_are_those_of_one_at_a_time(
    base: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    settings = read(infer.Settings)
    model = state_base(base, settings)
    encoder = TextEncoder(model, load_tokenizer(model), read(Prompts, Path("data/prompts/it.yaml")))
    rows = [encoder.encode_question("haspeede", text, 1000) for text in TEXTS]
    assert len(rows[-1].ids) > 512
    questions = [Question(str(n), "haspeede", row.ids) for n, row in enumerate(rows)]
    candidates = Candidates({text: encoder.encode_answer(text) for text in ("sì", "no")})
    lora = Lora(rank=8, alpha=16.0, dropout=0.0, targets=["q_proj", "down_proj"])
    torch.manual_seed(5)
    causal = add_lora(load_base(model, CPU, torch.float32), lora).eval()
    for name, weight in causal.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    one_by_one = PlainEngine(causal, model.end_ids, model.pad_id, alone=True)
    Reference(causal, model.pad_id).as_path()
    expected = scored(one_by_one, questions, candidates)
    expected_answers = written(one_by_one, questions, LIMIT)

    few = settings.infer.model_copy(update={"max_new_tokens": LIMIT})
    engine = exact_engine(causal, model, few, [row.ids for row in rows])
    found = scored(engine, questions, candidates)
    for own, other in zip(expected, found, strict=True):
        assert other == pytest.approx(own, abs=1e-4)
        assert other["sì"] != other["no"]
    assert written(engine, questions, LIMIT) == expected_answers
