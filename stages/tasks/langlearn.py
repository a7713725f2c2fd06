"""LangLearn: say which of two essays by a learner was written first, in Italian and in Spanish.

Raw files in two folders, one a corpus: CItA (Italian, first language) and COWS-L2H (Spanish, second
language). Tab-separated without quoting, with a header; the columns in brackets may be absent:

    CItA/Training_CItA.tsv            Essay_1 Essay_2 [Order_1 Order_2]
    CItA/Test_CItA.tsv                Essay_1 Essay_2 [Order_1 Order_2]
    CItA/Test_CItA_gold.tsv           Essay_1 Essay_2 [Order_1 Order_2] Pred
    CItA/Essays_CItA.xml              <dataset><doc id="0530">text</doc> …</dataset>
    CItA/Essays_Test_CItA.xml         likewise, the essays of the test pairs

and the same in COWS-L2H, where the training pairs are ``Train_COWS-L2H.tsv``. Essay_1 and Essay_2
are identifiers of essays, text even where they look like numbers: ``0530`` is not ``530``. Training
pairs are chronological, Essay_1 being the earlier; test pairs are shuffled. Order_1 and Order_2 are
the times of the earlier and the later essay, in this order in test pairs too, and not used. Pred is
0 if Essay_1 was written first, and 1 if Essay_2 was. Formats: the organisers' READMEs; that the
gold files have the form of a submission is an assumption, as no description of them is known.

A corpus without training pairs is skipped; one at least must be there. Without a test file,
training pairs are held out. Pairs that share an essay, or are linked by others that do, stay
together.

The question is ``ESSAY 1 [SEP] ESSAY 2``, white space as single blanks, each essay cut at the end
of a sentence to at most 100 tokens, or within its first sentence where that alone has more. The
answer is ``sì`` if they stand in the order in which they were written, otherwise ``no``. A training
pair makes one question, in an order that depends on its essays' names alone, so that about half of
the answers are ``sì``. Questions in both orders would double the work, and count every pair twice
in the dev loss and in the score of held-out pairs.

The submissions are ``Test_CItA.tsv`` and ``Test_COWS-L2H.tsv``: the test file with a further column
Pred. The fallback for an answer that cannot be parsed is 0, in order, as good as 1: neither is the
majority of shuffled pairs.

The score of each corpus is macro F1 over the two classes. The organisers rank by the average of the
two, which stands beside them, as accuracy does.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

from stages.common.files import Defects, required
from stages.forms.forms import Form
from stages.toolkit.answers import AnswerParser, yes_no
from stages.toolkit.decisions import F1
from stages.toolkit.documents import read_documents
from stages.toolkit.questions import examples, question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits, require_one
from stages.toolkit.records import Encoded, Sending, Submission, Unit
from stages.toolkit.sentences import Language, opening
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, BySplit, HoldOut, merge_splits
from stages.toolkit.tables import (
    Row,
    anything,
    flag,
    identifier,
    match_items,
    read_table,
    write_table,
)

NAME = "langlearn"
TOKENS = 100  # of an essay, at most

IN_ORDER = yes_no(0, 1)
CLOSED = {NAME: IN_ORDER.candidates}
FORMS: dict[str, Form] = {}
FIGURES = dict.fromkeys(CLOSED, F1())
FALLBACK = 0


@dataclass(frozen=True)
class Corpus:
    """A corpus.

    Attributes:
        unit: the ranked unit.
        name: its name.
        language: the language of its essays.
        files: its files of pairs.
        essays: the file of the essays of the training pairs.
        test_essays: the file of the essays of the test pairs.
        submission: the submission file, whose name has neither team nor run.
    """

    unit: str
    name: str
    language: Language
    files: RawFiles
    essays: str
    test_essays: str
    submission: str


CORPORA = (
    Corpus(
        unit="langlearn_cita",
        name="CItA",
        language="it",
        files=RawFiles(
            train="CItA/Training_CItA.tsv",
            test="CItA/Test_CItA.tsv",
            gold="CItA/Test_CItA_gold.tsv",
            needed=False,
        ),
        essays="CItA/Essays_CItA.xml",
        test_essays="CItA/Essays_Test_CItA.xml",
        submission="Test_CItA.tsv",
    ),
    Corpus(
        unit="langlearn_cows_l2h",
        name="COWS-L2H",
        language="es",
        files=RawFiles(
            train="COWS-L2H/Train_COWS-L2H.tsv",
            test="COWS-L2H/Test_COWS-L2H.tsv",
            gold="COWS-L2H/Test_COWS-L2H_gold.tsv",
            needed=False,
        ),
        essays="COWS-L2H/Essays_COWS-L2H.xml",
        test_essays="COWS-L2H/Essays_Test_COWS-L2H.xml",
        submission="Test_COWS-L2H.tsv",
    ),
)
REQUIRED = (CORPORA[0].files.train, CORPORA[0].essays)  # enough to run, as COWS-L2H's are
UNITS = tuple(corpus.unit for corpus in CORPORA)
SENDING = Sending()


@dataclass(frozen=True)
class Pair:
    """Two essays in the order in which the question has them.

    Attributes:
        corpus: the corpus that has them.
        file: the file in which the pair stands, relative to the raw folder.
        line: the line on which it stands.
        cells: its identifiers and times by column.
        gold: 0 if Essay_1 was written first, 1 if Essay_2 was, None where it is unknown.
        group: names the training pairs that are linked with it.
    """

    corpus: Corpus
    file: str
    line: int
    cells: Mapping[str, str]
    gold: int | None = None
    group: str = ""

    @property
    def essays(self) -> tuple[str, str]:
        """The identifiers of the two essays."""
        return self.cells["Essay_1"], self.cells["Essay_2"]

    @property
    def id(self) -> str:
        """The corpus and the two essays, for the corpora have essays of the same names."""
        return f"{self.corpus.name}:{'-'.join(self.essays)}"

    @property
    def question_id(self) -> str:
        """The id of the question about it."""
        return question_id(NAME, self.id)


# --- Raw files ------------------------------------------------------------------------------------


def read_items(
    folder: Path, hold_out: HoldOut, *, with_gold: bool = False
) -> dict[Corpus, BySplit[Pair]]:
    """Reads the pairs of each corpus and split, those of test files without or with their gold.

    A corpus without training pairs is absent.

    Raises:
        InputError: for defects, and if there are no training pairs at all.
    """
    require_one(folder, [corpus.files for corpus in CORPORA])
    return {
        corpus: read_splits(
            NAME,
            folder,
            corpus.files,
            hold_out,
            train=partial(_read_train, corpus),
            test=partial(_read_pairs, corpus, corpus.files.test),
            gold=partial(_read_labels, corpus, ordered=False) if with_gold else None,
            group=lambda pair: pair.group,
        )
        for corpus in CORPORA
        if corpus.files.path(folder, "train")
    }


def _read_train(corpus: Corpus, path: Path) -> list[Pair]:
    """Reads training pairs and puts each in the order that its question has.

    A hash of the two names decides on the order, whichever essay is the earlier.
    """
    chronological = _read_pairs(corpus, corpus.files.train, path)
    groups = _groups(chronological)
    pairs = []
    for pair in chronological:
        names = sorted(pair.essays)
        digest = hashlib.sha256("\0".join([corpus.name, *names]).encode()).digest()
        first, second = names if digest[0] % 2 else names[::-1]
        cells = {**pair.cells, "Essay_1": first, "Essay_2": second}
        group = f"{corpus.name}:{groups[first]}"
        gold = int(first != pair.essays[0])
        pairs.append(replace(pair, cells=cells, gold=gold, group=group))
    return pairs


def _read_pairs(corpus: Corpus, file: str, path: Path, *, labelled: bool = False) -> list[Pair]:
    """Reads a file of pairs.

    Args:
        corpus: to which the pairs belong.
        file: the raw file that it is, or whose pairs it has.
        path: where it is.
        labelled: whether it has the column Pred.

    Raises:
        InputError: with file and line of every defect.
    """
    columns = {"Essay_1": identifier, "Essay_2": identifier}
    rows = read_table(
        path,
        {**columns, "Pred": flag} if labelled else columns,
        delimiter="\t",
        quoted=False,
        optional={"Order_1": anything, "Order_2": anything},
    )
    defects = Defects(path)
    pairs, lines = [], dict[tuple[str, ...], int]()
    for row in rows:
        cells = {column: cell for column, cell in row.values.items() if column != "Pred"}
        pair = Pair(corpus, file, row.line, cells, row.values.get("Pred"))
        if len(set(pair.essays)) < 2:
            defects.add(row.line, f"expected two essays, found {pair.essays[0]} twice")
        # Both orders of a pair cannot be chronological, but both can stand in a test file.
        key = tuple(sorted(pair.essays)) if file == corpus.files.train else pair.essays
        first = lines.setdefault(key, row.line)
        if first != row.line:
            defects.add(row.line, f"the pair {' '.join(pair.essays)} stands on line {first} too")
        pairs.append(pair)
    defects.check()
    return pairs


def _read_labels(
    corpus: Corpus, path: Path, test: Sequence[Pair], *, ordered: bool = True
) -> list[int]:
    """Reads the labels of the test pairs from a gold file or a submission."""
    pairs = _read_pairs(corpus, corpus.files.test, path, labelled=True)
    rows = [Row(pair.line, {"id": pair.id, "label": pair.gold}) for pair in pairs]
    return [row["label"] for row in match_items(path, rows, "id", test, ordered=ordered)]


def _groups(pairs: Sequence[Pair]) -> dict[str, str]:
    """For each essay the first by name of the essays that pairs link to it, itself included."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    essays = sorted({essay for pair in pairs for essay in pair.essays})
    number = {essay: i for i, essay in enumerate(essays)}
    ends = tuple([number[pair.essays[i]] for pair in pairs] for i in (0, 1))
    links = coo_array(([1] * len(pairs), ends), shape=(len(essays), len(essays)))
    component = connected_components(links, directed=False)[1].tolist()
    first: dict[int, str] = {}
    return {essay: first.setdefault(component[number[essay]], essay) for essay in essays}


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every pair; see `stages.tasks.Task.encode`."""
    pairs = read_items(folder, hold_out, with_gold=True)
    for corpus in CORPORA:
        log_absent(folder, corpus.files, pairs.get(corpus, {}), corpus.name)
    merged = merge_splits(pairs.values())
    notes = {"pairs": sum(map(len, merged.values())), "essays": 0, "cut_essays": 0}
    cut: dict[tuple[str, str], str] = {}  # by file of pairs and essay; each essay is cut once
    for corpus, by_split in pairs.items():
        for file in (corpus.files.train, corpus.files.test):
            members = [pair for split in SPLITS for pair in by_split[split] if pair.file == file]
            for essay, whole in read_essays(folder, corpus, file, members).items():
                cut[file, essay] = opening(whole, TOKENS, corpus.language)
                notes["essays"] += 1
                notes["cut_essays"] += cut[file, essay] != " ".join(whole.split())

    def text(pair: Pair) -> str:
        return " [SEP] ".join(cut[pair.file, essay] for essay in pair.essays)

    return Encoded(examples(merged, NAME, text=text, answer=IN_ORDER.write), notes)


def read_essays(folder: Path, corpus: Corpus, file: str, pairs: Sequence[Pair]) -> dict[str, str]:
    """Reads the texts of the essays that a file's pairs name.

    Args:
        folder: the task's raw folder.
        corpus: the corpus of the pairs.
        file: its file of training or of test pairs.
        pairs: the pairs; none if the file is absent.

    Returns:
        The text of each essay, by its identifier.

    Raises:
        InputError: for defects, and for pairs of essays that are not there.
    """
    if not pairs:
        return {}
    is_test = file == corpus.files.test
    path = required(folder / (corpus.test_essays if is_test else corpus.essays))
    texts = read_documents(path)
    defects = Defects(folder / file)
    for pair in sorted(pairs, key=lambda pair: pair.line):
        for essay in pair.essays:
            if essay not in texts:
                defects.add(pair.line, f"essay {essay}: expected one of {path.name}")
    defects.check()
    return {essay: texts[essay] for pair in pairs for essay in pair.essays}


def interpret(subtask: str, answer: str) -> int | None:
    """The label that an answer names; see `stages.tasks.Task.interpret`."""
    return IN_ORDER.parse(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    files = {}
    for corpus, by_split in read_items(folder, hold_out).items():
        rows = []
        for pair in by_split["test"]:
            label = parser.parse(NAME, pair.question_id, IN_ORDER.parse, FALLBACK)
            rows.append([*pair.cells.values(), label])
        if rows:
            header = [*by_split["test"][0].cells, "Pred"]
            table = write_table(header, rows, delimiter="\t", quoted=False)
            files[run.file_name(corpus.submission)] = table
    return Submission(files, parser.finish())


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from sklearn.metrics import accuracy_score

    from stages.toolkit.scores import f1_unit, majority

    units = {}
    for corpus, by_split in read_items(folder, hold_out, with_gold=True).items():
        scored = [pair for pair in by_split["test"] if pair.gold is not None]
        if not scored:
            continue
        gold = [pair.gold for pair in scored]
        submitted = _read_labels(corpus, submission / run.file_name(corpus.submission), scored)
        baseline = majority([pair.gold for pair in by_split["train"]] or [FALLBACK])
        details = {"accuracy": float(accuracy_score(gold, submitted))}
        units[corpus.unit] = f1_unit(
            gold, submitted, (0, 1), baseline, details=details, answer=IN_ORDER.write
        )
    if len(units) == len(CORPORA):
        average = {"average_of_corpora": fmean(unit.value for unit in units.values())}
        units = {n: replace(u, details={**average, **u.details}) for n, u in units.items()}
    return units
