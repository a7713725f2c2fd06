"""CLinkaRT: files, questions, answers, submission and score."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.forms.mentions import Span, is_word, occurrences
from stages.tasks import clinkart
from stages.tasks.clinkart import Document, Pair, Relation
from stages.toolkit import limits
from tests.helpers.cases import cases
from tests.helpers.intervals import ends
from tests.helpers.tasks import (
    HOLD_OUT,
    RUN,
    assert_defect,
    gold_answers,
    submit,
    write_files,
)

TEXT = "Hb 9,8 g/dl e PCR 98%. La saturazione era del 98%; il BMI 34."


def relation(text: str, result: str, test: str, at: int = 0, test_at: int = 0) -> Relation:
    """A relation by the n-th occurrences of its mentions."""

    def place(mention: str, n: int) -> Span:
        start = -1
        for _ in range(n + 1):
            start = text.index(mention, start + 1)
        return Span(start, start + len(mention))

    return Relation(place(result, at), place(test, test_at))


def write(folder: Path, **files: str) -> Path:
    """Writes files, given without their extension."""
    return write_files(folder, {f"{name}.txt": content for name, content in files.items()})


def block(document: Document, quoted: bool = True) -> str:
    text = clinkart.write_document(document, document.gold or ())
    if quoted:
        return text
    first, *relations = text.split("\n")[:-1]  # the text may hold tabs
    return "".join(f"{line}\n" for line in [first, *map(without_quotes, relations)])


def without_quotes(relation: str) -> str:
    return "\t".join(relation.split("\t")[:4])


# --- Raw files ---


def test_reads_relations_with_and_without_quoted_texts(tmp_path: Path) -> None:
    document = Document("0530", TEXT, (relation(TEXT, "9,8 g/dl", "Hb"),))
    other = Document("12", "Nessun esame.", ())
    folder = write(tmp_path, training=block(document) + "\n" + block(other, quoted=False))
    assert clinkart.read(folder / "training.txt") == [document, other]
    write(tmp_path, training=block(document, quoted=False))
    assert clinkart.read(folder / "training.txt") == [document]


def test_reads_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    document = Document("1", TEXT, (relation(TEXT, "9,8 g/dl", "Hb"),))
    path = tmp_path / "training.txt"
    path.write_bytes(b"\xef\xbb\xbf" + block(document).replace("\n", "\r\n").encode())
    assert clinkart.read(path) == [document]


GOOD = "1|t|Hb 9,8 e PCR 3\n1\tREL\t3-6\t0-2\t9,8\tHb\n"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        pytest.param("", 1, "empty", id="empty file"),
        pytest.param("\n \n", 1, "empty", id="blank file"),
        pytest.param(GOOD + "1\tREL\t3-6\n", 3, "4 or 6 columns", id="too few columns"),
        pytest.param(GOOD + "1\tREL\t3-6\t0-2\t9,8\n", 3, "4 or 6 columns", id="five columns"),
        pytest.param(GOOD + "1\tREL\t3-6\t0-2\ta\tb\tc\n", 3, "4 or 6", id="seven columns"),
        pytest.param(GOOD + "1\tDIS\t3-6\t0-2\n", 3, "REL", id="another kind of line"),
        pytest.param(GOOD + "titolo\n", 3, "DOCID|t|TEXT", id="free text"),
        pytest.param(GOOD + "1\tREL\t3-99\t0-2\n", 3, "outside the text", id="end too large"),
        pytest.param(GOOD + "1\tREL\t6-6\t0-2\n", 3, "outside the text", id="empty span"),
        pytest.param(GOOD + "1\tREL\t6-3\t0-2\n", 3, "outside the text", id="end before start"),
        pytest.param(GOOD + "1\tREL\t-3-6\t0-2\n", 3, "whole numbers", id="negative offset"),
        pytest.param(GOOD + "1\tREL\t3,0-6\t0-2\n", 3, "whole numbers", id="decimal offset"),
        pytest.param(GOOD + "1\tREL\t13-14\t9-12\t4\tPCR\n", 3, "quoted as '4'", id="quoted"),
        pytest.param(GOOD + "1\tREL\t3-7\t0-2\n", 3, "white space", id="blank in span"),
        pytest.param(GOOD + "1\tREL\t3-6\t0-2\n", 3, "stands twice", id="relation twice"),
        pytest.param("1\tREL\t3-6\t0-2\n" + GOOD, 1, "before that document", id="no document"),
        pytest.param(GOOD + "2\tREL\t3-6\t0-2\n2|t|Hb 9,8\n", 3, "before that", id="too early"),
        pytest.param(GOOD + "\n1|t|Altro testo.\n", 4, "stands twice", id="document twice"),
    ],
)
def test_defects_are_reported_by_file_and_line(
    tmp_path: Path, content: str, line: int, message: str
) -> None:
    folder = write(tmp_path, training=content)
    assert_defect(clinkart, folder, "training.txt", line, message)


def test_invalid_utf8_is_reported_by_line(tmp_path: Path) -> None:
    (tmp_path / "training.txt").write_bytes(GOOD.encode() + b"\n2|t|citt\xe0\n")
    with pytest.raises(InputError, match=r"training.txt:4: byte 9 is not UTF-8 \(0xe0\)"):
        clinkart.encode(tmp_path, HOLD_OUT)


def test_all_defects_of_a_file_are_reported_the_first_twenty_in_full(tmp_path: Path) -> None:
    write(tmp_path, training=GOOD + "1\tREL\tx\t0-2\n" * 25)
    with pytest.raises(InputError) as error:
        clinkart.read(tmp_path / "training.txt")
    assert str(error.value).count("whole numbers") == 20
    assert "and 5 more" in str(error.value)


def test_a_missing_training_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no training\.txt"):
        clinkart.encode(tmp_path, HOLD_OUT)


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ("1|t|Hb 9,8\n", "missing documents: 2"),
        ("1|t|Hb 9,8\n\n2|t|PCR 3\n\n3|t|x\n", "not in the test set: 3"),
        ("1|t|Hb 9,9\n\n2|t|PCR 3\n", "another text: 1"),
    ],
)
def test_gold_must_be_of_the_test_documents(tmp_path: Path, gold: str, message: str) -> None:
    write(tmp_path, training="T|t|Hb 1\n", test="1|t|Hb 9,8\n\n2|t|PCR 3", test_gold=gold)
    with pytest.raises(InputError, match=message):
        clinkart.encode(tmp_path, HOLD_OUT)


def test_a_test_document_in_the_training_file_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, training="1|t|Hb 1\n", test="1|t|Hb 1\n")
    with pytest.raises(InputError, match="stand in training.txt too: 1"):
        clinkart.encode(tmp_path, HOLD_OUT)


# --- Questions ---


def test_chunks_cover_all_but_white_space() -> None:
    text = "Prima frase breve. Seconda frase. " + "parola " * 40 + "fine. Ultima."
    spans = clinkart.chunks(text)
    assert " ".join(text[c.start : c.end] for c in spans) == text
    assert len(spans) == 2
    assert all(c.end - c.start >= clinkart.CHUNK_CHARACTERS for c in spans[:-1])


def test_a_training_chunk_never_separates_the_ends_of_a_relation() -> None:
    first = "La prima frase parla della creatinina e di molte altre cose che durano a lungo."
    text = f"{first} {first.replace('prima', 'seconda')} Il valore finale risultava 3,2 mg/dl."
    gold = relation(text, "3,2 mg/dl", "creatinina", test_at=0)
    free = clinkart.chunks(text)
    kept = clinkart.chunks(text, [gold])
    assert not any(c.start <= gold.test.start and gold.result.end <= c.end for c in free)
    assert any(c.start <= gold.test.start and gold.result.end <= c.end for c in kept)


def test_the_test_sets_chunks_do_not_depend_on_its_gold(tmp_path: Path) -> None:
    long = "La frase parla della creatinina e di molte altre cose che durano davvero a lungo."
    text = f"{long} {long} Il valore finale risultava 3,2 mg/dl."
    gold = Document("2", text, (relation(text, "3,2 mg/dl", "creatinina"),))
    write(tmp_path, training="T|t|Hb 1\n", test=f"2|t|{text}\n")
    blind = clinkart.encode(tmp_path, HOLD_OUT).splits["test"]
    write(tmp_path, test_gold=block(gold))
    seen = clinkart.encode(tmp_path, HOLD_OUT).splits["test"]
    assert [(e.id, e.input) for e in blind] == [(e.id, e.input) for e in seen]
    assert all(e.output is None for e in blind)
    assert all(e.output is not None for e in seen)


# --- Answers ---


def test_answers_list_relations_in_order_of_the_result() -> None:
    gold = [
        relation(TEXT, "34", "BMI"),
        relation(TEXT, "98%", "PCR"),
        relation(TEXT, "9,8 g/dl", "Hb"),
        relation(TEXT, "98%", "saturazione", at=1),
    ]
    answer, marked = clinkart.write_answer(TEXT, Span(0, len(TEXT)), gold)
    assert answer == (
        "[BREL] 9,8 g/dl [SEP] Hb [EREL] [BREL] 98% [SEP] PCR [EREL]"
        " [BREL] 98% [SEP] saturazione [EREL] [BREL] 34 [SEP] BMI [EREL]"
    )
    assert marked == 0
    assert clinkart.write_answer(TEXT, Span(0, len(TEXT)), []) == ("[NOREL]", 0)


def located(text: str, answer: str, chunk: Span | None = None) -> list[Relation | None]:
    pairs, _ = clinkart.parse_answer(answer)
    return clinkart.locate(text, chunk or Span(0, len(text)), pairs)


def test_symbols_border_on_anything_and_words_are_not_found_inside_words() -> None:
    text = "Saturazione 98%; pH 7,98; proteinuria < 1 g; Ag (-), Ab +; HbA1c 6, Hb 12."
    for result, test in (("98%", "Saturazione"), ("< 1 g", "proteinuria"), ("(-)", "Ag")):
        assert located(text, str(Pair(result, test))) == [relation(text, result, test)]
    assert located(text, str(Pair("12", "Hb"))) == [relation(text, "12", "Hb", test_at=1)]


def test_repeated_values_are_told_apart_by_order_and_nearness() -> None:
    text = "AST 40, ALT 40, GGT 40 e di nuovo AST 40."
    gold = [
        relation(text, "40", t, at=i, test_at=i == 3)
        for i, t in enumerate("AST ALT GGT AST".split())
    ]
    answer = " ".join(str(Pair("40", t)) for t in ("AST", "ALT", "GGT", "AST"))
    assert located(text, answer) == gold


def test_an_occurrence_mark_stands_where_order_and_nearness_fail_and_only_there() -> None:
    text = "PCR 12 mg/l. Era 12 mg/l, a distanza di molti giorni dalla prima, la PCR."
    near = relation(text, "12 mg/l", "PCR")
    far = relation(text, "12 mg/l", "PCR", at=1, test_at=0)
    everything = Span(0, len(text))
    assert clinkart.write_answer(text, everything, [near]) == (str(Pair("12 mg/l", "PCR")), 0)
    answer, marked = clinkart.write_answer(text, everything, [far])
    assert marked == 1
    assert answer == "[BREL] 12 mg/l [2] [SEP] PCR [EREL]"
    assert located(text, answer) == [far]


def test_a_mark_counts_from_the_chunks_start_and_reaches_beyond_it() -> None:
    text = "PCR 1. La PCR non è stata ripetuta, il valore resta 7. PCR 9."
    chunk = Span(7, text.index(" PCR 9"))
    before, inside, after = (Span(m, m + 3) for m in (0, text.index("PCR", 5), text.rindex("PCR")))
    seven = Span(text.index("7"), text.index("7") + 1)
    for mark, test in ((-1, before), (1, inside), (2, after)):
        answer = f"[BREL] 7 [SEP] PCR [{mark}] [EREL]"
        assert located(text, answer, chunk) == [Relation(seven, test)]
    answer, marked = clinkart.write_answer(text, chunk, [Relation(seven, before)])
    assert (answer, marked) == ("[BREL] 7 [SEP] PCR [-1] [EREL]", 1)


def test_mentions_that_look_like_markers_or_marks_survive() -> None:
    text = "Il test [SEP] dà [NOREL] [2] e il test x dà [[EREL] [2] (v. nota [3])."
    gold = [
        Relation(Span(17, 24), Span(8, 13)),
        relation(text, "[[EREL] [2]", "x"),
        relation(text, "nota [3]", "v."),
    ]
    answer, _ = clinkart.write_answer(text, Span(0, len(text)), gold)
    assert located(text, answer) == sorted(gold)


@pytest.mark.parametrize(
    ("answer", "pairs", "parsed"),
    [
        ("[NOREL]", [], True),
        (" [norel] ", [], True),
        ("", [], False),
        ("nessuna", [], False),
        ("[BREL] 3 [SEP] Hb [EREL]", [Pair("3", "Hb")], True),
        ("[brel]3[sep]Hb[erel]", [Pair("3", "Hb")], True),
        ("[BREL] 3 [SEP] Hb [EREL] [BREL] 4 [SEP]", [Pair("3", "Hb")], False),
        ("[BREL] 3 Hb [EREL] [BREL] 4 [SEP] PCR [EREL]", [Pair("4", "PCR")], False),
        ("[BREL] [SEP] Hb [EREL]", [], False),
        ("[BREL] 3 [SEP] Hb [EREL] [NOREL]", [Pair("3", "Hb")], False),
        ("[BREL] 3 [SEP] Hb [SEP] PCR [EREL]", [], False),
        ("[SEP] [EREL] [BREL]", [], False),
    ],
)
def test_answers_are_parsed_strictly_but_well_formed_pairs_are_kept(
    answer: str, pairs: list[Pair], parsed: bool
) -> None:
    assert clinkart.parse_answer(answer) == (pairs, parsed)


words = st.sampled_from(
    ["Hb", "PCR", "98%", "(-)", "< 1 g", "no", "3,2", "è", "’", "HbHb", "[2]", "."]
)
anything = st.text(
    st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), min_size=1
)


@st.composite
def well_formed_documents(draw: st.DrawFn) -> Document:
    """Documents with hard texts: few distinct words, often repeated, and arbitrary ones."""
    text = " ".join(draw(st.lists(words | anything, min_size=2, max_size=25))).strip()
    text = text.replace("\n", " ")
    solid = [i for i, c in enumerate(text) if not c.isspace()]
    if not solid:
        return Document("1", text, ())
    place = st.tuples(st.sampled_from(solid), st.sampled_from(solid)).map(
        lambda ends: Span(min(ends), max(ends) + 1)
    )
    relations = draw(st.lists(st.builds(Relation, place, place), max_size=8))
    return Document("1", text, tuple(sorted(set(relations))))


@cases(200)
@given(well_formed_documents(), st.booleans())
def test_any_gold_survives_its_own_answer(document: Document, split: bool) -> None:
    chunks = [Span(0, len(document.text))]
    if split:
        middle = len(document.text) // 2
        chunks = [Span(0, middle), Span(middle, len(document.text))]
    placed: list[Relation | None] = []
    for chunk in chunks:
        inside = [r for r in document.gold or () if chunk.start <= r.result.start < chunk.end]
        answer, _ = clinkart.write_answer(document.text, chunk, inside)
        pairs, parsed = clinkart.parse_answer(answer)
        assert parsed
        placed += clinkart.locate(document.text, chunk, pairs)
    assert sorted(r for r in placed if r) == list(document.gold or ())
    assert None not in placed


pieces = st.sampled_from(
    ["[BREL]", "[SEP]", "[EREL]", "[NOREL]", "[2]", "[-1]", "[0]", "98%", "Hb", "PCR", " ", "["]
)
hostile = st.text() | st.lists(pieces, max_size=60).map(" ".join) | st.just("98% [SEP] " * 1000)


@cases(100)
@given(st.lists(hostile, min_size=2, max_size=2))
def test_whatever_the_model_writes_the_submission_is_valid(
    tmp_path_factory: pytest.TempPathFactory, answers: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("raw")
    write(folder, training="T|t|Hb 1\n", test=f"1|t|{TEXT}\n\n2|t|{TEXT}\n")
    ids = question_ids(folder)
    assert len(ids) == 2
    submission = submit(clinkart, folder, dict(zip(ids, answers, strict=True)), folder)
    documents = clinkart.read(folder / "prova_run2.txt")
    assert [(d.id, d.text) for d in documents] == [("1", TEXT), ("2", TEXT)]
    tally = submission.tallies["clinkart"]
    assert tally.rows == 2
    assert tally.fallback <= tally.unparsable
    assert clinkart.score(folder, HOLD_OUT, folder, RUN) == {}
    assert tally.unparsable == sum(
        not parsed or None in clinkart.locate(TEXT, Span(0, len(TEXT)), pairs)
        for pairs, parsed in map(clinkart.parse_answer, answers)
    )


# --- Submission and score ---


def question_ids(folder: Path) -> list[str]:
    return [example.id for example in clinkart.encode(folder, HOLD_OUT).splits["test"]]


def perfect(folder: Path, tmp_path: Path) -> tuple[float, int]:
    """Answers with the gold and scores; also returns the number of submitted documents."""
    submission = submit(clinkart, folder, gold_answers(clinkart, folder), tmp_path)
    unit = clinkart.score(folder, HOLD_OUT, tmp_path, RUN)["clinkart"]
    assert unit.details["precision"] == unit.details["recall"] == unit.value
    assert unit.details["overlap_f1"] == 1.0
    assert ends(unit) == (1.0, 1.0)
    assert submission.tallies["clinkart"].unparsable == 0
    return unit.value, unit.n


def test_gold_survives_on_the_sample(root: Path, tmp_path: Path) -> None:
    value, documents = perfect(root / "data" / "sample" / "clinkart", tmp_path)
    assert value == 1.0
    assert documents >= 20


def test_gold_survives_on_documents_held_out_of_the_sample(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "raw")
    shutil.copy(root / "data/sample/clinkart/training.txt", tmp_path / "raw")
    value, documents = perfect(tmp_path / "raw", tmp_path)
    assert value == 1.0
    assert documents > 5


def test_gold_survives_on_the_real_documents(shared: Path, tmp_path: Path) -> None:
    """All 83 as a test set, so that their chunks do not depend on the gold."""
    content = (shared / "clinkart" / "training.txt").read_text(encoding="utf-8")
    texts = "\n\n".join(line for line in content.split("\n") if "|t|" in line)
    folder = write(tmp_path / "raw", training="T|t|Hb 1\n", test=texts, test_gold=content)
    assert perfect(folder, tmp_path) == (1.0, 83)
    notes = clinkart.encode(folder, HOLD_OUT).notes
    assert (notes["relations"], notes["marked_relations"]) == (658, 2)


def test_a_submission_has_every_document_its_text_and_no_gold(tmp_path: Path) -> None:
    write(tmp_path, training="T|t|Hb 1\n", test="0007|t|  Hb 9,8 e PCR 3\n\n2|t|Niente.\n")
    ids = question_ids(tmp_path)
    answers = dict.fromkeys(ids, "[NOREL]") | {ids[0]: "[BREL] 9,8 [SEP] Hb [EREL]"}
    submission = clinkart.decode(tmp_path, HOLD_OUT, answers, RUN)
    assert submission.files == {
        "prova_run2.txt": "0007|t|  Hb 9,8 e PCR 3\n0007\tREL\t5-8\t2-4\t9,8\tHb\n\n2|t|Niente.\n"
    }


@cases(60)
@example(Document("1", "0\t \t \t \t0", ()))
@given(well_formed_documents())
def test_any_gold_survives_the_whole_way(
    tmp_path_factory: pytest.TempPathFactory, document: Document
) -> None:
    """Through files, with chunks that do not know the gold; texts may hold tabs."""
    folder = tmp_path_factory.mktemp("raw")
    document = replace(document, text=document.text.replace("\ufeff", " "))
    gold = block(document, quoted=False)
    text = f"1|t|{document.text}\n"
    write(folder, training="T|t|Hb 1\n", test=text, test_gold=gold)
    submit(clinkart, folder, gold_answers(clinkart, folder), folder)
    unit = clinkart.score(folder, HOLD_OUT, folder, RUN)["clinkart"]
    assert unit.value == (1.0 if document.gold else 0.0)
    assert unit.details["recall"] == unit.value


def test_a_mention_across_a_tab_does_not_break_the_submission(tmp_path: Path) -> None:
    write(tmp_path, training="T|t|Hb 1\n", test="1|t|Hb 9\tg/dl\n")
    answers = dict.fromkeys(question_ids(tmp_path), "[BREL] 9 g/dl [SEP] Hb [EREL]")
    content = clinkart.decode(tmp_path, HOLD_OUT, answers, RUN).files["prova_run2.txt"]
    assert content == "1|t|Hb 9\tg/dl\n1\tREL\t3-9\t0-2\n"


def test_an_answer_whose_mentions_do_not_occur_is_a_fallback(tmp_path: Path) -> None:
    write(tmp_path, training="T|t|Hb 1\n", test="1|t|Hb 9\n")
    for answer, unparsable, fallback in (
        ("[NOREL]", 0, 0),
        ("[BREL] 7 [SEP] Hb [EREL]", 1, 1),
        ("boh", 1, 1),
        ("[BREL] 9 [SEP] Hb [EREL] boh", 1, 0),
    ):
        answers = dict.fromkeys(question_ids(tmp_path), answer)
        tally = clinkart.decode(tmp_path, HOLD_OUT, answers, RUN).tallies["clinkart"]
        assert (tally.unparsable, tally.fallback) == (unparsable, fallback), answer


def test_relations_in_the_test_file_are_refused(tmp_path: Path) -> None:
    write(tmp_path, training="T|t|Hb 1\n", test="1|t|Hb 9,8\n1\tREL\t3-6\t0-2\n")
    with pytest.raises(InputError, match=r"test\.txt:2: expected text lines only"):
        clinkart.encode(tmp_path, HOLD_OUT)


def test_answers_about_other_chunks_are_refused(tmp_path: Path) -> None:
    write(tmp_path, training="T|t|Hb 1\n", test=f"1|t|{TEXT}\n\n2|t|Niente.\n")
    first, *others = question_ids(tmp_path)
    answers = dict.fromkeys([first.replace(":0-", ":3-"), *others], "[NOREL]")
    with pytest.raises(InputError, match=f"no answer to {first}"):
        clinkart.decode(tmp_path, HOLD_OUT, answers, RUN)


def test_held_out_documents_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    documents = [f"{i}|t|Hb {i}\n" for i in range(40)]
    folder = write(tmp_path, training="\n".join(documents))
    with caplog.at_level(logging.INFO):
        encoded = clinkart.encode(folder, HOLD_OUT).splits
    held_out = "items of training.txt are held out for"
    assert caplog.messages == [
        f"{folder}: no dev file: {len(encoded['dev'])} {held_out} dev",
        f"{folder}: no test.txt: {len(encoded['test'])} {held_out} test",
    ]


def test_the_score_counts_exact_pairs_over_all_documents(tmp_path: Path) -> None:
    """Gold 3, submitted 4, right 2: P = 1/2, R = 2/3, F1 = 4/7; one more overlaps: 3/4, 1, 6/7."""
    text = "Hb 9,8 g/dl, PCR 3, VES 20."
    hb, pcr, ves = (
        relation(text, *pair) for pair in (("9,8 g/dl", "Hb"), ("3", "PCR"), ("20", "VES"))
    )
    short = Relation(Span(hb.result.start, hb.result.start + 3), hb.test)
    wrong = Relation(ves.result, pcr.test)
    gold = [Document("1", text, (hb, pcr)), Document("2", text, (ves,))]
    given = [Document("1", text, (short, pcr)), Document("2", text, (ves, wrong))]
    write(
        tmp_path,
        training="T|t|Hb 1\n",
        test=f"1|t|{text}\n\n2|t|{text}\n",
        test_gold="\n".join(map(block, gold)),
        prova_run2="\n".join(map(block, given)),
    )
    unit = clinkart.score(tmp_path, HOLD_OUT, tmp_path, RUN)["clinkart"]
    assert unit.details["precision"] == pytest.approx(1 / 2)
    assert unit.details["recall"] == pytest.approx(2 / 3)
    assert unit.value == pytest.approx(4 / 7)
    assert unit.details["overlap_f1"] == pytest.approx(6 / 7)
    assert (unit.metric, unit.n, unit.baseline, unit.better) == ("micro_f1", 2, 0.0, "higher")
    # Resampled documents: F1 is 1/2 for the first alone and 2/3 for the second alone.
    assert ends(unit) == pytest.approx((1 / 2, 2 / 3))


def test_no_gold_no_score_and_no_relation_found_is_zero(tmp_path: Path) -> None:
    write(tmp_path, training="T|t|Hb 1\n", test="1|t|Hb 9,8\n", prova_run2="1|t|Hb 9,8\n")
    assert clinkart.score(tmp_path, HOLD_OUT, tmp_path, RUN) == {}
    write(tmp_path, test_gold="1|t|Hb 9,8\n1\tREL\t3-6\t0-2\n")
    assert clinkart.score(tmp_path, HOLD_OUT, tmp_path, RUN)["clinkart"].value == 0.0


@pytest.mark.parametrize(
    ("submitted", "message"),
    [
        ("1|t|Hb 9,8\n", "missing documents: 2"),
        ("1|t|Hb 9,8\n\n2|t|PCR\n\n3|t|x\n", "not in the test set: 3"),
        ("1|t|Hb 9,8\n\n2|t|PCR\n\n1|t|Hb 9,8\n", "stands twice"),
        ("1|t|Hb 9,9\n\n2|t|PCR\n", "another text: 1"),
    ],
)
def test_a_submission_of_other_documents_is_refused(
    tmp_path: Path, submitted: str, message: str
) -> None:
    write(tmp_path, training="T|t|Hb 1\n", test="1|t|Hb 9,8\n\n2|t|PCR\n", prova_run2=submitted)
    with pytest.raises(InputError, match=message):
        clinkart.score(tmp_path, HOLD_OUT, tmp_path, RUN)


@pytest.mark.parametrize("count", [3, 80, limits.MENTIONS])
@pytest.mark.parametrize("ahead", [1, 2])
def test_gold_survives_many_equal_pairs_in_a_sentence(count: int, ahead: int) -> None:
    """The fewest marks are sought for a few; of many pairs all places are marked."""
    text = "3 " * (count + ahead)
    chunk = Span(0, len(text))
    relations = [
        Relation(Span(2 * n, 2 * n + 1), Span(2 * (n + ahead), 2 * (n + ahead) + 1))
        for n in range(count)
    ]
    answer, marked = clinkart.write_answer(text, chunk, relations)
    pairs, parsed = clinkart.parse_answer(answer)
    assert parsed
    assert clinkart.locate(text, chunk, pairs) == relations
    assert marked == count


def test_unambiguous_pairs_need_no_mark_even_if_seeking_the_fewest_would_take_long() -> None:
    count = 20
    text = "".join(f"Hb{n:02} 3 " for n in range(count))
    relations = [Relation(Span(7 * n + 5, 7 * n + 6), Span(7 * n, 7 * n + 4)) for n in range(count)]
    answer, marked = clinkart.write_answer(text, Span(0, len(text)), relations)
    assert marked == 0
    assert clinkart.locate(text, Span(0, len(text)), clinkart.parse_answer(answer)[0]) == relations


few = st.lists(st.sampled_from(["3", "Hb", "a", "aa"]), min_size=1, max_size=60)


@given(few, st.data())
def test_the_nearest_tests_are_considered_however_many_there_are(
    text: list[str], data: st.DataObject
) -> None:
    """Against all tests, sorted."""
    whole = " ".join(text)
    spans = list(occurrences(whole, "a", Span(0, len(whole))))
    places = clinkart._Places([(s, 0.0 if is_word(whole, s) else 1000.0) for s in spans])
    start = data.draw(st.integers(0, len(whole) - 1))
    result = Span(start, data.draw(st.integers(start + 1, len(whole))))
    everything = [(places.costs[s] + clinkart._distance(result, s), s) for s in spans]
    assert places.near(result) == sorted(everything)[: clinkart.NEAREST]


def test_an_answer_of_many_ambiguous_pairs_is_read_by_the_first_places() -> None:
    text = "a b c d " * 64
    pairs = [Pair(result, test) for result in "abcd" for test in "abcd"]
    located = clinkart.locate(text, Span(0, len(text)), pairs)
    assert None not in located
    assert all(relation.result.start < 64 for relation in located if relation)


def test_documents_and_their_relations_have_limits(tmp_path: Path) -> None:
    most = limits.MENTIONS
    last = f"{2 * most + 2}-{2 * most + 3}"
    relations = [f"1\tREL\t{2 * n}-{2 * n + 1}\t{last}\n" for n in range(most + 1)]
    text = "3 " * (most + 2)
    path = tmp_path / clinkart.FILES.train
    path.write_text(f"1|t|{text}\n{''.join(relations)}\n2|t|{'x' * (limits.TEXT + 1)}\n")
    with pytest.raises(InputError) as error:
        clinkart.read(path)
    for line, problem in (
        (most + 2, f"a text with {most + 1} mentions, expected at most {most}"),
        (most + 4, f"a text with {limits.TEXT + 1} characters, expected at most {limits.TEXT}"),
    ):
        assert f":{line}: {problem}" in str(error.value)
