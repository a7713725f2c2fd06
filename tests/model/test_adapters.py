"""Adapters of many kinds: answers are those of peft, on whatever path, or they are refused."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from stages.answering.engines import exact_engine
from stages.answering.torch_engine import TorchEngine
from stages.common.command import InputError
from stages.model.adapters import adapter_fingerprint, adapter_folder, load_adapter
from stages.model.loading import load_base
from tests.helpers import adapters
from tests.helpers.exactness import INFER, ROWS, compare_answers, in_fp32, reference_base
from tests.helpers.families import FAMILIES, save
from tests.helpers.models import CPU, FP32, model_settings

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::UserWarning"),  # of peft, about such settings
]

FAST = {
    "LoRA",
    "rsLoRA",
    "patterns of ranks and alphas",
    "some layers only",
    "modules_to_save",
    "biases of the base",
    "trained tokens",
    "the head",
    "PiSSA",
}
REFUSED = {("PiSSA", "nf4"), ("expert parameters", "nf4")}
PROMPTS = [
    [*row.ids[: row.prompt - n % 2 * 2], *[7, 8, 9][: n % 2 * 3]] for n, row in enumerate(ROWS)
]
"""Half of them have the tokens that invoke an aLoRA."""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """A LLaMA, and a mixture of experts."""
    return {
        experts: save(FAMILIES[name], tmp_path_factory.mktemp("base"))
        for experts, name in ((False, "LLaMA"), (True, "Qwen 3 MoE"))
    }


@pytest.mark.parametrize("quantization", ["none", "nf4"])
@pytest.mark.parametrize("kind", adapters.KINDS)
@in_fp32
def test_answers_are_those_of_peft(
    bases: dict[bool, Path], tmp_path: Path, kind: str, quantization: str
) -> None:
    base = bases[kind == "expert parameters"]
    adapter = adapters.save(base, tmp_path, kind)
    settings = model_settings(base, quantization=quantization)
    try:
        model = load_adapter(load_base(settings, CPU, FP32), adapter)
    except InputError as error:
        assert (kind, quantization) in REFUSED, error
        return
    engine = exact_engine(model, settings, INFER, PROMPTS)
    assert isinstance(engine, TorchEngine) == (kind in FAST)
    reference = PeftModel.from_pretrained(reference_base(base, quantization), adapter).eval()
    greedy, probability = compare_answers(engine, reference, PROMPTS)
    assert greedy
    assert probability < 1e-4


# --- Files that do not belong to their settings ---


@pytest.fixture
def plain(bases: dict[bool, Path], tmp_path: Path) -> Path:
    return adapters.save(bases[False], tmp_path / "adapter", "LoRA")


def change(adapter: Path, **settings: Any) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def test_weights_without_a_place_are_an_error(bases: dict[bool, Path], plain: Path) -> None:
    """As where the settings name fewer targets than the file has weights of."""
    change(plain, target_modules=["q_proj"])
    with pytest.raises(InputError, match=r"no place: .*layers\.0\.self_attn\.v_proj.* in all"):
        load_adapter(load_base(model_settings(bases[False]), CPU, FP32), plain)


def test_weights_of_another_base_are_an_error(bases: dict[bool, Path], plain: Path) -> None:
    path = plain / "adapter_model.safetensors"
    save_file({name: weight[:, :8].clone() for name, weight in load_file(path).items()}, path)
    with pytest.raises(InputError, match="the adapter .* cannot be loaded: .*size mismatch"):
        load_adapter(load_base(model_settings(bases[False]), CPU, FP32), plain)


def test_weights_that_are_no_numbers_are_an_error(bases: dict[bool, Path], plain: Path) -> None:
    path = plain / "adapter_model.safetensors"
    weights = load_file(path)
    name = sorted(weights)[-1]
    weights[name][0, 0] = float("inf")
    save_file(weights, path)
    with pytest.raises(InputError, match=r"no finite numbers: .*v_proj\.lora_B.* \(1 in all\)"):
        load_adapter(load_base(model_settings(bases[False]), CPU, FP32), plain)


def test_a_folder_in_the_adapters_folder_is_left_alone(plain: Path) -> None:
    before = adapter_fingerprint(plain)
    (plain / "checkpoint-1").mkdir()
    (plain / "README.md").write_text("x")
    assert adapter_fingerprint(plain) == before
    change(plain, r=8)
    assert adapter_fingerprint(plain) != before


# --- Which adapter ---


def test_an_adapter_of_a_hub_at_its_commit(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a prepared cache, offline; another commit in it is not taken."""
    commit, other = "a" * 40, "b" * 40
    repository = tmp_path / "hub" / "models--gruppo--adattatore"
    (repository / "snapshots").mkdir(parents=True)
    plain.rename(repository / "snapshots" / commit)
    (repository / "snapshots" / other).mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    found = adapter_folder(f"gruppo/adattatore@{commit}", Path("own"))
    assert found == repository / "snapshots" / commit
    assert (found / "adapter_config.json").is_file()
    with pytest.raises(InputError, match=r"infer\.adapter 'gruppo/altro@.*' cannot be loaded"):
        adapter_folder(f"gruppo/altro@{commit}", Path("own"))


def test_the_own_adapter_or_none() -> None:
    assert adapter_folder(True, Path("own")) == Path("own")
    assert adapter_folder(False, Path("own")) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", r"adapter_config\.json: expected the settings of a LoRA adapter"),
        ("[" * 5000 + "]" * 5000, r"adapter_config\.json cannot be loaded: too many levels"),
        ('{"peft_type": ' + "9" * 5000 + "}", r"adapter_config\.json cannot be loaded: Exceeds"),
        ('{"peft_type": "LORA", "r": "many"}', r"adapter_config\.json cannot be loaded: .*'many'"),
        ('{"peft_type": "LORA", "bias": "many"}', "the adapter .* cannot be loaded: .*Error"),
    ],
)
def test_settings_that_are_none_are_an_error(
    bases: dict[bool, Path], plain: Path, content: str, message: str
) -> None:
    (plain / "adapter_config.json").write_text(content)
    with pytest.raises(InputError, match=message):
        load_adapter(load_base(model_settings(bases[False]), CPU, FP32), plain)


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": "((.*)*)*x"},
        {"rank_pattern": {"(([a-z_.0-9]*)*)*!": 2}},
        {"modules_to_save": ["(([a-z_.0-9]*)*)*!"]},
        {"layers_pattern": ["(([a-z_.0-9]*)*)*!"], "layers_to_transform": [1]},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_patterns_that_never_end_are_an_error(
    bases: dict[bool, Path], plain: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.model.limits.PATTERN_SECONDS", 0.5)
    change(plain, **settings)
    with pytest.raises(InputError, match=r"adapter_config\.json: its patterns take over 0\.5 s"):
        load_adapter(load_base(model_settings(bases[False]), CPU, FP32), plain)


def test_names_without_end_are_an_error(bases: dict[bool, Path], plain: Path) -> None:
    change(plain, target_modules=[f"layer_{n}" for n in range(10_001)])
    with pytest.raises(InputError, match=r"config\.json: 10,001 names and patterns, expected"):
        load_adapter(load_base(model_settings(bases[False]), CPU, FP32), plain)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer_replication": [[0, 2]] * 501}, "replicated layers 1,002, expected at most 1,000"),
        ({"layer_replication": [[0, "x"]]}, "cannot be loaded: "),
        ({"layer_replication": 7}, "cannot be loaded: "),
        ({"r": 5000}, "a rank of 5,000, expected at most 4,096"),
        ({"rank_pattern": {"q_proj": 10**9}}, "a rank of 1,000,000,000, expected"),
        ({"init_lora_weights": "pissa_niter_1000"}, "steps of init_lora_weights, 1,000, expected"),
        ({"monteclora_config": {"num_samples": [10**7]}}, "a number of 10,000,000, expected"),
    ],
)
def test_memory_without_end_is_not_asked_for(
    bases: dict[bool, Path], plain: Path, settings: dict[str, Any], message: str
) -> None:
    change(plain, **settings)
    with pytest.raises(InputError, match=rf"adapter_config\.json:? {message}"):
        load_adapter(load_base(model_settings(bases[False]), CPU, FP32), plain)


def test_weights_of_whole_numbers_are_an_error(bases: dict[bool, Path], plain: Path) -> None:
    path = plain / "adapter_model.safetensors"
    save_file({name: weight.int() for name, weight in load_file(path).items()}, path)
    with pytest.raises(InputError, match=r"safetensors: .*lora_A.* type I32, expected 16 or 32"):
        load_adapter(load_base(model_settings(bases[False]), CPU, FP32), plain)


def test_patterns_are_compared_as_peft_does(bases: dict[bool, Path], plain: Path) -> None:
    base = load_base(model_settings(bases[False]), CPU, FP32)
    change(plain, target_modules="(")
    with pytest.raises(InputError, match="is no regular expression: .*unterminated subpattern"):
        load_adapter(base, plain)
    change(plain, target_modules=r".*\.self_attn\.(q|v)_proj", rank_pattern={"q_pro.": 4})
    assert load_adapter(base, plain)


def test_what_a_bin_file_pickles_is_not_run_and_no_advice_to_do_so_is_given(
    bases: dict[bool, Path], plain: Path, tmp_path: Path
) -> None:
    class Malicious:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'owned'}",)

    (plain / "adapter_model.safetensors").unlink()
    torch.save({"a": Malicious()}, plain / "adapter_model.bin")
    with pytest.raises(InputError, match="holds more than numbers, .* is never read") as error:
        load_adapter(load_base(model_settings(bases[False]), CPU, FP32), plain)
    assert "weights_only" not in str(error.value)
    assert not (tmp_path / "owned").exists()
