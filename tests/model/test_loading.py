"""Loading every form of base, tokenizer and adapter."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from stages.common.command import InputError
from stages.model.adapters import load_adapter
from stages.model.loading import load_base, load_config, load_tokenizer
from stages.training.adapter import add_lora
from stages.training.settings import Lora
from tests.helpers import tiny
from tests.helpers.models import CPU, FP32, logits, model_settings

# --- Bases ---


@pytest.fixture(scope="module")
def expected(tiny_base: Path) -> torch.Tensor:
    return logits(load_base(model_settings(tiny_base), CPU, FP32))


def test_reads_sharded_safetensors(tiny_base: Path, tmp_path: Path, expected: torch.Tensor) -> None:
    tiny.tokenizer(tmp_path)
    tiny.model(tmp_path, max_shard_size="60KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    assert torch.equal(logits(load_base(model_settings(tmp_path), CPU, FP32)), expected)


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
    assert torch.equal(logits(load_base(model_settings(tmp_path), CPU, FP32)), expected)


def test_never_runs_what_a_bin_file_pickles(tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'owned'}",)

    tiny.model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save({"model.norm.weight": Malicious()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="holds more than numbers, .* is never read") as error:
        load_base(model_settings(tmp_path), CPU, FP32)
    assert "weights_only" not in str(error.value)  # torch advises to switch the check off
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "content",
    ["[1]", '{"a": ' + "[" * 20_000 + "]" * 20_000 + "}", "{", '{"num_hidden_layers": "two"}'],
    ids=["a list", "deep", "cut", "words"],
)
def test_a_configuration_that_is_none_is_an_error(
    tiny_base: Path, tmp_path: Path, content: str
) -> None:
    readers = {"config.json": load_config}
    if "num" not in content:
        readers |= {"tokenizer_config.json": load_tokenizer, "tokenizer.json": load_tokenizer}
    for file, load in readers.items():
        base = shutil.copytree(tiny_base, tmp_path / file)
        (base / file).write_text(content)
        expected = "cannot be loaded: |expected a mapping|not valid JSON"
        with pytest.raises(InputError, match=rf"{file}.*({expected})|tokenizer .*({expected})"):
            load(model_settings(base))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "\ud800"}, r"config.json: not valid JSON: .*lone surrogate"),
        ({"text_config": {"num_hidden_layers": 2}}, "model.base .* cannot be loaded: "),
        ({"num_attention_heads": 0}, "model.base .* cannot be loaded: ZeroDivisionError"),
        ({"intermediate_size": 96}, "weights of other shapes than config.json says"),
        ({"num_hidden_layers": 900, "hidden_size": 4096}, "describes 2,369,949,696 parameters"),
    ],
    ids=["surrogate", "text_config", "no heads", "another shape", "many parameters"],
)
def test_what_a_configuration_says_is_checked_against_the_base(
    tiny_base: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(InputError, match=message):
        load_tokenizer(model_settings(base))
        load_base(model_settings(base), CPU, FP32)


def test_weights_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    tiny.model(tmp_path / "base")
    (tmp_path / "base" / "model.safetensors").rename(tmp_path / "model.safetensors")
    index = tmp_path / "base" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"lm_head.weight": "../model.safetensors"}}))
    with pytest.raises(InputError, match=r"index.json: expected names of files beside it, found"):
        load_base(model_settings(tmp_path / "base"), CPU, FP32)


def test_a_configuration_decides_neither_the_size_of_the_work_nor_what_computes(
    tmp_path: Path,
) -> None:
    """A name of a kernel would make transformers fetch it from the hub, and run it."""
    tiny.model(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    kernel = "kernels-community/flash-attn"
    for key in ("_attn_implementation", "attn_implementation", "experts_implementation"):
        path.write_text(json.dumps(config | {key: kernel}))
        read = load_config(model_settings(tmp_path))
        assert (read._attn_implementation, read._experts_implementation) == (None, None)
        assert load_base(model_settings(tmp_path), CPU, FP32).config._attn_implementation == "sdpa"
    path.write_text(json.dumps(config | {"num_hidden_layers": 10**6}))
    with pytest.raises(InputError, match=r"says 1000000 layers, expected at most 1000"):
        load_base(model_settings(tmp_path), CPU, FP32)


def test_a_base_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tiny.model(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    save_file({n: w for n, w in weights.items() if "layers.1.mlp.up" not in n}, path)
    with pytest.raises(InputError, match=r"lacks weights.*: model\.layers\.1\.mlp\.up_proj"):
        load_base(model_settings(tmp_path), CPU, FP32)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be loaded"):
        load_base(model_settings(tmp_path), CPU, FP32)


def test_an_adapter_is_no_base(tiny_base: Path, tmp_path: Path) -> None:
    lora = Lora(rank=2, alpha=4.0, dropout=0.0, targets=["q_proj"])
    add_lora(load_base(model_settings(tiny_base), CPU, FP32), lora).save_pretrained(str(tmp_path))
    with pytest.raises(InputError, match="holds an adapter"):
        load_base(model_settings(tmp_path), CPU, FP32)


def test_no_code_comes_from_a_hub(tiny_base: Path) -> None:
    """bitsandbytes would load kernels by way of the package of that name."""
    load_base(model_settings(tiny_base, quantization="nf4"), CPU, FP32)
    assert sys.modules["kernels"] is None


def test_a_tied_head_is_not_missed(tmp_path: Path) -> None:
    tiny.model(tmp_path, tied=True)
    assert load_base(model_settings(tmp_path), CPU, FP32) is not None


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_quantised_bases_answer_almost_alike(
    tiny_base: Path, quantization: str, expected: torch.Tensor
) -> None:
    import bitsandbytes as bnb

    causal = load_base(model_settings(tiny_base, quantization=quantization), CPU, FP32)
    kind = {"nf4": bnb.nn.Linear4bit, "int8": bnb.nn.Linear8bitLt}[quantization]
    layers = [m for m in causal.modules() if isinstance(m, kind)]
    assert len(layers) == 2 * 7  # q, k, v, o, gate, up, down of both layers
    if quantization == "nf4":
        assert {layer.weight.quant_type for layer in layers} == {"nf4"}
    causal.train()
    difference = (logits(causal) - expected).abs().max()
    assert 0 < difference < 0.3 * expected.abs().max()


def test_rows_that_come_back_wrong_from_4_bits_are_refused(tmp_path: Path) -> None:
    """bitsandbytes 0.50.2 takes rows of 96 numbers back wrongly on CPUs."""
    tiny.model(tmp_path, intermediate=96)
    with pytest.raises(InputError, match="nf4: bitsandbytes .* takes rows of 96 numbers"):
        load_base(model_settings(tmp_path, quantization="nf4"), CPU, FP32)
    assert load_base(model_settings(tmp_path), CPU, FP32) is not None


def test_reads_a_hub_id_at_its_pinned_revision(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: torch.Tensor
) -> None:
    """From a prepared cache, offline; another revision in it must not be taken."""
    commit, other = "a" * 40, "b" * 40
    snapshots = tmp_path / "models--gruppo--modello" / "snapshots"
    shutil.copytree(tiny_base, snapshots / commit)
    tiny.tokenizer(snapshots / other)
    tiny.model(snapshots / other, seed=9)
    references = tmp_path / "models--gruppo--modello" / "refs"
    references.mkdir()
    (references / "main").write_text(other)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    found = model_settings("gruppo/modello", revision=commit)
    assert torch.equal(logits(load_base(found, CPU, FP32)), expected)
    ids = load_tokenizer(model_settings(tiny_base))("glicemia")["input_ids"]
    assert load_tokenizer(found)("glicemia")["input_ids"] == ids
    missing = model_settings("gruppo/modello", revision="c" * 40)
    with pytest.raises(InputError, match="model.base 'gruppo/modello' cannot be loaded"):
        load_base(missing, CPU, FP32)


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "a" * 39, "A" * 40])
def test_a_hub_id_without_a_commit_is_refused(revision: str | None) -> None:
    with pytest.raises(ValidationError, match=r"40 hex digits|pattern"):
        model_settings("gruppo/modello", revision=revision)


def test_token_ids_outside_the_vocabulary_are_refused(tiny_base: Path) -> None:
    with pytest.raises(InputError, match="token id 400"):
        load_base(model_settings(tiny_base, eos_id=400), CPU, FP32)


def test_stated_ids_win_over_the_files(tmp_path: Path) -> None:
    tiny.model(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text()) | {"pad_token_id": 7, "eos_token_id": 9}
    path.write_text(json.dumps(config))
    causal = load_base(model_settings(tmp_path), CPU, FP32)
    for stated, end in ((causal.config, 2), (causal.generation_config, None)):
        assert (stated.pad_token_id, stated.bos_token_id, stated.eos_token_id) == (0, 1, end)


def test_the_bases_own_way_of_generating_is_left_aside(tmp_path: Path) -> None:
    tiny.model(tmp_path)
    path = tmp_path / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"repetition_penalty": 5.0}))
    causal = load_base(model_settings(tmp_path), CPU, FP32)
    assert causal.generation_config.repetition_penalty in (None, 1.0)


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
    tokenizer = load_tokenizer(model_settings(tiny_base, tokenizer=str(tmp_path)))
    text = "glicemia 98% è nella norma [BREL] ≥ 😀 </s>"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert ids == processor.encode(text)
    assert 2 not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text


def test_a_fast_tokenizer_from_another_place(tiny_base: Path, tmp_path: Path) -> None:
    tiny.tokenizer(tmp_path, ["tutt'altre parole"])
    own = load_tokenizer(model_settings(tiny_base))
    other = load_tokenizer(model_settings(tiny_base, tokenizer=str(tmp_path)))
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
    load_tokenizer(model_settings(tiny_base, tokenizer=str(tmp_path)))
    assert "the tokenizer's own bos and eos ids are 1 and 0" in caplog.text


# --- Adapters ---


@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_reads_adapters(tiny_base: Path, tmp_path: Path, form: str) -> None:
    lora = Lora(rank=2, alpha=4.0, dropout=0.0, targets=["q_proj", "v_proj"])
    adapted = add_lora(load_base(model_settings(tiny_base), CPU, FP32), lora)
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
    loaded = load_adapter(load_base(model_settings(tiny_base), CPU, FP32), tmp_path)
    adapted.eval()
    assert torch.equal(logits(loaded), logits(adapted))
    plain = logits(load_base(model_settings(tiny_base), CPU, FP32))
    assert not torch.allclose(logits(loaded), plain, atol=1e-3)


def test_an_adapter_that_does_not_fit_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="adapter_config.json: cannot be read"):
        load_adapter(load_base(model_settings(tiny_base), CPU, FP32), tmp_path)


def test_an_adapter_that_lacks_weights_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    lora = Lora(rank=2, alpha=4.0, dropout=0.0, targets=["q_proj", "v_proj"])
    add_lora(load_base(model_settings(tiny_base), CPU, FP32), lora).save_pretrained(str(tmp_path))
    path = tmp_path / "adapter_model.safetensors"
    weights = load_file(path)
    save_file(dict(list(weights.items())[1:]), path)
    with pytest.raises(InputError, match=r"lacks weights .*layers\.0\.self_attn\.q_proj\.lora_A"):
        load_adapter(load_base(model_settings(tiny_base), CPU, FP32), tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="expected a file adapter_model.safetensors"):
        load_adapter(load_base(model_settings(tiny_base), CPU, FP32), tmp_path)
    config = tmp_path / "adapter_config.json"
    config.write_text(config.read_text().replace('"LORA"', '"IA3"'))
    with pytest.raises(InputError, match="expected the settings of a LoRA adapter"):
        load_adapter(load_base(model_settings(tiny_base), CPU, FP32), tmp_path)


def test_unknown_targets_are_named(tiny_base: Path) -> None:
    lora = Lora(rank=2, alpha=4.0, dropout=0.0, targets=["q_proj", "vproj"])
    with pytest.raises(InputError, match=r"has no layers vproj; it has .*v_proj"):
        add_lora(load_base(model_settings(tiny_base), CPU, FP32), lora)


# --- What the files of a base hold ---


def rewrite(folder: Path, change: Any) -> None:
    """Changes the weights of a base, a dictionary by name, in place."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    state = load_file(path)
    change(state)
    save_file(state, path, metadata={"format": "pt"})


def state_quantization(folder: Path, **settings: Any) -> None:
    path = folder / "config.json"
    content = json.loads(path.read_text()) | {"quantization_config": settings}
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.float8_e4m3fn])
@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_codes_without_a_quantization_are_refused(
    tmp_path: Path, kind: torch.dtype, form: str
) -> None:
    tiny.model(tmp_path)
    name = "model.layers.0.mlp.up_proj.weight"
    rewrite(tmp_path, lambda state: state.update({name: state[name].to(kind)}))
    if form == "bin":
        as_bin(tmp_path, 1)
    with pytest.raises(InputError, match=rf"{form}: {name} has the type .*codes"):
        load_base(model_settings(tmp_path), CPU, FP32)


@pytest.mark.parametrize("quantization", ["none", "nf4", "int8"])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, quantization: str) -> None:
    tiny.model(tmp_path)
    name = "model.layers.1.mlp.up_proj.weight"
    rewrite(tmp_path, lambda state: state[name][3, 5].fill_(float("nan")))
    with pytest.raises(InputError, match=rf"weights that are no finite numbers: {name} \(1 in all"):
        load_base(model_settings(tmp_path, quantization=quantization), CPU, FP32)


def test_weights_without_a_place_are_refused(tmp_path: Path) -> None:
    tiny.model(tmp_path)
    scale = {"model.layers.0.mlp.up_proj.weight_scale": torch.ones(1)}
    rewrite(tmp_path, lambda state: state.update(scale))
    with pytest.raises(InputError, match=r"no place: model\.layers\.0\.mlp\.up_proj\.weight_scale"):
        load_base(model_settings(tmp_path), CPU, FP32)


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "saved in fp8"),
        ({"quant_method": "gptq", "bits": 4}, "saved in gptq"),
        (
            {"quant_method": "bitsandbytes", "load_in_8bit": True},
            "expected model.quantization int8",
        ),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "saved in fp4.*another base"),
    ],
)
@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_another_quantization_than_the_files_is_refused(
    tmp_path: Path, own: dict[str, Any], found: str, quantization: str
) -> None:
    tiny.model(tmp_path)
    state_quantization(tmp_path, **own)
    with pytest.raises(InputError, match=found):
        load_base(model_settings(tmp_path, quantization=quantization), CPU, FP32)


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_a_base_saved_as_it_is_asked_for_is_taken(
    tiny_base: Path, tmp_path: Path, quantization: str
) -> None:
    """As unsloth ships them."""
    settings = model_settings(tiny_base, quantization=quantization)
    quantised = load_base(settings, CPU, FP32)
    quantised.save_pretrained(str(tmp_path))
    again = load_base(model_settings(tmp_path, quantization=quantization), CPU, FP32)
    torch.testing.assert_close(logits(again.train()), logits(quantised.train()))
    with pytest.raises(InputError, match=f"expected model.quantization {quantization}"):
        load_base(model_settings(tmp_path), CPU, FP32)


# --- Ids ---


@pytest.mark.parametrize("key", ["pad_id", "bos_id", "eos_id"])
def test_an_ordinary_piece_is_no_special_token(tiny_base: Path, key: str) -> None:
    value = [2, 60] if key == "eos_id" else 60
    with pytest.raises(InputError, match=rf"model\.{key}.*: 60 is an ordinary piece of the token"):
        load_tokenizer(model_settings(tiny_base, **{key: value}))


def test_no_token_before_a_prompt_and_several_after_an_answer(tiny_base: Path) -> None:
    settings = model_settings(tiny_base, bos_id=None, eos_id=[2, 0])
    assert settings.end_ids == (2, 0)
    causal = load_base(settings, CPU, FP32)
    assert (causal.config.bos_token_id, causal.config.eos_token_id) == (None, [2, 0])
    load_tokenizer(settings)
