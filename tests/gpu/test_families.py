"""Encoder-decoders and encoders on a GPU: in bf16, and quantised, as in fp32 up to rounding."""

from pathlib import Path
from typing import Any

import pytest
import torch

from stages.answering.answers import Question
from stages.answering.candidates import Candidates
from stages.answering.engine import Request
from stages.answering.engines import exact_engine
from stages.answering.heads import HeadsAnswerer
from stages.answering.settings import Infer
from stages.model.heads import add_heads, exact_heads_path
from stages.model.loading import load_base
from stages.training.adapter import add_lora
from stages.training.examples import Examples
from stages.training.loop import train
from stages.training.paths import choose_path
from tests.helpers import encoders, pairs
from tests.helpers.models import CPU, FP32
from tests.helpers.trainings import finetune_settings

pytestmark = pytest.mark.gpu
GPU = torch.device("cuda")
INFER = Infer(adapter=True, engine="torch", score_closed=True, max_new_tokens=8)


def save(name: str, folder: Path) -> None:
    """Writes a tiny base; of a T5's large states 16 bits would round too much away."""
    if name in pairs.PAIRS:
        pairs.save(name, folder, spread=0.05)
    else:
        encoders.save(name, folder)


def losses(
    name: str, folder: Path, scratch: Path, device: torch.device, dtype: torch.dtype, **changes: Any
) -> tuple[list[float], Any]:
    """Trains on forty examples; returns the losses and the model."""
    is_pair = name in pairs.PAIRS
    targets = (pairs.PAIRS[name][3] if is_pair else encoders.ENCODERS[name][2])[:]
    finetune = finetune_settings(learning_rate=0.01, lora={"targets": list(targets)})
    torch.manual_seed(1)
    known: Any = pairs.rows(40) if is_pair else encoders.rows(folder, 40)
    given = (
        pairs.settings(name, folder, **changes) if is_pair else encoders.settings(folder, **changes)
    )
    model = add_lora(load_base(given, device, dtype), finetune.lora)
    if not is_pair:
        add_heads(model, known, encoders.FORMS)
    path = choose_path(model, known, 0, "torch")
    assert not path.alone or changes  # type: ignore[attr-defined]
    scratch.mkdir()
    examples = Examples(known, [getattr(row, "subtask", "x") for row in known])
    progress = train(path, examples, known[:8], finetune, scratch)
    return [loss for *_, loss in progress.train], model


@pytest.mark.parametrize("name", ["T5", "T5 1.1", "mT5", "BART", "BERT", "XLM-R", "ModernBERT"])
def test_learns_in_bf16_as_in_fp32(name: str, tmp_path: Path) -> None:
    save(name, tmp_path / "base")
    exact, _ = losses(name, tmp_path / "base", tmp_path / "a", CPU, FP32)
    found, _ = losses(name, tmp_path / "base", tmp_path / "b", GPU, torch.bfloat16)
    assert found == pytest.approx(exact, rel=0.1, abs=0.1)


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
@pytest.mark.parametrize("name", ["T5", "BERT"])
def test_learns_beside_a_quantised_base(name: str, quantization: str, tmp_path: Path) -> None:
    save(name, tmp_path / "base")
    found, _ = losses(
        name, tmp_path / "base", tmp_path / "a", GPU, torch.bfloat16, quantization=quantization
    )
    assert sum(found[-3:]) < sum(found[:3])


def test_an_encoder_decoder_answers_in_bf16(tmp_path: Path) -> None:
    save("T5 1.1", tmp_path / "base")
    _, model = losses("T5 1.1", tmp_path / "base", tmp_path / "a", GPU, torch.bfloat16)
    prompts = [row.ids[: row.prompt] for row in pairs.rows(30, seed=4)]
    engine = exact_engine(model, pairs.settings("T5 1.1", tmp_path / "base"), INFER, prompts)
    answers = dict(engine.generate([Request(ids, 8) for ids in prompts]))
    assert answers.keys() == set(range(30))
    candidates = Candidates({"a": [5, 2], "b": [6, 2], "c": [6, 7, 2]})
    for _, values in engine.score(prompts, candidates):
        assert sum(candidates.probabilities(values).values()) == pytest.approx(1)


def test_heads_answer_in_bf16(tmp_path: Path) -> None:
    save("BERT", tmp_path / "base")
    _, model = losses("BERT", tmp_path / "base", tmp_path / "a", GPU, torch.bfloat16)
    known = encoders.rows(tmp_path / "base", 30, seed=4)
    asked = [Question(f"{n}", row.subtask, row.ids, "casa mare") for n, row in enumerate(known)]
    path = exact_heads_path(model.eval(), known, 0)
    by_heads = HeadsAnswerer(path, encoders.input_encoder(tmp_path / "base"), ["classes"])
    assert len(list(by_heads.answer(asked))) == 30
