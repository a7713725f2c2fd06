"""Encoders with heads learn as a plain loop of transformers, peft and torch has it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import Linear, functional

from stages.common.files import write_json, write_jsonl
from stages.model.heads import HeadRow, HeadsPath, add_heads
from stages.model.loading import load_base
from stages.training import micro_batches
from stages.training.adapter import add_lora, save_adapter
from stages.training.examples import Examples
from stages.training.head_examples import read_head_examples
from stages.training.loop import Trainer, train
from stages.training.paths import choose_path
from stages.training.saved import SavingTimes
from stages.training.schedule import epoch_order, learning_rate
from stages.training.settings import Finetune
from tests.helpers.encoders import ENCODERS, FORMS, bare, input_encoder, rows, save, settings
from tests.helpers.models import CPU, FP32
from tests.helpers.pairs import matrix
from tests.helpers.trainings import finetune_settings, trained_weights

PLAIN = ("classes", "numbers", "place", "spans", "words")
"""The sub-tasks of the plain loop, in the order of their names."""

OUTPUTS = {"classes": 3, "numbers": 2, "place": 3, "spans": 5, "words": 3}
LABELS = {"Lazio": 0, "Puglia": 1, "sì": 0, "no": 1, "forse": 2}


def adapted(
    name: str, folder: Path, finetune: Finetune, examples: Sequence[HeadRow], **changes: Any
) -> Any:
    torch.manual_seed(finetune.seed)
    model = add_lora(load_base(settings(folder, **changes), CPU, FP32), finetune.lora)
    add_heads(model, examples, FORMS)
    return model


def shape(name: str, **changes: Any) -> Finetune:
    values = {"learning_rate": 0.01, "lora": {"targets": list(ENCODERS[name][2])}}
    return finetune_settings(**values | changes)


def plain_loss(
    model: Any, heads: dict[str, Linear], batch: Sequence[HeadRow], scale: torch.Tensor
) -> torch.Tensor:
    """The mean loss of padded rows, written out for each kind."""
    ids = matrix([row.ids for row in batch], 0)
    mask = matrix([[1] * len(row.ids) for row in batch], 0)
    states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    total = torch.zeros(())
    for n, row in enumerate(batch):
        own = states[n, : len(row.ids)]
        mean, head = own.mean(0), heads[row.subtask]
        if row.subtask == "classes":
            target = torch.tensor([LABELS[row.value["answer"]]])
            total = total + functional.cross_entropy(head(mean)[None], target)
        elif row.subtask == "words":
            for logit, word in zip(head(mean), "abc", strict=True):
                total = total - functional.logsigmoid(logit if word in row.value else -logit)
        elif row.subtask == "numbers":
            gold = torch.tensor([row.value["x"], row.value["y"]])
            total = total + 0.5 * ((head(mean) - (gold - scale[0]) / scale[1]) ** 2).sum()
        elif row.subtask == "place":
            target = torch.tensor([LABELS[row.value["r"]]])
            total = total + functional.cross_entropy(head(mean)[None, :2], target)
            gold = (row.value["x"] - scale[2, 0]) / scale[3, 0]
            total = total + 0.5 * (head(mean)[2] - gold) ** 2
        else:
            (start, _, label), *_ = row.value
            codes = [0 if u.start != start else {"PER": 1, "LOC": 3}[label] for u in row.units]
            logits = torch.stack([head(own[unit.token]) for unit in row.units])
            total = total + functional.cross_entropy(logits, torch.tensor(codes))
    return total / len(batch)


@pytest.mark.parametrize("name", ENCODERS)
def test_losses_of_20_updates_are_those_of_a_plain_loop(name: str, tmp_path: Path) -> None:
    save(name, tmp_path / "base")
    finetune = shape(name, epochs=4)
    known = [row for row in rows(tmp_path / "base", 48) if row.subtask in PLAIN]
    assert len(known) == 40
    model = adapted(name, tmp_path / "base", finetune, known)
    path = choose_path(model, known, 0, "torch")
    assert isinstance(path, HeadsPath)
    assert not path.alone
    (tmp_path / "scratch").mkdir()
    examples = Examples(known, ["x"] * 40)
    ours = [loss for *_, loss in train(path, examples, (), finetune, tmp_path / "scratch").train]

    torch.manual_seed(finetune.seed)
    base = bare(name, tmp_path / "base")  # in evaluation, which leaves dropout out
    lora = LoraConfig(r=4, lora_alpha=8, target_modules=sorted(ENCODERS[name][2]))
    plain = get_peft_model(base, lora)
    heads = {subtask: Linear(64, OUTPUTS[subtask]) for subtask in PLAIN}
    scales = []
    for subtask, slots in (("numbers", "xy"), ("place", "xx")):
        found = torch.tensor([[r.value[s] for s in slots] for r in known if r.subtask == subtask])
        scales += [found.mean(0), found.std(0, correction=0)]
    trained = [p for p in plain.parameters() if p.requires_grad]
    trained += [p for head in heads.values() for p in head.parameters()]
    optimizer = torch.optim.AdamW(trained, weight_decay=0.0)
    theirs = []
    for update in range(20):
        epoch, step = divmod(update, 5)
        order = epoch_order(["x"] * 40, {}, finetune.seed, epoch)[step * 8 : step * 8 + 8]
        loss = plain_loss(plain, heads, [known[i] for i in order], torch.stack(scales))
        optimizer.zero_grad()
        loss.backward()
        for parameter in trained:  # a head that no row needs
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(update, 20, finetune.learning_rate, finetune.warmup)
        torch.nn.utils.clip_grad_norm_(trained, finetune.clip)
        optimizer.step()
        theirs.append(float(loss.detach()))
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert min(ours[-3:]) < ours[0]


@pytest.mark.parametrize("quantization", ["none", "nf4", "int8"])
def test_all_kinds_learn(quantization: str, tmp_path: Path) -> None:
    save("BERT", tmp_path / "base")
    finetune = shape("BERT", epochs=5)
    known = rows(tmp_path / "base", 96)
    model = adapted("BERT", tmp_path / "base", finetune, known, quantization=quantization)
    path = choose_path(model, known, 0, "torch")
    (tmp_path / "scratch").mkdir()
    examples = Examples(known, [row.subtask for row in known])
    dev = [known[n] for n in range(24)]
    progress = train(path, examples, dev, finetune, tmp_path / "scratch")
    losses = [loss for *_, loss in progress.dev]
    assert losses[-1] < 0.9 * losses[0]


def test_a_training_goes_on_to_the_same_bytes_whatever_the_micro_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    save("RoBERTa", tmp_path / "base")
    known = rows(tmp_path / "base", 40)
    examples = Examples(known, [row.subtask for row in known])
    finetune = shape("RoBERTa", keep="best", lora={"dropout": 0.1, "targets": "all"})

    def run(name: str, finetune: Finetune) -> tuple[Any, Any]:
        (tmp_path / name).mkdir(exist_ok=True)
        model = adapted("RoBERTa", tmp_path / "base", finetune, known)
        return train(HeadsPath(model, 0), examples, known[:9], finetune, tmp_path / name), model

    whole, model = run("whole", finetune)
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
            run("stopped", finetune)
    resumed, again = run("stopped", finetune)
    assert resumed == whole
    for one, place in ((model, "one"), (again, "other")):
        (tmp_path / place).mkdir()
        save_adapter(one, tmp_path / place)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes()

    finetune = shape("RoBERTa")
    curves = []
    for tokens in (20, 10_000):
        monkeypatch.setattr(micro_batches, "FIRST", tokens)
        progress, model = run(str(tokens), finetune)
        curves.append([loss for *_, loss in progress.train])
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)
    assert any(name.startswith("heads.") for name in trained_weights(model))


def test_dev_examples_of_a_sub_task_without_a_head_are_left_out(tmp_path: Path) -> None:
    save("BERT", tmp_path / "base")
    encoder = input_encoder(tmp_path / "base")
    names = {"train": ["classes"], "dev": ["classes", "words", "classes"]}
    for split, subtasks in names.items():
        rows = [
            {"id": f"{split}{n}", "task": name, "input": "casa", "output": "sì"}
            for n, name in enumerate(subtasks)
        ]
        write_jsonl(tmp_path / f"{split}.jsonl", rows)
    known = {"classes": {"answer": "sì"}, "words": []}
    values = [
        {"id": f"{split}{n}", "value": known[name]}
        for split, subtasks in names.items()
        for n, name in enumerate(subtasks)
    ]
    write_jsonl(tmp_path / "values.jsonl", values)
    forms = {name: form.model_dump(mode="json") for name, form in FORMS.items()}
    write_json(tmp_path / "forms.json", forms)
    train = read_head_examples(tmp_path, "train", encoder)
    dev = read_head_examples(tmp_path, "dev", encoder, trained=set(train.subtasks))
    assert list(dev.subtasks) == ["classes", "classes"]
    assert [row.subtask for row in dev.rows] == ["classes", "classes"]  # type: ignore[attr-defined]
