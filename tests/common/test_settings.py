"""Settings: what is refused, what profiles may change."""

from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from stages import baseline, check, decode, encode, evaluate, finetune, infer
from stages.common import settings
from stages.common.command import InputError

STAGES = [check, encode, finetune, infer, baseline, decode, evaluate]


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_reads_the_default_params(stage: object, root: Path) -> None:
    assert settings.read(stage.Settings, root / "params.yaml")


def test_every_param_is_checked_and_read_by_some_stage(root: Path) -> None:
    def keys(value: object, prefix: str = "") -> set[str]:
        if not isinstance(value, dict) or prefix in settings.MAPPINGS:
            return {prefix}
        return {k for key in value for k in keys(value[key], f"{prefix}.{key}".lstrip("."))}

    read = {key for stage in STAGES[1:] for key in settings.leaves(stage.Settings)}
    checked = set(settings.leaves(check.Settings))
    assert keys(settings.load(root / "params.yaml")) == checked == read | {"cost.country"}


def changed(root: Path, tmp_path: Path, old: str, new: str) -> Path:
    text = (root / "params.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rank: 16", "rank: 0", r"finetune\.lora\.rank: .*greater than or equal to 1, found 0"),
        ("rank: 16", "rank: many", r"finetune\.lora\.rank: .*integer, found 'many'"),
        (
            "rank: 16",
            "rango: 16",
            r"finetune\.lora\.rango: no such key; did you mean .*\.rank\?",
        ),
        ("rank: 16", "rango: 16", r"finetune\.lora\.rank: Field required"),
        (
            "base: data/bases/llama ",
            f"base: {'a' * 1001} ",
            r"model\.base: .*at most 1000 characters",
        ),
        ("dropout: 0.0 ", "dropout: 1.0 ", r"finetune\.lora\.dropout: .*less than 1"),
        (
            "learning_rate: 2.0e-3",
            "learning_rate: -1",
            r"finetune\.learning_rate: .*greater than 0",
        ),
        ("learning_rate: 2.0e-3", "learning_rate: .inf", r"finetune\.learning_rate: .*finite"),
        ("keep: best", "keep: first", r"finetune\.keep: .*'best' or 'last', found 'first'"),
        ("quantization: none", "quantization: fp4", r"model\.quantization: .*found 'fp4'"),
        ("base: data/bases/llama", "base: gruppo/modello", r"model: .*needs its commit"),
        (
            "revision: ",
            f"revision: '{'0' * 40}' ",
            r"model: .*place of the zeros",
        ),
        ("epochs: ", "epochs: [", r"not valid YAML"),
        (
            "seed: 1 ",
            "seed: 4294967296 ",
            r"finetune\.seed: .*less than 4294967296, found",
        ),
        (
            "alpha: 32 ",
            "alpha: 1.0e+38 ",
            r"finetune\.lora\.alpha: .*equal to 100000, found",
        ),
        ("clip: 1.0 ", "clip: 1.0e-300 ", r"finetune\.clip: .*equal to 0\.000001, found 1e-300"),
        ("epochs: ", f"epochs: {'9' * 5000} #", r"not valid YAML: Exceeds the limit[^;]*$"),
        ("epochs: ", f"epochs: 0x{'f' * 5000} #", r"finetune\.epochs: .*of too many digits"),
        ("epochs: ", f"epochs: {'x' * 500} #", r"finetune\.epochs: .*found 'x{59}…$"),
        ("seed: 21", "seed: &a 21\n  dev2: *a", r"\d+: expected a value, found the alias \*a"),
        ("epochs: ", f"epochs: {'[' * 5000} #", r"\d+: expected at most 20 levels"),
        ("team: ", 'team: "\\ud800" #', r"\d+: expected Unicode text, found '\\ud800'"),
        ("epochs: ", "epochs: 2021-13-45 #", r"not valid YAML: month must be in"),
        (
            "epochs: ",
            f"epochs: {' ' * 100_000}",
            r"the file has .*, expected at most 100,000",
        ),
    ],
)
def test_bad_values_are_told_by_key_value_and_range(
    root: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(InputError, match=rf"params\.yaml:( |){message}"):
        settings.read(finetune.Settings, changed(root, tmp_path, old, new))


def test_bad_values_of_other_stages_are_told_by_the_first_one(root: Path, tmp_path: Path) -> None:
    for old, new, message in (
        ("- acti\n", "- hodi\n", r"tasks: expected each once, found more often: hodi"),
        ("regularization: 1.0", "regularization: 1e300", r"regularization: .* equal to 1000000"),
    ):
        with pytest.raises(InputError, match=rf"params\.yaml: .*{message}"):
            settings.read(check.Settings, changed(root, tmp_path, old, new))


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("seeds: 3", r"seeds: no such key$"),
        ("decode:\n  runs: 1", "not valid YAML"),
        ("lora:\n  rank: 3", r"lora\.rank: no such key; did you mean finetune\.lora\.rank\?"),
        ("infr: {engine: torch}", r"infr\.engine: no such key; did you mean infer\.engine\?"),
    ],
)
def test_a_section_that_no_stage_reads_is_refused(
    root: Path, tmp_path: Path, added: str, message: str
) -> None:
    text = (root / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(f"{text}{added}\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"params\.yaml: {message}"):
        settings.read(check.Settings, tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON: Expecting"),
        ("[" * 5000, "not valid JSON: too many levels"),
        ("[" * 21 + "]" * 21, "not valid JSON: expected at most 20 levels"),
        ('{"a": ' + "9" * 5000 + "}", "not valid JSON: Exceeds the limit[^;]*$"),
        ('{"a": [{"b": "\\ud800"}]}', "not valid JSON: expected Unicode text"),
        ('{"a": [{"\\ud800": 1}]}', "not valid JSON: expected Unicode text"),
        ("[" + " " * 100_000 + "]", "the file has 100,002 bytes, expected at most 100,000"),
        ("[]", "expected a mapping of keys to values"),
    ],
    ids=range(8),
)
def test_json_has_the_limits_of_yaml(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"a\.json: {message}"):
        settings.load(path)
    path.write_text('{"a": ' + "[" * 19 + '"\\ud83d\\ude00"' + "]" * 19 + "}")
    assert "😀" in str(settings.load(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("run: 1 ", "run: 9 ", r"decode\.run: .*less than or equal to 5, found 9"),
        ("country: ITA", "country: it", r"cost\.country: .*should match pattern .*found 'it'"),
        ("country: ITA", "country: XXX", r"cost\.country: .*no energy mix.*found 'XXX'"),
        ("weights: {}", "weights: {acti: 2.0}", r"finetune\.weights: \S+ has no sub-task acti$"),
        ("prompts/it.yaml", "prompts/en.yaml", r".*en\.yaml: cannot be read"),
        ("run: 1 ", "run: 3 ", r"decode\.run: 3 .* read: clinkart 2, emit 2, haspeede 2$"),
        ("- acti", "- atti", r"tasks: no task 'atti'; known: acti, clinkart, "),
        ("- acti\n", "- acti\n- hodi\n", r"tasks: expected each once, .* more often: hodi, found"),
        (
            "quantization: none",
            "quantization: nf4 ",
            r"infer\.engine: vllm has no nf4 of bitsandbytes",
        ),
        ("rank: 16", "rank: 513", r"infer\.engine: vllm .* rank 513, but up to 512"),
    ],
)
def test_all_of_params_is_checked_before_any_work(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    monkeypatch.chdir(root)
    content = settings.load(changed(root, tmp_path, old, new))
    if "vllm" in message:
        check.check(content, "params.yaml")
        content["infer"]["engine"] = "vllm"
    with pytest.raises(InputError, match=message):
        check.check(content, "params.yaml")


def test_params_are_laid_out_as_dvc_writes_them(root: Path, tmp_path: Path) -> None:
    """`dvc exp run -S` and profiles change the lines of the keys that they set, and no others."""
    path = tmp_path / "params.yaml"
    path.write_bytes((root / "params.yaml").read_bytes())
    apply_overrides(path, ["finetune.lora.rank=12"])
    assert path.read_bytes() == changed(root, tmp_path, "rank: 16", "rank: 12").read_bytes()
    path.write_bytes((root / "params.yaml").read_bytes())
    settings.write({"finetune": {"lora": {"rank": 12}}}, path, path)
    assert path.read_bytes() == changed(root, tmp_path, "rank: 16", "rank: 12").read_bytes()


def test_numbers_and_words_are_read_as_yaml_1_2(root: Path, tmp_path: Path) -> None:
    path = changed(root, tmp_path, "learning_rate: 2.0e-3", "learning_rate: 2e-3")
    assert settings.read(finetune.Settings, path).finetune.learning_rate == 0.002
    path = changed(root, tmp_path, "- clinkart", "- no")
    assert "no" in settings.read(encode.Settings, path).tasks


def test_leaves_are_dotted_keys() -> None:
    leaves = list(settings.leaves(finetune.Settings))
    assert leaves[:3] == ["model.base", "model.family", "model.revision"]
    assert "finetune.lora.rank" in leaves


@pytest.mark.parametrize(
    "profile", sorted(Path(__file__).parents[2].glob("profiles/*.yaml")), ids=str
)
def test_profiles_change_values_and_keep_comments(
    root: Path, tmp_path: Path, profile: Path
) -> None:
    original = (root / "params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(original, encoding="utf-8")
    settings.apply(profile, path)
    text = path.read_text(encoding="utf-8")
    assert text != original
    comments = [line.partition("#")[2].strip() for line in original.split("\n") if "#" in line]
    assert [line.partition("#")[2].strip() for line in text.split("\n") if "#" in line] == comments
    pinned = text.replace("0" * 40, "1" * 40)
    path.write_text(pinned, encoding="utf-8")
    for stage in STAGES:
        settings.read(stage.Settings, path)
    if pinned != text:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="place of the zeros"):
            settings.read(check.Settings, path)

    def differs(profile: dict, before: dict, after: dict) -> None:
        for key, value in profile.items():
            if isinstance(value, dict):
                differs(value, before[key], after[key])
            else:
                assert after[key] == value != before[key], f"{key} is no difference"

    yaml = YAML(typ="safe", pure=True)
    differs(settings.load(profile), yaml.load(original), yaml.load(text))


def test_a_profile_with_an_unknown_key_changes_nothing(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    profile = tmp_path / "profile.yaml"
    profile.write_text("finetune:\n  epochs: 3\n  lora:\n    rango: 2\n")
    with pytest.raises(InputError, match=r"profile\.yaml: finetune\.lora\.rango: no such key"):
        settings.apply(profile, path)
    assert path.read_bytes() == (root / "params.yaml").read_bytes()
    profile.write_text("finetune: 3\n")
    with pytest.raises(InputError, match="finetune: a section in one of the two files only"):
        settings.apply(profile, path)
