"""The engine: many rows at a time give the answers of one at a time."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from stages.answering import torch_engine as generation
from stages.answering.candidates import Candidates
from stages.answering.engine import Question
from stages.answering.torch_engine import Engine
from stages.model import packing
from stages.model.loading import load_base
from stages.training import loop as training
from tests.helpers import tiny
from tests.model.test_loading import CPU, FP32, settings
from tests.training.test_loop import finetune

END = 2


def prompts(count: int, seed: int = 3) -> list[list[int]]:
    """Prompts that begin alike, as those of a sub-task do."""
    draw = random.Random(seed)
    headers = [[1, *(draw.randrange(10, 100) for _ in range(20))] for _ in range(3)]
    return [
        headers[n % 3] + [draw.randrange(10, 100) for _ in range(draw.randrange(1, 40))]
        for n in range(count)
    ]


def greedy(causal: Any, ids: Sequence[int], most: int, end: int = END) -> list[int]:
    """From the definition: the likeliest next token, one forward pass each, without a cache."""
    answer: list[int] = []
    while len(answer) < most and (not answer or answer[-1] != end):
        with torch.no_grad():
            logits = causal(torch.tensor([[*ids, *answer]])).logits[0, -1]
        answer.append(int(logits.argmax()))
    return answer


def small(key_heads: int) -> Any:
    return tiny.causal(key_heads, seed=4, spread=0.5)


@pytest.mark.parametrize("key_heads", [4, 2])
@pytest.mark.parametrize(("slots", "tokens"), [(64, 1024), (5, 100), (1, 1)])
def test_answers_are_those_of_one_at_a_time(
    key_heads: int, slots: int, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the number of rows in work; some answers end by themselves, some are cut."""
    monkeypatch.setitem(generation.SLOTS, "cpu", slots)
    monkeypatch.setitem(generation.PROMPTS, "cpu", tokens)
    draw = random.Random(1)
    questions = [Question(ids, draw.randrange(1, 30)) for ids in prompts(23)]
    causal = small(key_heads)
    # An end token that answers are known to hold, early or late.
    texts = [greedy(causal, q.ids, q.most, -1) for q in questions]
    written = [token for text in texts for token in text]
    end = max(set(written), key=written.count)
    expected = [greedy(causal, q.ids, q.most, end) for q in questions]
    ended = [answer[-1] == end for answer in expected]
    assert 3 < sum(ended) < 20
    engine = Engine(generation.prepare(causal), end)
    for _ in "ab":  # an engine may be asked again
        assert dict(engine.generate(questions)) == dict(enumerate(expected))


def test_rows_that_have_ended_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four slots for 40 rows: the steps are few more than the tokens shared out over the slots."""
    monkeypatch.setitem(generation.SLOTS, "cpu", 4)
    questions = [Question(ids, 3 + 9 * (n % 2)) for n, ids in enumerate(prompts(40))]
    engine = Engine(generation.prepare(small(4)), -1)
    steps = []
    advance = engine._advance
    monkeypatch.setattr(engine, "_advance", lambda used: steps.append(used) or advance(used))
    order = [number for number, _ in engine.generate(questions)]
    assert sorted(order) == list(range(40))
    assert order.index(2) < order.index(1)  # which is longer
    tokens = sum(question.most - 1 for question in questions)
    assert tokens / 4 <= len(steps) < 1.2 * tokens / 4


def test_slots_are_as_long_as_rows_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for 512 tokens: the long rows have fewer slots, the short ones more."""
    causal = generation.prepare(small(4))
    monkeypatch.setattr(generation, "CPU_CACHE", 512 * generation.Cache(causal).token_size)
    engine = Engine(causal, -1)
    shapes = []
    reshape = engine._reshape

    def noted(slots: int, columns: int) -> None:
        shapes.append((slots, columns))
        reshape(slots, columns)

    monkeypatch.setattr(engine, "_reshape", noted)
    long, short = [Question([1] * 200, 8)] * 3, [Question([1] * 20, 8)] * 20
    answers = dict(engine.generate([*long, *short]))
    assert all(len(answer) == 8 for answer in answers.values())
    assert shapes[0] == (2, 256)
    assert max(slots for slots, _ in shapes) == 8
    assert all(slots * columns <= 512 for slots, columns in shapes)


@pytest.mark.parametrize("quantization", ["none", "nf4", "int8"])
def test_with_an_adapter_on_every_form_of_the_base(tiny_base: Path, quantization: str) -> None:
    torch.manual_seed(1)
    causal = load_base(settings(tiny_base, quantization=quantization), CPU, FP32)
    adapted = training.add_lora(causal, finetune().lora).eval()
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    asked = prompts(7)
    expected = [greedy(adapted, ids, 6) for ids in asked]
    engine = Engine(generation.prepare(adapted), END)
    found = dict(engine.generate([Question(ids, 6) for ids in asked]))
    if quantization == "none":
        assert found == dict(enumerate(expected))
    else:  # some CPUs compute with 4-bit weights in bf16, where batches round otherwise
        same = sum(found[n] == answer for n, answer in enumerate(expected))
        assert same >= 4


WORDS = {"sì": [5, END], "no": [6, END], "non so": [6, 7, 8, END], "non io": [6, 7, 9, END]}


def restricted(causal: Any, ids: Sequence[int], answers: Sequence[Sequence[int]]) -> list[int]:
    """From transformers: greedy generation that may write nothing but the answers."""

    def allowed(_: int, so_far: torch.Tensor) -> list[int]:
        begun = so_far.tolist()[len(ids) :]
        return [a[len(begun)] for a in answers if list(a[: len(begun)]) == begun] or [END]

    with torch.no_grad():
        output = causal.generate(
            torch.tensor([list(ids)]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            prefix_allowed_tokens_fn=allowed,
            do_sample=False,
            max_new_tokens=9,
            eos_token_id=END,
            pad_token_id=0,
        )
    return output[0, len(ids) :].tolist()


@pytest.mark.parametrize("tokens", [1024, 50])
def test_scored_answers_are_those_of_restricted_generation(
    tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(generation.PROMPTS, "cpu", tokens)
    causal = small(2)
    asked = prompts(30)
    expected = [restricted(causal, ids, list(WORDS.values())) for ids in asked]
    assert len({tuple(answer) for answer in expected}) >= 3
    likelihoods = [
        {word: likelihood(causal, ids, answer) for word, answer in WORDS.items()} for ids in asked
    ]
    candidates = Candidates(WORDS)
    engine = Engine(generation.prepare(causal), END)
    scored = {n: candidates.chosen(logits) for n, logits in engine.score(asked, candidates)}
    assert [WORDS[scored[n][0]] for n in range(30)] == expected
    for n, by_word in enumerate(likelihoods):
        assert scored[n][1] == pytest.approx(by_word, abs=1e-5)


def likelihood(causal: Any, ids: Sequence[int], answer: Sequence[int]) -> float:
    """From the definition: token after token, its share among those that go on to an answer."""
    product = 1.0
    for at, token in enumerate(answer):
        with torch.no_grad():
            logits = causal(torch.tensor([[*ids, *answer[:at]]])).logits[0, -1]
        may = sorted({a[at] for a in WORDS.values() if a[:at] == answer[:at]})
        product *= float(torch.softmax(logits[may], dim=0)[may.index(token)])
    return product


def test_out_of_memory_reads_fewer_prompts_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = small(4)
    asked = prompts(12)
    expected = [greedy(causal, ids, 4) for ids in asked]
    states, refused = packing.hidden_states, []

    def little_memory(decoder: Any, packed: packing.Packed, **more: Any) -> Any:
        if packed.ids.shape[1] > 100:
            refused.append(packed.ids.shape[1])
            raise torch.OutOfMemoryError("as if")
        return states(decoder, packed, **more)

    monkeypatch.setattr(generation, "hidden_states", little_memory)
    engine = Engine(generation.prepare(causal), END)
    found = dict(engine.generate([Question(ids, 4) for ids in asked]))
    assert refused
    assert found == dict(enumerate(expected))
    with pytest.raises(torch.OutOfMemoryError):
        dict(engine.generate([Question([1, *range(3, 99), *range(3, 99)], 4)]))
