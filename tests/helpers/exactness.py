"""What a base and an adapter compute by transformers and peft alone, and what the project does.

As a program it writes the table of docs/bases.md:

    python -m tests.helpers.exactness
"""

import logging
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from recipes.tables import table
from stages.answering.candidates import Candidates
from stages.answering.engine import Engine, Request
from stages.answering.engines import exact_engine
from stages.answering.settings import Infer
from stages.answering.torch_engine import TorchEngine
from stages.common.command import InputError
from stages.model.loading import load_base
from stages.model.packed import PackedPath
from stages.model.packing import to_device
from stages.training.adapter import add_lora
from stages.training.passes import answer_loss
from stages.training.paths import choose_path
from stages.training.settings import Lora
from tests.helpers.families import FAMILIES, Family, rows, save
from tests.helpers.models import CPU, FP32, model_settings

PAGE = Path(__file__).parents[2] / "docs" / "bases.md"
BEGIN, END = "<!-- families: begin -->", "<!-- families: end -->"
NEW = 6  # tokens of an answer
INFER = Infer(
    adapter=False,
    engine="torch",
    score_closed=True,
    expectations=True,
    dev=0,
    max_new_tokens=NEW,
)
WORDS = {"a": [5, 2], "b": [6, 2], "c": [6, 7, 2]}
ROWS = rows()


class Found(NamedTuple):
    """How a base was treated, and how far it was from transformers and peft.

    Attributes:
        learns: fast, plain or one by one.
        answers: likewise.
        loss: difference of the mean loss.
        cosine: of the gradients.
        greedy: whether all greedy answers are equal.
        probability: largest difference of the candidates' probabilities.
    """

    learns: str
    answers: str
    loss: float
    cosine: float
    greedy: bool
    probability: float

    def is_exact(self) -> bool:
        """Whether it is as exact as is promised."""
        close = self.loss < 1e-5 and self.cosine > 0.99999 and self.probability < 1e-4
        return close and self.greedy


# --- By transformers and peft alone ---------------------------------------------------------------


def reference_base(folder: Path, quantization: str) -> Any:
    """A base with attention step by step."""
    settings = None
    if quantization == "nf4":
        settings = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=FP32
        )
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=FP32, quantization_config=settings)
    base.set_attn_implementation("eager")
    for module in base.modules():
        for name, value in vars(module).items():
            if isinstance(value, float) and ("drop" in name or name == "p"):
                setattr(module, name, 0.0)
    return base.requires_grad_(False)


def reference_learning(base: Any, targets: Sequence[str]) -> tuple[float, torch.Tensor]:
    """The mean loss of the rows, and its gradient with respect to a filled adapter."""
    torch.manual_seed(1)
    model = get_peft_model(
        base, LoraConfig(r=4, lora_alpha=8, target_modules=list(targets), task_type="CAUSAL_LM")
    )
    fill(model)
    model.train()
    total = torch.zeros(())
    for row in ROWS:
        logits = model(input_ids=torch.tensor([row.ids[:-1]]), use_cache=False).logits[0]
        labels = torch.tensor(row.ids[row.prompt :])
        total = total + torch.nn.functional.cross_entropy(
            logits[row.prompt - 1 :].float(), labels, reduction="sum"
        )
    loss = total / sum(len(row.ids) - row.prompt for row in ROWS)
    trained = [p for p in model.parameters() if p.requires_grad]
    return float(loss.detach()), torch.cat(
        [g.flatten() for g in torch.autograd.grad(loss, trained)]
    )


def fill(model: Any) -> None:
    """Gives an adapter weights by which it does something."""
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=draw))


def reference_answers(model: Any, prompts: Sequence[list[int]]) -> list[list[int]]:
    """Greedy answers, one prompt at a time."""
    answers = []
    for ids in prompts:
        tensor = torch.tensor([ids])
        output = model.generate(
            input_ids=tensor,
            attention_mask=torch.ones_like(tensor),
            max_new_tokens=NEW,
            do_sample=False,
            eos_token_id=2,
            pad_token_id=0,
        )
        answers.append(output[0, len(ids) :].tolist())
    return answers


@torch.no_grad()
def reference_probabilities(model: Any, ids: list[int]) -> dict[str, float]:
    """The probability of each word among all of them, token after token."""
    found = dict.fromkeys(WORDS, 1.0)
    for begun in ([], [6]):  # where there is a choice
        words = {w: tokens for w, tokens in WORDS.items() if tokens[: len(begun)] == begun}
        may = sorted({tokens[len(begun)] for tokens in words.values()})
        logits = model(input_ids=torch.tensor([[*ids, *begun]]), use_cache=False).logits
        shares = torch.softmax(logits[0, -1, may].float(), 0)
        for word, tokens in words.items():
            found[word] *= float(shares[may.index(tokens[len(begun)])])
    return found


# --- By the project -------------------------------------------------------------------------------


in_fp32 = patch("bitsandbytes.nn.modules.has_avx512bf16", lambda: False)
"""Makes 4-bit layers compute in fp32 on every CPU.

In evaluation bitsandbytes computes in bf16 on CPUs with AVX512-BF16, and cannot where the inputs of
a layer are no multiple of 64.
"""


@in_fp32
def measure_all(family: Family, folder: Path) -> dict[str, Found | None]:
    """Measures a family by quantization; None where it is refused."""
    save(family, folder)
    found: dict[str, Found | None] = {}
    for quantization in ("none", "nf4"):
        try:
            found[quantization] = measure(family, folder, quantization)
        except InputError as error:
            assert "transformers cannot run this" in str(error)
            found[quantization] = None
    return found


def measure(family: Family, folder: Path, quantization: str) -> Found:
    """Measures a family, saved in a folder."""
    settings = model_settings(folder, quantization=quantization)
    prompts = [row.ids[: row.prompt] for row in ROWS]
    lora = Lora(rank=4, alpha=8.0, dropout=0.0, targets=list(family.targets))
    torch.manual_seed(1)
    model = add_lora(load_base(settings, CPU, FP32), lora)
    path = choose_path(model, ROWS, 0, "torch")
    fill(model)
    loss, gradient = learning(path)

    base = load_base(settings, CPU, FP32)
    engine = exact_engine(base, settings, INFER, prompts)
    reference = reference_base(folder, quantization).eval()
    greedy, probability = compare_answers(engine, reference, prompts)
    expected, own = reference_learning(reference, family.targets)
    return Found(
        learns=way(path),
        answers=way(engine),
        loss=abs(loss - expected),
        cosine=float(torch.nn.functional.cosine_similarity(gradient, own, dim=0)),
        greedy=greedy,
        probability=probability,
    )


def way(chosen: Any) -> str:
    """How rows are computed by a path, or by an engine."""
    path = getattr(chosen, "path", chosen)
    if isinstance(path, PackedPath | TorchEngine):
        return "fast"
    return "one by one" if path.alone else "plain"


def learning(path: Any) -> tuple[float, torch.Tensor]:
    """The mean loss of the rows and its gradient, as finetune computes them."""
    weights = path.trained_weights()
    weights.gradient.zero_()
    total = 0.0
    labels = sum(len(row.ids) - row.prompt for row in ROWS)
    for numbers in path.split(ROWS, 100):
        loss = answer_loss(path, to_device(path.batch([ROWS[i] for i in numbers]), CPU)) / labels
        weights.backward(loss)
        total += float(loss.detach())
    by_parameter = weights.gradients()
    trained = [p for p in path.model.parameters() if p.requires_grad]
    return total, torch.cat([by_parameter[id(p)].flatten() for p in trained])


def compare_answers(
    engine: Engine, reference: Any, prompts: Sequence[list[int]]
) -> tuple[bool, float]:
    """Whether all greedy answers are equal, and the largest difference of a probability."""
    answers = dict(engine.generate([Request(ids, NEW) for ids in prompts]))
    expected = reference_answers(reference, prompts)
    candidates = Candidates(WORDS)
    largest = 0.0
    for number, logits in engine.score(prompts, candidates):
        own = reference_probabilities(reference, prompts[number])
        scored = candidates.probabilities(logits)
        largest = max(largest, *(abs(scored[word] - own[word]) for word in WORDS))
    return [answers[n] for n in range(len(prompts))] == expected, largest


# --- The table ------------------------------------------------------------------------------------


def line(name: str, found: Mapping[str, Found | None]) -> tuple[str, ...]:
    """A line of the table, without its last column."""
    ways = {(one.learns, one.answers) for one in found.values() if one}
    refused = [f"{kind} refused" for kind, one in found.items() if one is None]
    kinds = [*(kind for kind, one in found.items() if one), *refused]
    return name, *(" / ".join(way) for way in zip(*sorted(ways), strict=True)), ", ".join(kinds)


def main() -> None:
    """Writes the table."""
    logging.disable()
    lines = []
    for name, family in FAMILIES.items():
        with tempfile.TemporaryDirectory() as temporary:
            found = measure_all(family, Path(temporary))
        largest = max(max(one.loss, one.probability) for one in found.values() if one)
        print(name, found, file=sys.stderr, flush=True)
        lines.append((*line(name, found), f"{largest:.0e}"))
    header = ("family", "learns", "answers", "quantizations", "largest difference")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page = f"{before}{BEGIN}\n{table(header, lines)}\n{END}{after}"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
