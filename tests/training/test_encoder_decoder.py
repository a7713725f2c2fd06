"""Encoder-decoders learn as a plain loop of transformers and peft has it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from stages.model.encoder_decoder import EncoderDecoderPath
from stages.model.loading import load_base
from stages.training import micro_batches
from stages.training.adapter import add_lora, save_adapter
from stages.training.examples import Examples
from stages.training.loop import Trainer, train
from stages.training.paths import choose_path
from stages.training.saved import SavingTimes
from stages.training.settings import Finetune
from tests.helpers.models import CPU, FP32
from tests.helpers.pairs import PAIRS, reference, reference_losses, rows, save, settings
from tests.helpers.trainings import finetune_settings, trained_weights

ROWS = rows(40)
EXAMPLES = Examples(ROWS, ["x"] * 40)


def shape(name: str, **changes: Any) -> Finetune:
    return finetune_settings(lora={"targets": list(PAIRS[name][3])}, **changes)


def adapted(name: str, folder: Path, finetune: Finetune, quantization: str = "none") -> Any:
    torch.manual_seed(finetune.seed)
    base = load_base(settings(name, folder, quantization=quantization), CPU, FP32)
    return add_lora(base, finetune.lora)


@pytest.mark.parametrize("name", PAIRS)
def test_losses_of_20_updates_are_those_of_a_plain_loop(name: str, tmp_path: Path) -> None:
    finetune = shape(name, epochs=4)
    save(name, tmp_path / "base")
    path = choose_path(adapted(name, tmp_path / "base", finetune), ROWS, 0, finetune.engine)
    assert isinstance(path, EncoderDecoderPath)
    assert not path.alone
    (tmp_path / "scratch").mkdir()
    ours = [loss for *_, loss in train(path, EXAMPLES, (), finetune, tmp_path / "scratch").train]
    torch.manual_seed(finetune.seed)
    model = reference(tmp_path / "base", PAIRS[name][3])
    theirs = reference_losses(model, ROWS, finetune, 20)
    assert len(ours) == 20
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert ours[-1] < ours[0]
    for (one, weight), (other, value) in zip(
        trained_weights(path.model).items(), trained_weights(model).items(), strict=True
    ):
        assert one == other
        torch.testing.assert_close(weight, value, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_learns_beside_a_quantised_base(tmp_path: Path, quantization: str) -> None:
    finetune = shape("T5", epochs=6)
    save("T5", tmp_path / "base", spread=0.05)
    model = adapted("T5", tmp_path / "base", finetune, quantization)
    (tmp_path / "scratch").mkdir()
    path = choose_path(model, ROWS, 0, "torch")
    progress = train(path, EXAMPLES, ROWS[:8], finetune, tmp_path / "scratch")
    losses = [loss for *_, loss in progress.dev]
    assert losses[-1] < losses[0] < 7.0


def test_updates_do_not_depend_on_micro_batches_and_go_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    finetune = finetune_settings(
        epochs=2, keep="best", lora={"dropout": 0.1, "targets": ["q", "v"]}
    )
    save("T5 1.1", tmp_path / "base")

    def run(name: str) -> tuple[Any, Any]:
        (tmp_path / name).mkdir(exist_ok=True)
        model = adapted("T5 1.1", tmp_path / "base", finetune)
        path = EncoderDecoderPath(model, 0)
        return train(path, EXAMPLES, ROWS[:8], finetune, tmp_path / name), model

    whole, model = run("whole")
    monkeypatch.setattr(SavingTimes, "due", True)
    update, calls = Trainer.update, []

    def stopping(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 7:
            raise Stopped
        return update(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", stopping)
        with pytest.raises(Stopped):
            run("stopped")
    resumed, again = run("stopped")
    assert resumed == whole
    for one, other in ((model, "one"), (again, "other")):
        (tmp_path / other).mkdir()
        save_adapter(one, tmp_path / other)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes()

    finetune = finetune_settings(lora={"targets": ["q", "v"]})
    curves = []
    for tokens in (20, 10_000):
        monkeypatch.setattr(micro_batches, "FIRST", tokens)
        curves.append([loss for *_, loss in run(str(tokens))[0].train])
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


def test_targets_may_be_all_linear_layers_but_the_head(tmp_path: Path) -> None:
    save("T5 1.1", tmp_path)
    finetune = finetune_settings(lora={"targets": "all"})
    model = adapted("T5 1.1", tmp_path, finetune)
    targets = model.peft_config["default"].target_modules
    assert targets == {"q", "k", "v", "o", "wi_0", "wi_1", "wo"}
    assert model.peft_config["default"].task_type == "SEQ_2_SEQ_LM"
