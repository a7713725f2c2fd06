"""The engine: many rows at a time give the answers of one at a time."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from stages.answering import torch_engine
from stages.answering.candidates import Candidates
from stages.answering.engine import Request
from stages.answering.slots import SlotCache
from stages.answering.torch_engine import TorchEngine
from stages.model import packing
from stages.model.pack_sizes import fill_up, size_for
from stages.model.packing import Packed
from stages.model.text import TokenRow
from tests.helpers import tiny
from tests.helpers.answers import END, WORDS, greedy, lively, prompts
from tests.helpers.trainings import adapted, finetune_settings


@pytest.mark.long
@pytest.mark.parametrize("key_heads", [4, 2])
@pytest.mark.parametrize(("slots", "tokens"), [(64, 1024), (5, 100), (1, 1)])
def test_answers_are_those_of_one_at_a_time(
    key_heads: int, slots: int, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the number of rows in work; some answers end by themselves, some are cut."""
    monkeypatch.setitem(torch_engine.SLOTS, "cpu", slots)
    monkeypatch.setitem(torch_engine.PROMPTS, "cpu", tokens)
    draw = random.Random(1)
    requests = [Request(ids, draw.randrange(1, 30)) for ids in prompts(23)]
    causal = lively(key_heads)
    # An end token that answers are known to hold, early or late.
    texts = [greedy(causal, r.ids, r.max_new_tokens, -1) for r in requests]
    written = [token for text in texts for token in text]
    end = max(set(written), key=written.count)
    expected = [greedy(causal, r.ids, r.max_new_tokens, end) for r in requests]
    ended = [answer[-1] == end for answer in expected]
    assert 3 < sum(ended) < 20
    engine = TorchEngine(causal, [end])
    for _ in "ab":  # an engine may be asked again
        assert dict(engine.generate(requests)) == dict(enumerate(expected))


def test_rows_that_have_ended_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four slots for 40 rows: the steps are few more than the tokens shared out over the slots."""
    monkeypatch.setitem(torch_engine.SLOTS, "cpu", 4)
    requests = [Request(ids, 3 + 9 * (n % 2)) for n, ids in enumerate(prompts(40))]
    engine = TorchEngine(lively(4), [-1])
    steps = []
    advance = engine._advance
    monkeypatch.setattr(engine, "_advance", lambda used: steps.append(used) or advance(used))
    order = [number for number, _ in engine.generate(requests)]
    assert sorted(order) == list(range(40))
    assert order.index(2) < order.index(1)  # which is longer
    tokens = sum(request.max_new_tokens - 1 for request in requests)
    assert tokens / 4 <= len(steps) < 1.2 * tokens / 4


def test_slots_are_as_long_as_rows_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for 512 tokens: the long rows have fewer slots, the short ones more."""
    causal = lively(4)
    monkeypatch.setattr(torch_engine, "CPU_CACHE", 512 * SlotCache(causal).token_size)
    engine = TorchEngine(causal, [-1])
    shapes = []
    reshape = engine._reshape

    def noted(slots: int, columns: int) -> None:
        shapes.append((slots, columns))
        reshape(slots, columns)

    monkeypatch.setattr(engine, "_reshape", noted)
    long, short = [Request([1] * 200, 8)] * 3, [Request([1] * 20, 8)] * 20
    answers = dict(engine.generate([*long, *short]))
    assert all(len(answer) == 8 for answer in answers.values())
    assert shapes[0] == (2, 256)
    assert max(slots for slots, _ in shapes) == 8
    assert all(slots * columns <= 512 for slots, columns in shapes)


@pytest.mark.parametrize("quantization", ["none", "nf4", "int8"])
def test_with_an_adapter_on_every_form_of_the_base(tiny_base: Path, quantization: str) -> None:
    causal = adapted(tiny_base, finetune_settings(), quantization).eval()
    for name, weight in causal.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    tokens = prompts(7)
    expected = [greedy(causal, ids, 6) for ids in tokens]
    engine = TorchEngine(causal, [END])
    found = dict(engine.generate([Request(ids, 6) for ids in tokens]))
    if quantization == "none":
        assert found == dict(enumerate(expected))
    else:  # some CPUs compute with 4-bit weights in bf16, where batches round otherwise
        same = sum(found[n] == answer for n, answer in enumerate(expected))
        assert same >= 4


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


@pytest.mark.long
@pytest.mark.parametrize("tokens", [1024, 50])
def test_scored_answers_are_those_of_restricted_generation(
    tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(torch_engine.PROMPTS, "cpu", tokens)
    causal = lively(2)
    tokens = prompts(30)
    expected = [restricted(causal, ids, list(WORDS.values())) for ids in tokens]
    assert len({tuple(answer) for answer in expected}) >= 3
    probabilities = [
        {word: probability(causal, ids, answer) for word, answer in WORDS.items()} for ids in tokens
    ]
    candidates = Candidates(WORDS)
    engine = TorchEngine(causal, [END])
    scored = dict(engine.score(tokens, candidates))
    assert [WORDS[candidates.best(scored[n])] for n in range(30)] == expected
    for n, by_word in enumerate(probabilities):
        assert candidates.probabilities(scored[n]) == pytest.approx(by_word, abs=1e-5)


def probability(causal: Any, ids: Sequence[int], answer: Sequence[int]) -> float:
    """From the definition: token after token, its share among those that go on to an answer."""
    product = 1.0
    for at, token in enumerate(answer):
        with torch.no_grad():
            logits = causal(torch.tensor([[*ids, *answer[:at]]])).logits[0, -1]
        may = sorted({a[at] for a in WORDS.values() if a[:at] == answer[:at]})
        product *= float(torch.softmax(logits[may], dim=0)[may.index(token)])
    return product


def test_out_of_memory_reads_fewer_prompts_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = lively(4)
    tokens = prompts(12)
    expected = [greedy(causal, ids, 4) for ids in tokens]
    logits, refused = torch_engine.packed_logits, []

    def little_memory(causal: Any, packed: Packed, **more: Any) -> Any:
        if packed.ids.shape[1] > 100:
            refused.append(packed.ids.shape[1])
            raise torch.OutOfMemoryError("as if")
        return logits(causal, packed, **more)

    monkeypatch.setattr(torch_engine, "packed_logits", little_memory)
    engine = TorchEngine(causal, [END])
    found = dict(engine.generate([Request(ids, 4) for ids in tokens]))
    assert refused
    assert found == dict(enumerate(expected))
    with pytest.raises(torch.OutOfMemoryError):
        dict(engine.generate([Request([1, *range(3, 99), *range(3, 99)], 4)]))


@pytest.mark.parametrize("at", ["reshape", "attend"])
def test_out_of_memory_in_the_cache_goes_on_with_fewer_rows(
    monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """As if the keys and values of five rows did not fit: where they are made, or in a step."""
    causal = lively(2)
    requests = [Request(ids, 12) for ids in prompts(17)]
    expected = [greedy(causal, r.ids, r.max_new_tokens) for r in requests]
    method, refused, layers = getattr(SlotCache, at), [], []

    def little_memory(cache: SlotCache, first: int, *more: Any, **others: Any) -> Any:
        slots = first if at == "reshape" else cache.slots
        layers.append(first)
        if slots > 4 and (at == "reshape" or len(layers) % 3 == 0):  # some layers have room
            refused.append(slots)
            cache._keys[0] = cache._keys[0][:0]  # which fails midway
            raise torch.OutOfMemoryError("as if")
        return method(cache, first, *more, **others)

    monkeypatch.setattr(SlotCache, at, little_memory)
    engine = TorchEngine(causal, [END])
    assert dict(engine.generate(requests)) == dict(enumerate(expected))
    assert refused


def test_too_little_memory_for_one_row_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("as if")

    engine = TorchEngine(lively(2), [END])
    monkeypatch.setattr(SlotCache, "attend", no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        dict(engine.generate([Request(ids, 12) for ids in prompts(3)]))


@pytest.mark.parametrize("shared", [0, 90])
def test_filled_up_prompts_are_kept_in_their_slots_and_nowhere_else(
    shared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a recorded pass keeps them: the filling goes to the spare slot."""
    monkeypatch.setattr(packing, "form_for", lambda *_: packing.Form.RELATION)
    beginning = [1 + n % 50 for n in range(shared)]
    rows = [beginning + [60 + (7 * i + n) % 50 for n in range(70 + i)] for i in range(9)]
    engine = TorchEngine(tiny.causal(2, seed=1), [2])
    cache = engine._cache
    kept = []
    for steps in (None, 4):
        cache.reshape(9, 192)
        packed = engine._path.batch([TokenRow(ids, len(ids), 0) for ids in rows])
        size = steps and size_for(packed, steps)
        places = cache.places([*range(8, -1, -1)], [len(ids) for ids in rows], packed, size)
        assert size is None or len(places[0]) == len(places[1]) == size.keys
        with torch.inference_mode():
            logits = engine._read_into_slots(fill_up(packed, size) if size else packed, *places)
        kept.append((logits[:9], torch.stack(cache._keys)[:, :9].clone()))
    assert size
    torch.testing.assert_close(kept[1], kept[0], rtol=1e-5, atol=1e-5)
    assert kept[0][1].abs().sum() > 0
