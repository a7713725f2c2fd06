"""Loading every form of base, tokenizer and adapter; texts to ids; batches."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.common.command import InputError
from stages.model.loading import identity, load_adapter, load_base, load_tokenizer
from stages.model.prompts import Prompts
from stages.model.settings import Model
from stages.model.text import TextEncoder, TokenRow, check_fit
from stages.training.loop import add_lora
from stages.training.settings import Lora
from tests.helpers import tiny

CPU, FP32 = torch.device("cpu"), torch.float32
IDS = torch.tensor([[1, 50, 60, 70, 80, 90]])


def settings(base: Path | str, **changes: Any) -> Model:
    values: dict[str, Any] = {
        "base": str(base),
        "revision": None,
        "tokenizer": None,
        "tokenizer_revision": None,
        "pad_id": 0,
        "bos_id": 1,
        "eos_id": 2,
        "quantization": "none",
        "cutoff": 128,
        "max_characters": None,
    }
    return Model(**values | changes)


def logits(causal: Any) -> torch.Tensor:
    with torch.no_grad():
        return causal(IDS).logits


# --- Bases ---


@pytest.fixture(scope="module")
def expected(tiny_base: Path) -> torch.Tensor:
    return logits(load_base(settings(tiny_base), CPU, FP32))


def test_reads_sharded_safetensors(tiny_base: Path, tmp_path: Path, expected: torch.Tensor) -> None:
    tiny.tokenizer(tmp_path)
    tiny.model(tmp_path, max_shard_size="60KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    assert torch.equal(logits(load_base(settings(tmp_path), CPU, FP32)), expected)


def as_bin(folder: Path, shards: int) -> None:
    """Turns a folder's safetensors into pickled shards, the form of the published base."""
    from safetensors.torch import load_file

    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    if shards == 1:
        torch.save(state, folder / "pytorch_model.bin")
        return
    names = sorted(state)
    index = {}
    for i in range(shards):
        file = f"pytorch_model-{i + 1:05d}-of-{shards:05d}.bin"
        part = {name: state[name] for name in names[i::shards]}
        torch.save(part, folder / file)
        index |= dict.fromkeys(part, file)
    size = sum(t.numel() * t.element_size() for t in state.values())
    content = {"metadata": {"total_size": size}, "weight_map": index}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(content))


@pytest.mark.parametrize("shards", [1, 5])
def test_reads_bin_files(tmp_path: Path, shards: int, expected: torch.Tensor) -> None:
    tiny.model(tmp_path)
    as_bin(tmp_path, shards)
    assert torch.equal(logits(load_base(settings(tmp_path), CPU, FP32)), expected)


def test_never_runs_what_a_bin_file_pickles(tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'owned'}",)

    tiny.model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save({"model.norm.weight": Malicious()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_base(settings(tmp_path), CPU, FP32)
    assert not (tmp_path / "owned").exists()


def test_a_base_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tiny.model(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    save_file({n: w for n, w in weights.items() if "layers.1.mlp.up" not in n}, path)
    with pytest.raises(InputError, match=r"lacks weights.*: model\.layers\.1\.mlp\.up_proj"):
        load_base(settings(tmp_path), CPU, FP32)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be loaded"):
        load_base(settings(tmp_path), CPU, FP32)


def test_an_adapter_is_no_base(tiny_base: Path, tmp_path: Path) -> None:
    lora = Lora(rank=2, alpha=4.0, dropout=0.0, targets=["q_proj"])
    add_lora(load_base(settings(tiny_base), CPU, FP32), lora).save_pretrained(str(tmp_path))
    with pytest.raises(InputError, match="holds an adapter"):
        load_base(settings(tmp_path), CPU, FP32)


def test_no_code_comes_from_a_hub(tiny_base: Path) -> None:
    """bitsandbytes would load kernels by way of the package of that name."""
    load_base(settings(tiny_base, quantization="nf4"), CPU, FP32)
    assert sys.modules["kernels"] is None


def test_a_tied_head_is_not_missed(tmp_path: Path) -> None:
    tiny.model(tmp_path, tied=True)
    assert load_base(settings(tmp_path), CPU, FP32) is not None


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_quantised_bases_answer_almost_alike(
    tiny_base: Path, quantization: str, expected: torch.Tensor
) -> None:
    import bitsandbytes as bnb

    causal = load_base(settings(tiny_base, quantization=quantization), CPU, FP32)
    kind = {"nf4": bnb.nn.Linear4bit, "int8": bnb.nn.Linear8bitLt}[quantization]
    layers = [m for m in causal.modules() if isinstance(m, kind)]
    assert len(layers) == 2 * 7  # q, k, v, o, gate, up, down of both layers
    if quantization == "nf4":
        assert {layer.weight.quant_type for layer in layers} == {"nf4"}
    causal.train()
    difference = (logits(causal) - expected).abs().max()
    assert 0 < difference < 0.3 * expected.abs().max()


HUB_SCRIPT = """
import sys, torch
from tests.model.test_loading import IDS, logits, settings
from stages.model import loading as model
chosen = settings(sys.argv[1], revision=sys.argv[2])
causal = load_base(chosen, torch.device("cpu"), torch.float32)
tokenizer = load_tokenizer(chosen)
print(round(float(logits(causal).double().abs().sum()), 4), tokenizer("glicemia")["input_ids"])
"""


def test_reads_a_hub_id_at_its_pinned_revision(
    tiny_base: Path, tmp_path: Path, root: Path, expected: torch.Tensor
) -> None:
    """From a prepared cache, offline; another revision in it must not be taken."""
    commit, other = "a" * 40, "b" * 40
    snapshots = tmp_path / "hub" / "models--gruppo--modello" / "snapshots"
    tiny.tokenizer(snapshots / commit)
    tiny.model(snapshots / commit)
    tiny.tokenizer(snapshots / other)
    tiny.model(snapshots / other, seed=9)
    references = tmp_path / "hub" / "models--gruppo--modello" / "refs"
    references.mkdir()
    (references / "main").write_text(other)
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}

    def load(revision: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", HUB_SCRIPT, "gruppo/modello", revision]
        return subprocess.run(command, cwd=root, env=environment, text=True, capture_output=True)

    result = load(commit)
    ids = load_tokenizer(settings(tiny_base))("glicemia")["input_ids"]
    assert result.stdout.strip().endswith(
        f"{round(float(expected.double().abs().sum()), 4)} {ids}"
    ), result.stderr
    missing = load("c" * 40)
    assert missing.returncode == 1
    assert "model.base 'gruppo/modello' cannot be loaded" in missing.stderr


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "a" * 39, "A" * 40])
def test_a_hub_id_without_a_commit_is_refused(revision: str | None) -> None:
    with pytest.raises(ValidationError, match=r"40 hex digits|pattern"):
        settings("gruppo/modello", revision=revision)


def test_token_ids_outside_the_vocabulary_are_refused(tiny_base: Path) -> None:
    with pytest.raises(InputError, match="token id 400"):
        load_base(settings(tiny_base, eos_id=400), CPU, FP32)


def test_stated_ids_win_over_the_files(tmp_path: Path) -> None:
    tiny.model(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text()) | {"pad_token_id": 7, "eos_token_id": 9}
    path.write_text(json.dumps(config))
    causal = load_base(settings(tmp_path), CPU, FP32)
    for stated in (causal.config, causal.generation_config):
        assert (stated.pad_token_id, stated.bos_token_id, stated.eos_token_id) == (0, 1, 2)


def test_the_bases_own_way_of_generating_is_left_aside(tmp_path: Path) -> None:
    tiny.model(tmp_path)
    path = tmp_path / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"repetition_penalty": 5.0}))
    causal = load_base(settings(tmp_path), CPU, FP32)
    assert causal.generation_config.repetition_penalty in (None, 1.0)


def test_rows_must_fit_the_base(tiny_base: Path) -> None:
    causal = load_base(settings(tiny_base), CPU, FP32)
    check_fit([TokenRow([1, 399], 1, 0)], causal.config)
    with pytest.raises(InputError, match="a token 400, the base only 400"):
        check_fit([TokenRow([1, 400], 1, 0)], causal.config)
    with pytest.raises(InputError, match="513 tokens, but the base can hold 512"):
        check_fit([TokenRow([1] * 500, 1, 0)], causal.config, answer=13)


def test_texts_that_spell_special_tokens_are_texts(tiny_base: Path) -> None:
    encode, tokenizer = encoder(tiny_base)
    row = encode.training("prova", "a </s> b <s>", "c</s>")
    assert row.ids.count(2) == row.ids.count(1) == 1
    assert tokenizer.decode(row.ids[1:-1]) == "H|Trova.|a </s> b <s>|c</s>"


# --- Tokenizers ---


def test_a_sentencepiece_tokenizer_from_another_place(tiny_base: Path, tmp_path: Path) -> None:
    """The reference's tokenizer is a SentencePiece model in another repository than the base."""
    import sentencepiece

    (tmp_path / "texts.txt").write_text("il paziente presenta glicemia nella norma 98% è\n" * 50)
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "texts.txt"),
        model_prefix=str(tmp_path / "tokenizer"),
        vocab_size=300,
        model_type="bpe",
        byte_fallback=True,
        hard_vocab_limit=False,
        minloglevel=2,
        **{"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": -1},
    )
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"})
    )
    tokenizer = load_tokenizer(settings(tiny_base, tokenizer=str(tmp_path)))
    text = "glicemia 98% è nella norma [BREL] ≥ 😀 </s>"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert ids == processor.encode(text)
    assert 2 not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text


def test_a_fast_tokenizer_from_another_place(tiny_base: Path, tmp_path: Path) -> None:
    tiny.tokenizer(tmp_path, ["tutt'altre parole"])
    own = load_tokenizer(settings(tiny_base))
    other = load_tokenizer(settings(tiny_base, tokenizer=str(tmp_path)))
    text = "parole tutt'altre [SEP] è"
    ids = other(text, add_special_tokens=False)["input_ids"]
    assert ids != own(text, add_special_tokens=False)["input_ids"]
    assert other.decode(ids) == text


def test_other_ids_in_the_tokenizers_files_are_pointed_out(
    tiny_base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tiny.tokenizer(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token": "<unk>"}))
    load_tokenizer(settings(tiny_base, tokenizer=str(tmp_path)))
    assert "the tokenizer's own bos and eos ids are 1 and 0" in caplog.text


# --- Adapters ---


@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_reads_adapters(tiny_base: Path, tmp_path: Path, form: str) -> None:
    lora = Lora(rank=2, alpha=4.0, dropout=0.0, targets=["q_proj", "v_proj"])
    adapted = add_lora(load_base(settings(tiny_base), CPU, FP32), lora)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter.data)
    adapted.save_pretrained(str(tmp_path))
    if form == "bin":
        from safetensors.torch import load_file

        torch.save(
            load_file(tmp_path / "adapter_model.safetensors"), tmp_path / "adapter_model.bin"
        )
        (tmp_path / "adapter_model.safetensors").unlink()
    loaded = load_adapter(load_base(settings(tiny_base), CPU, FP32), tmp_path)
    adapted.eval()
    assert torch.equal(logits(loaded), logits(adapted))
    plain = logits(load_base(settings(tiny_base), CPU, FP32))
    assert not torch.allclose(logits(loaded), plain, atol=1e-3)


def test_an_adapter_that_does_not_fit_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="adapter_config.json: cannot be read"):
        load_adapter(load_base(settings(tiny_base), CPU, FP32), tmp_path)


def test_an_adapter_that_lacks_weights_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    lora = Lora(rank=2, alpha=4.0, dropout=0.0, targets=["q_proj", "v_proj"])
    add_lora(load_base(settings(tiny_base), CPU, FP32), lora).save_pretrained(str(tmp_path))
    path = tmp_path / "adapter_model.safetensors"
    weights = load_file(path)
    save_file(dict(list(weights.items())[1:]), path)
    with pytest.raises(InputError, match="cannot be loaded as an adapter"):
        load_adapter(load_base(settings(tiny_base), CPU, FP32), tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="no adapter_model.safetensors"):
        load_adapter(load_base(settings(tiny_base), CPU, FP32), tmp_path)
    config = tmp_path / "adapter_config.json"
    config.write_text(config.read_text().replace('"LORA"', '"IA3"'))
    with pytest.raises(InputError, match="expected the settings of a LoRA adapter"):
        load_adapter(load_base(settings(tiny_base), CPU, FP32), tmp_path)


def test_unknown_targets_are_named(tiny_base: Path) -> None:
    lora = Lora(rank=2, alpha=4.0, dropout=0.0, targets=["q_proj", "vproj"])
    with pytest.raises(InputError, match=r"has no layers vproj; it has .*v_proj"):
        add_lora(load_base(settings(tiny_base), CPU, FP32), lora)


# --- Text to token ids ---


PROMPTS = Prompts(
    template="{header}|{instruction}|{input}|", header="H", instructions={"prova": "Trova."}
)


def encoder(base: Path, **changes: Any) -> tuple[TextEncoder, Any]:
    chosen = settings(base, **changes)
    tokenizer = load_tokenizer(chosen)
    return TextEncoder(chosen, tokenizer, PROMPTS), tokenizer


def test_prompt_and_answer_are_tokenised_apart_and_the_end_is_learnt(tiny_base: Path) -> None:
    encode, tokenizer = encoder(tiny_base)
    row = encode.training("prova", "glicemia alta", "nella norma")
    prompt = tokenizer("H|Trova.|glicemia alta|", add_special_tokens=False)["input_ids"]
    answer = tokenizer("nella norma", add_special_tokens=False)["input_ids"]
    assert row.ids == [1, *prompt, *answer, 2]
    assert row.prompt == 1 + len(prompt)
    assert row.cut == 0
    assert encode.question("prova", "glicemia alta", 500).ids == [1, *prompt]


@given(st.text(max_size=400), st.text(max_size=30))
def test_the_input_is_cut_never_the_answer(tiny_base: Path, text: str, answer: str) -> None:
    cutoff = 150
    encode, tokenizer = encoder_once(tiny_base, cutoff)
    row = encode.training("prova", text, answer)
    assert len(row.ids) <= cutoff
    ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
    assert row.ids[row.prompt :] == [*ids, 2]
    kept = text[: len(text) - row.cut].rstrip()
    shown = f"H|Trova.|{kept}|" if row.cut else f"H|Trova.|{text.rstrip()}|"
    assert row.ids[: row.prompt] == [1, *tokenizer(shown, add_special_tokens=False)["input_ids"]]


_ENCODERS: dict[tuple[Path, int], tuple[TextEncoder, Any]] = {}


def encoder_once(base: Path, cutoff: int) -> tuple[TextEncoder, Any]:
    if (base, cutoff) not in _ENCODERS:
        _ENCODERS[base, cutoff] = encoder(base, cutoff=cutoff)
    return _ENCODERS[base, cutoff]


def test_a_cut_leaves_as_much_as_fits_and_whole_words(tiny_base: Path) -> None:
    encode, _ = encoder(tiny_base, cutoff=60)
    text = "glicemia " * 40
    row = encode.training("prova", text, "norma")
    assert 60 - len("glicemia ") <= len(row.ids) <= 60
    assert (len(text) - row.cut) % 9 in (0, 8)


def test_the_lectures_cut_in_characters(tiny_base: Path) -> None:
    encode, _ = encoder(tiny_base, max_characters=8)
    row = encode.question("prova", "glicemia alta", 500)
    assert row.ids == encode.question("prova", "glicemia", 500).ids
    assert row.cut == len(" alta")


def test_an_answer_that_cannot_fit_is_an_error(tiny_base: Path) -> None:
    encode, _ = encoder(tiny_base, cutoff=16)
    with pytest.raises(InputError, match=r"model\.cutoff: the instruction of prova alone has"):
        encode.training("prova", "x", "parola " * 20)


def test_identity_changes_with_a_file_of_the_base(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"1")
    before = identity(settings(tmp_path))
    (tmp_path / "weights").write_bytes(b"2")
    assert identity(settings(tmp_path)) != before
