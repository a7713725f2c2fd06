"""PoliticIT: files, defects, chunks, votes, submission and score."""

import csv
import io
import logging
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from stages.common.command import InputError
from stages.tasks import politicit
from stages.tasks.politicit import (
    FILES,
    GENDER,
    MULTICLASS,
    SIDES,
    TOKENS,
    Traits,
    chunks,
    elected,
    parse_answer,
    write_answer,
)
from stages.toolkit.records import Example
from stages.toolkit.splits import SPLITS, Split
from tests.helpers.cases import cases
from tests.helpers.intervals import ends
from tests.helpers.tasks import HOLD_OUT, NOTHING_HELD_OUT, RUN, write_files

TRAIN, TEST, GOLD = FILES.train, FILES.test, FILES.gold

COLUMNS = ["label", "gender", "ideology_binary", "ideology_multiclass"]
HEAD = '"label","gender","ideology_binary","ideology_multiclass","tweet"\n'
BLIND, TRAITS = '"label","tweet"\n', '"label","gender","ideology_binary","ideology_multiclass"\n'
A1 = '"a1","male","right","right","Uno"\n'
B2 = '"b2","female","left","moderate_left","Due"\n'
C3 = '"c3","male","right","right","Tre"\n'
TEST_ROWS = (
    '"00123e45","prima, ""citata""  😡\nseconda riga"\n"c2","[POLITICIAN] @user"\n"00123e45","NA"\n'
)
GOLD_ROWS = '"c2","male","left","left"\n"00123e45","female","right","moderate_right"\n'
RAW = {TRAIN: HEAD + A1 + B2 + C3, TEST: BLIND + TEST_ROWS, GOLD: TRAITS + GOLD_ROWS}

EVERY = [Traits(g, split, m) for g in GENDER.answers for m, split in SIDES.items()]


def quoted(*rows: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue()


def gold_of(folder: Path) -> dict[str, str]:
    return {e.id: str(e.output) for e in politicit.encode(folder, HOLD_OUT).splits["test"]}


def submitted(folder: Path, answers: dict[str, str], out: Path) -> Path:
    submission = politicit.decode(folder, HOLD_OUT, answers, RUN)
    return write_files(out, dict(submission.files)) / "results_post_eval.csv"


# --- Raw files ------------------------------------------------------------------------------------


def test_an_authors_tweets_are_joined_one_a_line(tmp_path: Path) -> None:
    """Rows of an author need not stand together; a line end in a tweet becomes a blank."""
    test = politicit.encode(write_files(tmp_path, RAW), HOLD_OUT).splits["test"]
    first = 'prima, "citata" 😡 seconda riga\nNA'
    assert test == [
        Example("politicit:test:00123e45:1", "politicit", first, "donna destra centrodestra"),
        Example("politicit:test:c2:1", "politicit", "[POLITICIAN] @user", "uomo sinistra sinistra"),
    ]


@pytest.mark.parametrize(
    ("file", "content", "line", "message"),
    [
        pytest.param(TRAIN, "", 1, "empty", id="empty"),
        pytest.param(TRAIN, HEAD, 1, "no rows", id="header only"),
        pytest.param(TRAIN, BLIND + '"a","b"\n', 1, "expected the header", id="no traits"),
        pytest.param(TRAIN, HEAD + '"a","male","left","left"\n', 2, "5 columns", id="too few"),
        pytest.param(TRAIN, HEAD + A1[:-1] + ',"x"\n', 2, "found 6", id="too many"),
        pytest.param(TRAIN, HEAD + A1.replace("male", "m"), 2, "female or male", id="gender"),
        pytest.param(TRAIN, HEAD + A1.replace("right", "center"), 2, "left or right", id="binary"),
        pytest.param(TRAIN, HEAD + B2.replace("_", " "), 2, "moderate_left", id="multiclass"),
        pytest.param(
            TRAIN, HEAD + B2.replace('"left"', '"moderate_left"'), 2, "left or right",
            id="a multiclass ideology as the binary one",
        ),
        pytest.param(TRAIN, HEAD + A1.replace("Uno", " \n"), 2, "expected a text", id="no text"),
        pytest.param(TRAIN, HEAD + A1.replace("a1", ""), 2, "identifier", id="no label"),
        pytest.param(TRAIN, HEAD + A1 + '"a","b', 3, "quoted", id="open quote"),
        pytest.param(TRAIN, HEAD + A1.replace("Uno", 'U"no'), 2, "quoted", id="stray quote"),
        pytest.param(
            TRAIN, HEAD + B2 + '"b2","female","right","moderate_left","Due"\n',
            3, "expected 'left' beside ideology_multiclass 'moderate_left'", id="ideologies",
        ),
        pytest.param(
            TRAIN, HEAD + A1.replace("Uno", "U\n\nno") + B2 + A1.replace("male", "female"),
            6, "label a1: expected male, right, right as on line 2; found female, right, right",
            id="an author of two genders",
        ),
        pytest.param(TEST, HEAD + A1, 1, "expected the header", id="test with traits"),
        pytest.param(TEST, BLIND + '"a b","c"\n', 2, "identifier", id="label with a blank"),
        pytest.param(TEST, BLIND + '"a","c"\n"a",""\n', 3, "expected a text", id="empty tweet"),
        pytest.param(GOLD, BLIND + '"a","c"\n', 1, "expected the header", id="gold without traits"),
        pytest.param(GOLD, TRAITS + '"c2","male","","left"\n', 2, "left or right", id="no gold"),
        pytest.param(
            GOLD, TRAITS + GOLD_ROWS + '"c2","male","left","moderate_left"\n',
            4, "as on line 2", id="gold contradicts itself",
        ),
    ],
)  # fmt: skip
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, file: str, content: str, line: int, message: str
) -> None:
    folder = write_files(tmp_path, RAW | {file: content})
    with pytest.raises(InputError, match=rf"{file}:{line}: ") as error:
        politicit.encode(folder, HOLD_OUT)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ('"c2","male","left","left"\n', "missing items: 00123e45"),
        (GOLD_ROWS + '"d4","male","left","left"\n', "not in the test set: d4"),
    ],
)
def test_gold_of_other_authors_is_refused(tmp_path: Path, gold: str, message: str) -> None:
    folder = write_files(tmp_path, RAW | {GOLD: TRAITS + gold})
    with pytest.raises(InputError, match=rf"gold\.csv: .*{message}"):
        politicit.encode(folder, HOLD_OUT)


def test_gold_may_have_a_row_for_each_tweet(tmp_path: Path) -> None:
    by_author = gold_of(write_files(tmp_path / "a", RAW))
    rows = GOLD_ROWS.replace("\n", ',"testo"\n') + GOLD_ROWS.replace("\n", ',""\n')
    assert gold_of(write_files(tmp_path / "b", RAW | {GOLD: HEAD + rows})) == by_author


def test_an_author_is_in_one_split_in_any_order_of_the_file(root: Path, tmp_path: Path) -> None:
    header, *rows = csv.reader(io.StringIO((root / "data/sample/politicit" / TRAIN).read_text()))
    one = write_files(tmp_path / "a", {TRAIN: quoted(header, *rows)})
    other = write_files(tmp_path / "b", {TRAIN: quoted(header, *rows[::-1])})

    def labels(folder: Path) -> dict[Split, set[str]]:
        by_split = politicit.encode(folder, HOLD_OUT).splits
        return {split: {e.id.split(":")[2] for e in by_split[split]} for split in SPLITS}

    sides = labels(one)
    assert all(sides.values())
    assert sum(map(len, sides.values())) == len(set.union(*sides.values()))
    assert labels(other) == sides


def test_a_label_may_be_in_both_files(tmp_path: Path) -> None:
    folder = write_files(tmp_path, RAW | {TEST: BLIND + '"a1","Quattro"\n', GOLD: HEAD + A1})
    encoded = politicit.encode(folder, NOTHING_HELD_OUT)
    assert encoded.notes["authors_in_both_files"] == 1
    assert [e.id for e in encoded.splits["train"]][0] == "politicit:train:a1:1"
    assert [e.id for e in encoded.splits["test"]] == ["politicit:test:a1:1"]


def test_what_is_absent_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    folder = write_files(tmp_path, RAW)
    politicit.encode(folder, NOTHING_HELD_OUT)
    no_dev = f"{folder}: no dev file: 0 items of {TRAIN} are held out for dev"
    assert caplog.messages == [no_dev]
    (folder / GOLD).unlink()
    politicit.encode(folder, NOTHING_HELD_OUT)
    assert caplog.messages[1:] == [no_dev, f"{folder}: no {GOLD}: no score on {TEST}"]
    (folder / TEST).unlink()
    politicit.encode(folder, NOTHING_HELD_OUT)
    no_test = f"{folder}: no {TEST}: 0 items of {TRAIN} are held out for test"
    assert caplog.messages[3:] == [no_dev, no_test]


# --- Chunks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tweet", "tokens"),
    [
        ("Prima le persone.", 4),
        ("L'acqua e l’aria", 5),
        ("[POLITICIAN] @user", 4),
        ("https://t.co/a?b=1,2 #voto 💪!!", 6),
    ],
)
def test_tokens_are_words_signs_links_and_users(tweet: str, tokens: int) -> None:
    assert [chunk.tokens for chunk in chunks([tweet])] == [tokens]


def words(first: int, count: int) -> str:
    return " ".join(f"p{number}" for number in range(first, first + count))


def test_no_tweet_is_lost() -> None:
    """The reference lost the tweet that did not fit any more, and an author's last chunk."""
    tweets = [words(0, 120), words(120, 80), words(200, 1), words(201, 150), words(351, 60)]
    found = chunks(tweets)
    assert [chunk.tokens for chunk in found] == [200, 151, 60]
    assert [chunk.text for chunk in found] == [
        "\n".join(tweets[:2]), "\n".join(tweets[2:4]), tweets[4]
    ]  # fmt: skip


def test_a_tweet_that_is_too_long_has_chunks_of_its_own() -> None:
    """The reference asked about an empty text, and left the tweet out."""
    found = chunks([words(0, 401), "dopo", words(500, 10), words(600, 201)])
    assert [chunk.tokens for chunk in found] == [133, 134, 134, 11, 100, 101]
    assert " ".join(chunk.text for chunk in found[:3]) == words(0, 401)
    assert found[3].text == "dopo\n" + words(500, 10)


text = st.text(st.sampled_from("aB1 .!'’@#[]_\n\t\u2028😡é/:"), min_size=1).filter(str.strip)
long_text = st.integers(1, 700).map(lambda count: "ciao! " * count)


@given(tweets=st.lists(text | long_text, max_size=8))
def test_chunks_keep_every_character_and_the_limit(tweets: list[str]) -> None:
    found = chunks(tweets)
    for chunk in found:
        assert chunk.text.strip()
        assert 0 < chunk.tokens <= TOKENS
    everything = "".join("".join(chunk.text for chunk in found).split())
    assert everything == "".join("".join(tweets).split())
    lines = [line for chunk in found for line in chunk.text.split("\n")]
    short = [" ".join(tweet.split()) for tweet in tweets if len(chunks([tweet])) == 1]
    assert not Counter(short) - Counter(lines)


@pytest.mark.parametrize("piece", ["(", "a.", "@", "https:/", "a" * 1000])
def test_hostile_tweets_are_cut_and_nothing_is_lost(piece: str) -> None:
    """Long ones too, which a quadratic search would not finish."""
    tweet = piece * (200_000 // len(piece))
    found = chunks([tweet])
    assert "".join(chunk.text for chunk in found) == tweet


# --- Answers --------------------------------------------------------------------------------------


def test_answers_of_all_traits() -> None:
    answers = [write_answer(traits) for traits in EVERY]
    assert answers[1] == "donna sinistra centrosinistra"
    assert len(set(answers)) == 8
    for traits, answer in zip(EVERY, answers, strict=True):
        assert parse_answer(answer) == (traits._asdict(), True)


@pytest.mark.parametrize(
    ("answer", "read", "whole"),
    [
        (" Donna,\nSINISTRA - centrosinistra.", ("female", "left", "moderate_left"), True),
        ("uomo destra centrodestra", ("male", "right", "moderate_right"), True),
        ("uomo destra sinistra", ("male", "right", "left"), False),  # contradicts itself
        ("donna", ("female", None, None), False),
        ("donna sinistra", ("female", "left", None), False),
        ("donna centro centro", ("female", None, None), False),
        ("boh sinistra sinistra", (None, "left", "left"), False),
        ("donna centrosinistra sinistra", ("female", None, "left"), False),
        ("donna sinistra centrosinistra sinistra", ("female", "left", "moderate_left"), False),
        ("sinistra sinistra", (None, "left", None), False),
        ("donna sinitra centrosinitra", ("female", None, None), False),
        ("female left left", (None, None, None), False),
        ("donne", (None, None, None), False),
        ("UNK", (None, None, None), False),
        (" .,- ", (None, None, None), False),
        ("", (None, None, None), False),
    ],
)
def test_words_are_read_strictly_and_apart(
    answer: str, read: tuple[str | None, ...], whole: bool
) -> None:
    """The reference stopped at a word that it did not know."""
    known = {c: label for c, label in zip(Traits._fields, read, strict=True) if label}
    assert parse_answer(answer) == (known, whole)


TRAINED = Counter(
    {
        ("gender", "male"): 3, ("gender", "female"): 2,
        ("ideology_multiclass", "moderate_left"): 3, ("ideology_multiclass", "right"): 2,
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "traits"),
    [
        pytest.param([], "uomo sinistra centrosinistra", id="no vote: the training majority"),
        pytest.param(
            [("donna destra destra", 9)], "donna destra destra", id="one vote",
        ),
        pytest.param(
            [("donna destra destra", 9), ("uomo sinistra sinistra", 5), ("uomo", 5)],
            "uomo destra destra", id="gender and ideology apart",
        ),
        pytest.param(
            [("donna destra destra", 5), ("uomo sinistra centrosinistra", 5)],
            "uomo sinistra centrosinistra", id="equal votes: the training majority",
        ),
        pytest.param(
            [("uomo destra destra", 5), ("uomo destra centrodestra", 5)],
            "uomo destra destra", id="not always the moderate one",
        ),
        pytest.param(
            [("uomo sinistra sinistra", 5), ("uomo sinistra centrosinistra", 5)],
            "uomo sinistra centrosinistra", id="not always the extreme one",
        ),
        pytest.param(
            [("uomo sinistra sinistra", 6), ("uomo sinistra centrosinistra", 6),
             ("uomo destra destra", 8)],
            "uomo sinistra centrosinistra", id="the side counts too",
        ),
        pytest.param(
            [("boh sinistra boh", 5), ("boh boh destra", 4)],
            "uomo sinistra centrosinistra", id="ideologies always agree",
        ),
        pytest.param([("boh destra", 5)], "uomo destra destra", id="a side alone"),
        pytest.param(
            [("donna destra destra", 200), ("uomo sinistra sinistra", 30)],
            "donna destra destra", id="a short last chunk does not outvote a full one",
        ),
    ],
)  # fmt: skip
def test_words_vote(said: list[tuple[str, int]], traits: str) -> None:
    votes: Counter[tuple[str, str]] = Counter()
    for answer, tokens in said:
        for item in parse_answer(answer)[0].items():
            votes[item] += tokens
    assert write_answer(elected(votes, TRAINED)) == traits


# --- Submission and score -------------------------------------------------------------------------


def test_the_submission_has_a_row_for_each_author(tmp_path: Path) -> None:
    rows = "".join(f'"00123e45","{words(100 * n, 100)}"\n' for n in range(4)) + '"d4","Ciao"\n'
    folder = write_files(tmp_path, RAW | {TEST: BLIND + TEST_ROWS + rows})
    (folder / GOLD).unlink()
    answers = {
        "politicit:test:00123e45:1": "Donna, destra, boh",
        "politicit:test:00123e45:2": "?",
        "politicit:test:00123e45:3": "uomo destra centrodestra",
        "politicit:test:c2:1": "donna sinistra destra",
        "politicit:test:d4:1": "boh",
    }
    submission = politicit.decode(folder, NOTHING_HELD_OUT, answers, RUN)
    assert submission.files == {
        "results_post_eval.csv": (
            "label,gender,ideology_binary,ideology_multiclass\n"
            "00123e45,female,right,moderate_right\n"  # 109 tokens against 100
            "c2,female,right,right\n"  # left and right said once each, right trained on twice
            "d4,male,right,right\n"
        )
    }
    tally = submission.tallies["politicit"]
    # The unparsable answer about 00123e45 has others beside it, that about d4 has none.
    assert (tally.rows, tally.unparsable, tally.fallback) == (5, 4, 1)


FOUR = {
    "a": "donna sinistra sinistra",
    "b": "uomo destra destra",
    "c": "donna sinistra centrosinistra",
    "d": "uomo destra centrodestra",
}


def four_authors(folder: Path) -> Path:
    gold = [[label, *parse_answer(answer)[0].values()] for label, answer in FOUR.items()]
    return write_files(
        folder,
        RAW
        | {
            TEST: quoted(["label", "tweet"], *([label, "Testo"] for label in FOUR)),
            GOLD: quoted(COLUMNS, *gold[::-1]),
        },
    )


def test_the_score_by_hand(tmp_path: Path) -> None:
    """Gender, given F F F M for F M F M: 4/5 and 2/3. Ideology, left for moderate_left: all sides
    are right; left 2/3, moderate_left 0, the others 1.
    """  # noqa: D205
    folder = four_authors(tmp_path)
    said = {**FOUR, "b": "donna destra destra", "c": "donna sinistra sinistra"}
    answers = {f"politicit:test:{label}:1": answer for label, answer in said.items()}
    submission = politicit.decode(folder, NOTHING_HELD_OUT, answers, RUN)
    write_files(tmp_path, dict(submission.files))
    unit = politicit.score(folder, NOTHING_HELD_OUT, tmp_path, RUN)["politicit"]
    gender, multiclass = (4 / 5 + 2 / 3) / 2, (2 / 3 + 0 + 1 + 1) / 4
    assert (unit.metric, unit.n) == ("mean_macro_f1", 4)
    assert unit.value == pytest.approx((gender + 1 + multiclass) / 3)
    assert unit.details == pytest.approx(
        {"gender_macro_f1": gender, "binary_macro_f1": 1.0, "multiclass_macro_f1": multiclass}
    )
    # male right right, most frequent in training, for everybody.
    assert unit.baseline == pytest.approx((1 / 3 + 1 / 3 + (2 / 5) / 4) / 3)


def test_every_resample_has_all_traits(tmp_path: Path) -> None:
    """A resample without an ideology would score it 0, even where all is right."""
    folder = four_authors(tmp_path)
    submitted(folder, gold_of(folder), tmp_path)
    unit = politicit.score(folder, HOLD_OUT, tmp_path, RUN)["politicit"]
    assert (unit.value, ends(unit)) == (1.0, (1.0, 1.0))


def test_the_score_is_scikit_learns_on_the_columns(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "politicit"
    answers = list(gold_of(folder).values())
    path = submitted(
        folder, dict(zip(gold_of(folder), answers[1:] + answers[:1], strict=True)), tmp_path
    )
    unit = politicit.score(folder, HOLD_OUT, tmp_path, RUN)["politicit"]
    table = pd.read_csv(path, dtype=str)
    gold = pd.read_csv(folder / GOLD, dtype=str).set_index("label").loc[table.label]
    expected = [f1_score(gold[c], table[c].to_numpy(), average="macro") for c in COLUMNS[1:]]
    assert list(unit.details.values()) == pytest.approx(expected)
    assert unit.value == pytest.approx(sum(expected) / 3)
    low, high = ends(unit)
    assert low < unit.value < high


def test_held_out_authors_are_scored_on_the_labels_that_they_have(tmp_path: Path) -> None:
    rows = [[f"a{n}", "female", "left", "left", f"Testo {n}"] for n in range(40)]
    folder = write_files(tmp_path, {TRAIN: quoted([*COLUMNS, "tweet"], *rows)})
    answers = gold_of(folder)
    assert len(answers) > 3
    submitted(folder, answers, tmp_path)
    unit = politicit.score(folder, HOLD_OUT, tmp_path, RUN)["politicit"]
    assert (unit.value, ends(unit)) == (1.0, (1.0, 1.0))


def test_the_submission_is_in_the_order_of_the_test_file(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "politicit"
    path = submitted(folder, gold_of(folder), tmp_path)
    table = pd.read_csv(path, dtype=str)
    test = pd.read_csv(folder / TEST, dtype=str, keep_default_na=False)
    assert list(table.columns) == COLUMNS
    assert list(table.label) == list(test.label.drop_duplicates())


def test_a_submission_of_other_authors_is_refused(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "politicit"
    path = submitted(folder, gold_of(folder), tmp_path)
    header, first, second, *rest = path.read_text().splitlines(keepends=True)
    for lines, message in (
        ([header, second, *rest], "missing items"),
        ([header, first, second, *rest, "x" + first], "not in the test set: x"),
        ([header, first, first, second, *rest], "stand there twice"),
        ([header, second, first, *rest], "out of order"),
        ([header, first.replace("ale,", ","), second, *rest], r"csv:2: .*female or male"),
    ):
        path.write_text("".join(lines))
        with pytest.raises(InputError, match=message):
            politicit.score(folder, HOLD_OUT, tmp_path, RUN)


def test_the_sample_has_what_makes_the_data_hard(root: Path) -> None:
    folder = root / "data" / "sample" / "politicit"
    encoded = politicit.encode(folder, NOTHING_HELD_OUT)
    assert encoded.notes["tweets_cut"] == 2
    for file in (TRAIN, TEST):
        rows = list(csv.DictReader(io.StringIO((folder / file).read_text())))
        tweets = [row["tweet"] for row in rows]
        for hard in ("[POLITICIAN]", "@user", "@politician", "💪", '"', "\n", "  "):
            assert sum(hard in tweet for tweet in tweets) >= 5, hard
        authors = Counter(row["label"] for row in rows)
        assert max(authors.values()) > 30
        assert any(label.startswith("00") for label in authors)
        assert len(set(tweets)) == len(tweets) - 1  # one says the same thing twice


@cases(25)
@given(
    authors=st.lists(
        st.tuples(st.sampled_from(EVERY), st.lists(text | long_text, min_size=1, max_size=4)),
        min_size=1,
        max_size=6,
    )
)
def test_encode_and_decode_invert_each_other(
    tmp_path_factory: pytest.TempPathFactory, authors: list[tuple[Traits, list[str]]]
) -> None:
    gold = [[f"0{number}", *traits] for number, (traits, _) in enumerate(authors)]
    tweets = [[f"0{n}", tweet] for n, (_, written) in enumerate(authors) for tweet in written]
    files = {
        TEST: quoted(["label", "tweet"], *tweets),
        GOLD: quoted(COLUMNS, *gold[::-1]),
    }
    folder = write_files(tmp_path_factory.mktemp("raw"), RAW | files)
    test = politicit.encode(folder, HOLD_OUT).splits["test"]
    assert len({e.id for e in test}) == len(test) >= len(authors)
    submission = politicit.decode(folder, HOLD_OUT, {e.id: str(e.output) for e in test}, RUN)
    assert not submission.tallies["politicit"].unparsable
    (content,) = submission.files.values()
    assert list(csv.reader(io.StringIO(content))) == [COLUMNS, *gold]


def test_all_multiclass_ideologies_have_a_side() -> None:
    assert set(SIDES) == set(MULTICLASS.answers)
