"""NERMuD: files, defects, places of mentions, submissions and score."""

import logging
import random
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.tasks import nermud
from stages.tasks.nermud import Mention
from stages.toolkit.splits import SPLITS, BySplit, merge_splits
from tests.helpers.cases import cases
from tests.helpers.intervals import ends
from tests.helpers.tasks import HOLD_OUT, RUN, write_files

TRAIN = "Anna\tB-PER\nRossi\tI-PER\nva\tO\na\tO\nRoma\tB-LOC\n.\tO\n\nPiove\tO\n.\tO\n\n"


def write(folder: Path, **files: str) -> Path:
    """Writes files, given without their extension."""
    return write_files(folder, {f"{name}.tsv": content for name, content in files.items()})


def read_all(folder: Path) -> BySplit[nermud.Sentence]:
    """The sentences of all domains."""
    return merge_splits(nermud.read_items(folder, HOLD_OUT).values())


def rows(tokens: str, labels: str = "") -> str:
    """A sentence as a file has it, all labels O unless stated."""
    given_labels = labels.split() or ["O"] * len(tokens.split())
    pairs = zip(tokens.split(), given_labels, strict=True)
    return "".join(f"{token}\t{label}\n" for token, label in pairs)


def save(folder: Path, files: dict[str, str]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return write_files(folder, files)


def read_again(tokens: str, answer: str) -> str:
    """The labels that an answer gives to the tokens."""
    found = nermud.locate(tokens.split(), nermud.parse_answer(answer)[0])
    return " ".join(nermud.labels_of(len(tokens.split()), [e for e in found if e]))


# --- Raw files ------------------------------------------------------------------------------------


def test_questions_are_sentences_and_answers_name_their_entities(tmp_path: Path) -> None:
    folder = write(tmp_path, FIC_train=TRAIN, FIC_dev=TRAIN, FIC_test_nolabel="A\nRoma\n")
    encoded = nermud.encode(folder, HOLD_OUT)
    first, second = encoded.splits["train"]
    assert first.id == "nermud:FIC:train:00001"
    assert first.input == "Anna Rossi va a Roma ."
    assert first.output == "[PER] Anna Rossi [LOC] Roma"
    assert second.output == "nessuna"
    (test,) = encoded.splits["test"]
    assert (test.id, test.input, test.output) == ("nermud:FIC:test:00001", "A Roma", None)
    assert encoded.notes == {
        "sentences": 5,
        "entities": 4,
        "marked_entities": 0,
        "repaired_labels": 0,
    }


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n\n\n\n", "\n\t\n"])
def test_the_last_sentence_counts_whatever_ends_the_file(tmp_path: Path, end: str) -> None:
    content = "\n\n" + TRAIN.rstrip("\n").replace("\n\n", "\n\n\n") + end
    for newline in ("\n", "\r\n"):
        folder = write(tmp_path, WN_train=content.replace("\n", newline))
        sentences = nermud.read_sentences(folder / "WN_train.tsv")
        assert [s.text for s in sentences] == ["Anna Rossi va a Roma .", "Piove ."]
        assert [s.line for s in sentences] == [3, 11]


def test_quotes_and_marks_are_tokens_like_any_other(tmp_path: Path) -> None:
    tokens = 'Disse : " Vado a " Roma "" \u2028x \' .'
    folder = write(tmp_path, WN_train=TRAIN, WN_test=rows(tokens), WN_test_nolabel="x\n")
    (folder / "WN_test_nolabel.tsv").write_text("\n".join(tokens.split(" ")), encoding="utf-8")
    (folder / "WN_test.tsv").write_text(
        "\n".join(f"{t}\tO" for t in tokens.split(" ")), encoding="utf-8"
    )
    (test,) = nermud.encode(folder, HOLD_OUT).splits["test"]
    assert test.input == tokens


def test_labels_are_read_as_the_scorer_reads_them(tmp_path: Path) -> None:
    """In any case, without what follows a bar; an I- that continues nothing begins an entity."""
    labels = "b-per I-PER|LOC o I-LOC B-ORG I-LOC B-LOC B-LOC"
    folder = write(tmp_path, ADG_train=rows("A B c D E F G H", labels))
    (sentence,) = nermud.read_sentences(folder / "ADG_train.tsv")
    found = nermud.entities_of(sentence.gold or ())
    assert [(e.kind, *e.place) for e in found] == [
        *[("PER", 0, 2), ("LOC", 3, 4), ("ORG", 4, 5), ("LOC", 5, 6), ("LOC", 6, 7)],
        ("LOC", 7, 8),
    ]
    encoded = nermud.encode(write(folder, ADG_test=TRAIN, ADG_dev=TRAIN), HOLD_OUT)
    assert encoded.notes["repaired_labels"] == 2


GOOD = "A\tO\n\n"


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        pytest.param("WN_train", "", 1, "empty", id="empty"),
        pytest.param("WN_train", "\n \n\n", 1, "empty", id="blank lines alone"),
        pytest.param("WN_train", GOOD + "Roma\n", 3, "found 1 columns", id="no label"),
        pytest.param("FIC_train", GOOD + "Roma\tO\tO\n", 3, "found 3 columns", id="third column"),
        pytest.param("FIC_dev", GOOD + "Roma O\n", 3, "expected token and label", id="blank"),
        pytest.param("ADG_dev", "Roma\tB-GPE\n", 1, "expected O, B-PER", id="other kind"),
        pytest.param("ADG_train", GOOD + "Roma\tLOC\n", 3, "label 'LOC'", id="no prefix"),
        pytest.param("ADG_train", GOOD + "Roma\t\n", 3, "label ''", id="empty label"),
        pytest.param("WN_train", f"{'x' * 20_001}\tO\n", 1, "20001 characters", id="long"),
        pytest.param("WN_train", GOOD + "\n" + "x\tB-LOC\n" * 501, 4, "501 mentions", id="many"),
        pytest.param("WN_test", GOOD + "\tB-LOC\n", 3, "expected a token", id="no token"),
        pytest.param("WN_test", "\u00a0\tO\n", 1, "expected a token", id="blank token"),
        pytest.param("WN_test_nolabel", GOOD, 1, "expected token, found 2", id="labels"),
        pytest.param("WN_test", "B\tO\n", 1, "the test set's token 'A'", id="gold of other tokens"),
        pytest.param("WN_test", "A\tO\n\nB\tO\n", 0, "2 tokens, but", id="gold of more tokens"),
        pytest.param("WN_test", "A\tO\n\n" * 2, 0, "2 tokens", id="gold sentence twice"),
    ],
)  # fmt: skip
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, name: str, content: str, line: int, message: str
) -> None:
    folder = write(tmp_path, **{"WN_train": TRAIN, "WN_test_nolabel": "A\n", name: content})
    place = f":{line}: " if line else ": "
    with pytest.raises(InputError, match=rf"{name}\.tsv{place}") as error:
        nermud.encode(folder, HOLD_OUT)
    assert message in str(error.value)


def test_all_defects_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    folder = write(tmp_path, WN_train="A\tO\nB\n\nC\tX\n\n\tO\n")
    with pytest.raises(InputError) as error:
        nermud.encode(folder, HOLD_OUT)
    assert [line.split(":")[1] for line in str(error.value).splitlines()] == ["2", "4", "6"]


def test_gold_whose_sentences_end_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, WN_train=TRAIN, WN_test_nolabel="A\nB\n", WN_test="A\tO\n\nB\tO\n")
    with pytest.raises(InputError, match=r"WN_test\.tsv: sentences end elsewhere than in "):
        nermud.encode(folder, HOLD_OUT)


@pytest.mark.parametrize("domain", nermud.DOMAINS)
def test_one_domain_is_enough(
    root: Path, tmp_path: Path, domain: str, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(root / f"data/sample/nermud/{domain}_train.tsv", tmp_path)
    with caplog.at_level(logging.INFO):
        encoded = nermud.encode(tmp_path, HOLD_OUT)
    assert all(encoded.splits[split] for split in SPLITS)
    examples = [e for split in SPLITS for e in encoded.splits[split]]
    assert all(e.id.startswith(f"nermud:{domain}:train:") for e in examples)
    for other in {*nermud.DOMAINS} - {domain}:
        absent = f"no {other}_train.tsv and no {other}_test_nolabel.tsv: {other} is skipped"
        assert absent in caplog.text
    for split, file in (("dev", "dev"), ("test", "test_nolabel")):
        count = len(encoded.splits[split])
        held_out = f"{count} items of {domain}_train.tsv are held out for {split}"
        assert f"no {domain}_{file}.tsv: {held_out}" in caplog.text


def test_without_any_training_file_there_is_nothing_to_do(tmp_path: Path) -> None:
    folder = write(tmp_path, WN_dev=TRAIN, ADG_test=TRAIN)
    with pytest.raises(InputError, match="no training file; expected at least one of WN_train"):
        nermud.encode(folder, HOLD_OUT)


def test_a_domain_without_training_file_is_still_asked_about(tmp_path: Path) -> None:
    folder = write(tmp_path, WN_train=TRAIN, WN_test=TRAIN, FIC_dev=TRAIN, FIC_test=TRAIN)
    encoded = nermud.encode(folder, HOLD_OUT).splits
    assert {e.id.split(":")[1] for e in encoded["train"]} <= {"WN"}
    assert {e.id.split(":")[1] for e in encoded["test"]} == {"WN", "FIC"}


def test_without_blind_file_the_gold_file_gives_the_tokens_alone(tmp_path: Path) -> None:
    """Its labels neither reach the questions nor the submission."""
    folder = write(tmp_path, WN_train=TRAIN, WN_test=TRAIN)
    blind = write(tmp_path / "blind", WN_train=TRAIN)
    lines = (line.partition("\t")[0] for line in TRAIN.splitlines())
    write(blind, WN_test_nolabel="\n".join(lines))
    seen = read_all(folder)["test"]
    assert seen == read_all(blind)["test"]
    assert all(sentence.gold is None for sentence in seen)
    answers = {sentence.question_id: "nessuna" for sentence in seen}
    one, other = (nermud.decode(f, HOLD_OUT, answers, RUN) for f in (folder, blind))
    assert one == other
    assert "PER" not in one.files["DAC_WN_prova_2.tsv"]


def test_decode_does_not_read_the_gold_and_score_needs_it(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    shutil.copytree(root / "data/sample/nermud", folder)
    answers = {e.id: str(e.output) for e in nermud.encode(folder, HOLD_OUT).splits["test"]}
    whole = nermud.decode(folder, HOLD_OUT, answers, RUN)
    out = save(tmp_path / "out", dict(whole.files))
    (folder / "WN_test.tsv").write_text("damaged")
    assert nermud.decode(folder, HOLD_OUT, answers, RUN) == whole
    (folder / "WN_test.tsv").unlink()
    unit = nermud.score(folder, HOLD_OUT, out, RUN)["nermud"]
    assert unit.n == 140
    assert "wn_macro_f1" not in unit.details
    for domain in ("FIC", "ADG"):
        (folder / f"{domain}_test.tsv").unlink()
    assert nermud.score(folder, HOLD_OUT, out, RUN) == {}
    assert all(e.output is None for e in nermud.encode(folder, HOLD_OUT).splits["test"])


def test_equal_sentences_are_in_one_split_in_any_order_of_the_file(tmp_path: Path) -> None:
    blocks = [rows(f"Frase {'numero' if i % 2 else 'Numero'} {i % 40} .") for i in range(120)]
    shuffled = random.Random(5).sample(blocks, len(blocks))
    one, other = (
        read_all(write(tmp_path / name, WN_train="\n".join(b), FIC_train=b[0]))
        for name, b in (("a", blocks), ("b", shuffled))
    )
    texts = [{s.text.casefold() for s in one[split]} for split in SPLITS]
    assert all(texts)
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    for split in SPLITS:
        assert {s.text for s in one[split]} == {s.text for s in other[split]}


# --- Places of mentions ---------------------------------------------------------------------------

HARD = {
    "adjacent entities of one kind": (
        "Rossi Bianchi e Verdi",
        "B-PER B-PER O B-PER",
        "[PER] Rossi [PER] Bianchi [PER] Verdi",
    ),
    "adjacent equal names": ("Roma Roma Roma", "B-LOC I-LOC B-LOC", "[LOC] Roma Roma [LOC] Roma"),
    "a word of the entity before it": (
        "della regione della Lombardia",
        "O B-ORG I-ORG I-ORG",
        "[ORG] regione della Lombardia",
    ),
    "no entity at its first place": (
        "Roma ? A Roma , Roma",
        "O O O B-LOC O O",
        "[LOC] Roma [2]",
    ),
    "order makes a mark needless": (
        "Milano o Roma : Anna ama Roma , non Milano",
        "B-LOC O O O B-PER O B-LOC O O O",
        "[LOC] Milano [PER] Anna [LOC] Roma",
    ),
    "only one of two needs a mark": (
        "Roma e Roma e Roma",
        "O O B-LOC O B-LOC",
        "[LOC] Roma [2] [LOC] Roma",
    ),
    "markers in the text": (
        "[PER] club a [loc] [[ORG]",
        "B-ORG I-ORG O B-LOC B-ORG",
        "[ORG] [[PER] club [LOC] [[loc] [ORG] [[[ORG]",
    ),
    "text like an occurrence mark": (
        "Roma e Roma [2]",
        "O O B-LOC I-LOC",
        "[LOC] Roma [2] [1]",
    ),
    "text like a mark that means nothing": ("Roma [7]", "B-LOC I-LOC", "[LOC] Roma [7]"),
    "other tokens with the same letters": (
        "d' Italia d'Italia dItalia d' Italia",
        "O O B-LOC O B-LOC I-LOC",
        "[LOC] d'Italia [2] [LOC] d' Italia",
    ),
    "nothing by name": ("la nessuna nessuna", "O O B-PER", "[PER] nessuna [2]"),
    "other letters' case first": ("ROMA roma Roma", "O O B-LOC", "[LOC] Roma"),
}  # fmt: skip


@pytest.mark.parametrize(("tokens", "labels", "answer"), HARD.values(), ids=HARD)
def test_gold_is_written_with_marks_only_where_needed(
    tokens: str, labels: str, answer: str
) -> None:
    found = nermud.entities_of(labels.split())
    written, marked = nermud.write_answer(tokens.split(), found)
    assert written == answer
    assert marked == (" [2]" in answer)
    assert read_again(tokens, written) == labels


@pytest.mark.parametrize(
    ("tokens", "answer", "labels"),
    [
        pytest.param("la Banca d' Italia", "[ORG] Banca d'Italia", "O B-ORG I-ORG I-ORG", id="'"),
        pytest.param("a ROMA o Rio", "[LOC] Roma [LOC] rio", "O B-LOC O B-LOC", id="case"),
        pytest.param("Anna a Roma", "[per]Anna[Loc]  Roma ", "B-PER O B-LOC", id="markers"),
        pytest.param("Anna a Roma", "[LOC] Roma [PER] Anna", "B-PER O B-LOC", id="other order"),
        pytest.param(
            "Ugo , Anna , Ugo", "[PER] Anna [PER] Ugo", "O O B-PER O B-PER", id="place by order"
        ),
        pytest.param(
            "A B C D A", "[PER] D [PER] A [PER] B [PER] C",
            "B-PER B-PER B-PER B-PER O", id="most in order",
        ),
        pytest.param("Anna e Anna", "[PER] Anna [PER] Anna [PER] Anna", "B-PER O B-PER", id="more"),
        pytest.param("un'Italia", "[LOC] Italia", "O", id="inside a token"),
        pytest.param("Roma o Roma", "[LOC] roma [2]", "O O B-LOC", id="marked, other case"),
        pytest.param("Roma o Roma", "[LOC] Roma [3]", "O O O", id="no such occurrence"),
        pytest.param("Roma o Roma", "[LOC] Roma [0]", "O O O", id="marks count from 1"),
        pytest.param("A B A", "[PER] A B [LOC] B", "B-PER I-PER O", id="no overlap"),
    ],
)  # fmt: skip
def test_mentions_are_found_as_the_model_writes_them(tokens: str, answer: str, labels: str) -> None:
    assert read_again(tokens, answer) == labels


@pytest.mark.parametrize(
    ("answer", "mentions", "parsed"),
    [
        ("nessuna", [], True),
        (" Nessuna. ", [], True),
        ("", [], False),
        ("nessuna entità", [], False),
        ("UNK", [], False),
        ("[PER] [LOC] roma", [Mention("LOC", "roma")], False),
        ("roma [LOC] milano", [Mention("LOC", "milano")], False),
        ("[PER] Anna nessuna", [Mention("PER", "Anna nessuna")], True),
        ("[PER] Anna [LOC", [Mention("PER", "Anna [LOC")], True),
        ("[PER] Anna [LOC]", [Mention("PER", "Anna")], False),
        ("[MISC] Anna", [], False),
    ],
)
def test_answers_are_read_strictly(answer: str, mentions: list[Mention], parsed: bool) -> None:
    assert nermud.parse_answer(answer) == (mentions, parsed)


def test_unparsable_answers_are_counted_and_give_no_entity(tmp_path: Path) -> None:
    folder = write(tmp_path, WN_train=TRAIN, WN_test_nolabel="\n".join("A\nB\n" for _ in range(6)))
    given_answers = ("nessuna", "[PER] A", "boh", "[PER] X", "[PER] A [LOC] X", "x [LOC] B")
    ids = [e.id for e in nermud.encode(folder, HOLD_OUT).splits["test"]]
    submission = nermud.decode(folder, HOLD_OUT, dict(zip(ids, given_answers, strict=True)), RUN)
    tally = submission.tallies["nermud"]
    assert (tally.rows, tally.unparsable, tally.fallback) == (6, 4, 2)
    read = "O O", "B-PER O", "O O", "O O", "B-PER O", "O B-LOC"
    assert submission.files["DAC_WN_prova_2.tsv"] == "\n".join(rows("A B", r) for r in read)


awkward = st.sampled_from(
    ["a", "A", "b", "aa", "ab", "[PER]", "[[loc]", "[ORG", "]", "[", "[1]", "[2]", "nessuna", '"',
     "d'", "d'a", "a\u00a0b", "\u00a0a", "a\u00a0", "İ", "ß", "ss"]
)  # fmt: skip
token = awkward | st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff"), min_size=1
).filter(str.strip)


@st.composite
def well_formed_sentences(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    tokens = draw(st.lists(token, min_size=1, max_size=9))
    labels: list[str] = []
    for _ in tokens:
        kind = labels[-1][2:] if labels else ""
        going_on = [f"I-{kind}"] * 2 if kind else []
        labels.append(draw(st.sampled_from(["O", "O", "B-PER", "B-LOC", "B-ORG", *going_on])))
    return tokens, labels


@cases(150)
@example([(["a", "[2]", "a", "[2]"], ["O", "O", "B-PER", "I-PER"])])
@example([(["a\u00a0", "a\u00a0"], ["O", "B-LOC"])])
@given(st.lists(well_formed_sentences(), min_size=1, max_size=4))
def test_any_gold_survives_the_whole_way(
    tmp_path_factory: pytest.TempPathFactory, data: list[tuple[list[str], list[str]]]
) -> None:
    """Through files: the submission is the gold file, byte for byte."""
    folder = tmp_path_factory.mktemp("raw")
    gold = "\n".join(
        "".join(f"{t}\t{label}\n" for t, label in zip(*pair, strict=True)) for pair in data
    )
    blind = "\n".join("".join(f"{t}\n" for t in tokens) for tokens, _ in data)
    write(folder, WN_train=TRAIN, FIC_test=gold, FIC_test_nolabel=blind)
    encoded = nermud.encode(folder, HOLD_OUT)
    answers = {e.id: str(e.output) for e in encoded.splits["test"]}
    submission = nermud.decode(folder, HOLD_OUT, answers, RUN)
    assert submission.files["DAC_FIC_prova_2.tsv"] == gold
    assert submission.tallies["nermud"].unparsable == 0


# --- Submission and score -------------------------------------------------------------------------


def test_submissions_have_the_test_files_lines(root: Path) -> None:
    folder = root / "data/sample/nermud"
    answers = {e.id: str(e.output) for e in nermud.encode(folder, HOLD_OUT).splits["test"]}
    submission = nermud.decode(folder, HOLD_OUT, answers, RUN)
    assert list(submission.files) == [f"DAC_{d}_prova_2.tsv" for d in ("WN", "FIC", "ADG")]
    for domain in nermud.DOMAINS:
        content = submission.files[f"DAC_{domain}_prova_2.tsv"]
        assert content == (folder / f"{domain}_test.tsv").read_text(encoding="utf-8")
        tokens = "\n".join(line.partition("\t")[0] for line in content.split("\n"))
        assert tokens == (folder / f"{domain}_test_nolabel.tsv").read_text(encoding="utf-8")


def test_pandas_without_quoting_reads_a_submission(root: Path, tmp_path: Path) -> None:
    folder = root / "data/sample/nermud"
    answers = {e.id: "nessuna" for e in nermud.encode(folder, HOLD_OUT).splits["test"]}
    out = save(tmp_path, dict(nermud.decode(folder, HOLD_OUT, answers, RUN).files))
    table = pd.read_csv(
        out / "DAC_FIC_prova_2.tsv", sep="\t", quoting=3, header=None, keep_default_na=False
    )
    tokens = (folder / "FIC_test_nolabel.tsv").read_text(encoding="utf-8").split()
    assert list(table[0]) == tokens
    assert set(table[1]) == {"O"}


def test_macro_f1_of_tokens_by_hand(tmp_path: Path) -> None:
    """PER: 1 right of 2 given, 2 wanted: 1/2; LOC: 1 of 1, 2 wanted: 2/3; ORG: 0 of 1, 0 wanted.

    Prefixes do not count: a PER that begins too late still has its second token right.
    """
    gold = {
        "WN": rows("Anna Rossi a Roma", "B-PER I-PER O B-LOC"),
        "ADG": rows("il Po scorre", "O B-LOC O"),
    }
    files = {f"{domain}_test": content for domain, content in gold.items()}
    folder = write(tmp_path / "raw", WN_train=TRAIN, **files)
    submitted = {
        "DAC_WN_prova_2.tsv": rows("Anna Rossi a Roma", "O b-per I-PER loc"),
        "DAC_ADG_prova_2.tsv": rows("il Po scorre", "O I-ORG|x O"),
    }
    out = save(tmp_path / "out", submitted)
    unit = nermud.score(folder, HOLD_OUT, out, RUN)["nermud"]
    assert unit.metric == "macro_f1"
    assert unit.value == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert (unit.n, unit.baseline) == (2, 0.0)
    assert unit.details == pytest.approx(
        {
            "micro_f1": 2 * 2 / (4 + 4),
            "average_of_domains": ((1 / 2 + 1 + 0) / 3 + 0) / 2,
            "wn_macro_f1": (1 / 2 + 1 + 0) / 3,
            "wn_micro_f1": 2 * 2 / (3 + 3),
            "adg_macro_f1": 0.0,
            "adg_micro_f1": 0.0,
            "f1_PER": 1 / 2,
            "f1_LOC": 2 / 3,
            "f1_ORG": 0.0,
        }
    )


def test_sentences_are_resampled(tmp_path: Path) -> None:
    """With one sentence every resample is the same, however many tokens it has."""
    gold = rows("a b c d e f", "B-PER B-LOC B-ORG B-PER B-LOC B-ORG")
    folder = write(tmp_path / "raw", WN_train=TRAIN, WN_test=gold)
    given_labels = gold.replace("c\tB-ORG", "c\tO").replace("d\tB-PER", "d\tO")
    out = save(tmp_path / "out", {"DAC_WN_prova_2.tsv": given_labels})
    unit = nermud.score(folder, HOLD_OUT, out, RUN)["nermud"]
    assert ends(unit) == pytest.approx((7 / 9, 7 / 9))
    assert unit.value == pytest.approx(7 / 9)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("A\tO\nB\tO\n\n", r":4: .*no|2 tokens, but the test set has 3", id="missing"),
        pytest.param("A\tO\nB\tO\n\nC\tO\nD\tO\n", "4 tokens, but the test set has 3", id="more"),
        pytest.param("A\tO\nB\tO\n\nA\tO\nB\tO\n\nC\tO\n", ":4: .*token 'C'", id="twice"),
        pytest.param("C\tO\n\nA\tO\nB\tO\n", ":1: .*token 'A': 'C'", id="other order"),
        pytest.param("A\tO\nB\tB-MISC\n\nC\tO\n", ":2: label 'B-MISC'", id="other label"),
        pytest.param("A\tO\nB\n\nC\tO\n", ":2: .*found 1 columns", id="no label"),
    ],
)
def test_a_submission_of_other_tokens_is_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    folder = write(tmp_path / "raw", WN_train=TRAIN, WN_test="A\tO\nB\tB-PER\n\nC\tO")
    out = save(tmp_path / "out", {"DAC_WN_prova_2.tsv": content})
    with pytest.raises(InputError, match=rf"DAC_WN_prova_2\.tsv.*{message}"):
        nermud.score(folder, HOLD_OUT, out, RUN)


def test_a_submission_without_a_domain_is_refused(root: Path, tmp_path: Path) -> None:
    folder = root / "data/sample/nermud"
    answers = {e.id: "nessuna" for e in nermud.encode(folder, HOLD_OUT).splits["test"]}
    out = save(tmp_path, dict(nermud.decode(folder, HOLD_OUT, answers, RUN).files))
    (out / "DAC_FIC_prova_2.tsv").unlink()
    with pytest.raises(InputError, match=r"DAC_FIC_prova_2\.tsv: cannot be read"):
        nermud.score(folder, HOLD_OUT, out, RUN)


# --- The sample and the real data -----------------------------------------------------------------


def test_the_sample_has_what_makes_the_real_data_hard(root: Path) -> None:
    folder = root / "data/sample/nermud"
    for domain in nermud.DOMAINS:
        sentences = nermud.read_sentences(folder / f"{domain}_test.tsv")
        assert not (folder / f"{domain}_test.tsv").read_text(encoding="utf-8").endswith("\n\n")
        found = [nermud.entities_of(s.gold or ()) for s in sentences]
        assert {entity.kind for e in found for entity in e} == set(nermud.KINDS)
        assert any(not e for e in found)
        marks = [nermud.write_answer(s.tokens, e)[1] for s, e in zip(sentences, found, strict=True)]
        assert sum(marks) >= 1
    every = "".join(p.read_text(encoding="utf-8") for p in folder.glob("*_train.tsv"))
    for hard in ('"\tO', "[PER]\tB-ORG", "[LOC]\tO", "[...]\tO"):
        assert hard in every


@pytest.mark.long
def test_gold_survives_on_the_real_domains(shared: Path, tmp_path: Path) -> None:
    """One dash that is annotated as a place needs a mark; the submissions are the gold files."""
    folder = shared / "nermud"
    encoded = nermud.encode(folder, HOLD_OUT)
    assert encoded.notes == {
        "sentences": 20_781,
        "entities": 10_003,
        "marked_entities": 1,
        "repaired_labels": 0,
    }
    answers = {e.id: str(e.output) for e in encoded.splits["test"]}
    files = nermud.decode(folder, HOLD_OUT, answers, RUN).files
    for domain in ("FIC", "ADG"):
        gold = (folder / f"{domain}_test.tsv").read_text(encoding="utf-8")
        assert files[f"DAC_{domain}_prova_2.tsv"] == gold
    unit = nermud.score(folder, HOLD_OUT, save(tmp_path, dict(files)), RUN)["nermud"]
    assert (unit.value, ends(unit), unit.n) == (1.0, (1.0, 1.0), 2_038)
