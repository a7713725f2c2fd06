"""Expectations of numbers: against a sum over all numbers, each scored token by token."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from stages.answering.answers import Answerer, Question
from stages.answering.numbers import Expectations, NumberTree
from stages.answering.plain_engine import PlainEngine
from stages.answering.torch_engine import TorchEngine
from stages.common.command import InputError
from stages.forms.forms import Fields
from stages.model.text import TextEncoder
from tests.helpers import tiny
from tests.helpers.answers import END
from tests.helpers.models import PROMPTS, model_settings
from tests.helpers.number_forms import number_form

SPLITS = {
    "digit by digit": None,
    "in odd pieces": ["1.25 1.5 0.75 2.05 geo] 1.9 2.1 [geo", "12 34 .5 .25 0.7 1.1 1.2 2.0 "] * 20,
}
"""Texts that tokenizers are trained on, by how they cut numbers then."""


def encoder(folder: Path, texts: list[str] | None) -> TextEncoder:
    tokenizer = tiny.tokenizer(folder, texts)
    return TextEncoder(model_settings(folder), tokenizer, PROMPTS)


def lively(folder: Path) -> Any:
    """A tiny model that has an opinion."""
    causal = tiny.model(folder).eval()
    with torch.no_grad():
        for parameter in causal.parameters():
            parameter.mul_(8 if parameter.dim() > 1 else 1)
    return causal


def brute_force(
    causal: Any, encode: TextEncoder, prompt: list[int], text: str, form: Fields, which: int
) -> float:
    """The mean over all numbers, each with the product of its tokens' shares among valid ones."""
    numbers = list(form.numbers.values())[which].all()
    all_ids = {value: encode.encode_text(text + t) for t, value in numbers}
    head = len(encode.encode_text(text.rstrip(" ")))
    total = 0.0
    for value, ids in all_ids.items():
        probability = 1.0
        for at in range(head, len(ids)):
            valid = {i[at] for i in all_ids.values() if i[:at] == ids[:at]}
            with torch.no_grad():
                logits = causal(torch.tensor([[*prompt, *ids[:at]]])).logits[0, -1]
            shares = logits[sorted(valid)].softmax(0)
            probability *= float(shares[sorted(valid).index(ids[at])])
        total += probability * value
    return total


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("engine", [TorchEngine, PlainEngine])
def test_expectations_are_sums_over_all_numbers(tmp_path: Path, split: str, engine: Any) -> None:
    """Of two numbers, the second after the first one's expectation; the text before them stays."""
    encode, causal = encoder(tmp_path, SPLITS[split]), lively(tmp_path)
    form = number_form((0.5, 2.1), (-0.3, 0.4), decimals=1, before="[geo] ")
    prompts, answers = [[1, 40, 50], [1, 60, 61, 62], [1, 9]], ["[geo] 1.0 0.1", "x [geo]", "no"]
    made = engine(causal, [END], 0) if engine is PlainEngine else engine(causal, [END])
    found = Expectations(made, encode, form).compute(prompts, answers)
    made.release()
    assert found[2] is None
    for prompt, before, numbers in zip(prompts, ("[geo] ", "x [geo] "), found, strict=False):
        assert numbers is not None
        first = brute_force(causal, encode, prompt, before, form, 0)
        after = f"{before}{first:.1f} "
        second = brute_force(causal, encode, prompt, after, form, 1)
        assert numbers == pytest.approx((first, second), abs=1e-4)


def test_the_tree_shares_prefixes_and_stops_at_the_resolution() -> None:
    """0.0 to 1.9, digit by digit: forks at the first digit and behind each point."""
    values = {(n // 10, 99, n % 10): n / 10 for n in range(20)}
    tree = NumberTree(values, 0.0)
    assert [fork.before for fork in tree.forks] == [(), (0, 99), (1, 99)]
    even = [[0.0] * len(fork.tokens) for fork in tree.forks]
    assert tree.expectation(even) == pytest.approx(0.95)
    certain = [[-math.inf, 0.0], *([0.0 if n == 3 else -math.inf for n in range(10)],) * 2]
    assert tree.expectation(certain) == pytest.approx(1.3)
    coarse = NumberTree(values, 0.9)
    assert [fork.before for fork in coarse.forks] == [()]
    assert coarse.expectation([[0.0, math.log(3)]]) == pytest.approx(0.25 * 0.45 + 0.75 * 1.45)


def test_a_tokenizer_that_has_no_tokens_for_digits_is_refused() -> None:
    class Blind:
        def encode_text(self, text: str) -> list[int]:
            return [3 for _ in text.split()]

    form = number_form((0.0, 1.0), decimals=1)
    engine: Any = None
    blind: Any = Blind()
    with pytest.raises(InputError, match=r"infer\.expectations: the tokenizer has no tokens"):
        Expectations(engine, blind, form).compute([[1]], [""])


def test_what_is_no_number_is_no_expectation(tmp_path: Path) -> None:
    class Broken:
        def generate(self, requests: Sequence[Any]) -> Iterator[tuple[int, list[int]]]:
            yield from ((n, [END]) for n, _ in enumerate(requests))

        def score(self, texts: Sequence[Any], tree: Any, begun: Any) -> Iterator[tuple[int, Any]]:
            logits = [[math.nan] * len(fork.tokens) for fork in tree.forks]
            yield from ((n, logits) for n, _ in enumerate(texts))

    form = number_form((0.0, 1.0), (2.0, 3.0), decimals=1)
    broken: Any = Broken()
    answerer = Answerer(broken, encoder(tmp_path, None), {}, {}, 6, {"n": form})
    with pytest.raises(InputError, match="question n:0: the model's logits are no finite numbers"):
        list(answerer.answer([Question("n:0", "n", [1, 30])], []))


def test_answers_with_numbers_keep_their_text_and_get_expectations(tmp_path: Path) -> None:
    """Whichever questions an earlier run has finished."""
    encode, causal = encoder(tmp_path, None), lively(tmp_path)
    form = number_form((0.0, 1.0), decimals=1)
    questions = [Question(f"n:{n}", "n", [1, 30 + n]) for n in range(4)]
    questions += [Question("o:0", "o", [1, 80])]

    def answers(finished: Sequence[str] = ()) -> dict[str, Any]:
        engine = TorchEngine(causal, [END])
        answerer = Answerer(engine, encode, {}, {}, 6, {"n": form})
        found = {q.id: a for q, a in answerer.answer(questions, finished)}
        engine.release()
        return found

    whole = answers()
    assert whole.keys() == {q.id for q in questions}
    assert whole["o:0"].expectations is None
    for question in questions[:4]:
        (mean,) = whole[question.id].expectations
        assert mean == pytest.approx(
            brute_force(causal, encode, question.ids, "", form, 0), abs=1e-4
        )
    assert answers(["n:0", "n:2"]) == {k: v for k, v in whole.items() if k not in ("n:0", "n:2")}
