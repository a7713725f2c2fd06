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
pair is asked once, in an order that depends on its essays' names alone, so that about half of the
answers are ``sì``. Asking in both orders would double the work, and count every pair twice in the
dev loss and in the score of held-out pairs.

The submissions are ``Test_CItA.tsv`` and ``Test_COWS-L2H.tsv``: the test file with a further column
Pred. The fallback for an answer that cannot be read is 0, in order, as good as 1: neither is the
majority of shuffled pairs.

The score of each corpus is macro F1 over the two classes. The organisers rank by the average of the
two, which stands beside them, as accuracy does.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from stages.common.command import InputError
from stages.common.files import Defects, required
from stages.toolkit.answers import AnswerParser, yes_no
from stages.toolkit.documents import read_documents
from stages.toolkit.records import Encoded, Example, Submission, Unit
from stages.toolkit.sentences import Language, opening
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import anything, flag, identifier, read_table, same_items, write_table

log = logging.getLogger(__name__)

NAME = "langlearn"
TOKENS = 100  # of an essay, at most
REQUIRED = ("CItA/Training_CItA.tsv", "CItA/Essays_CItA.xml")  # enough to run, as COWS-L2H's are
UNITS = ("langlearn_cita", "langlearn_cows_l2h")

IN_ORDER = yes_no(0, 1)
CLOSED = {NAME: IN_ORDER.candidates}
FALLBACK = 0

# Files of a corpus, in the folder of its name; {} is that name.
TEST, GOLD = "Test_{}.tsv", "Test_{}_gold.tsv"
ESSAYS, TEST_ESSAYS = "Essays_{}.xml", "Essays_Test_{}.xml"


@dataclass(frozen=True)
class Corpus:
    """A corpus: its name, its language, and its file of training pairs."""

    name: str
    language: Language
    train: str

    def path(self, folder: Path, file: str) -> Path:
        """The path of one of its files."""
        return folder / self.name / file.format(self.name)

    @property
    def unit(self) -> str:
        """The name of the ranked unit."""
        return f"{NAME}_{self.name.lower().replace('-', '_')}"


CORPORA = (
    Corpus("CItA", "it", "Training_{}.tsv"),
    Corpus("COWS-L2H", "es", "Train_{}.tsv"),
)


@dataclass(frozen=True)
class Pair:
    """Two essays in the order in which they are asked about.

    Attributes:
        corpus: that has them.
        file: the corpus' file of the pair.
        line: where the pair stands in it.
        cells: its identifiers and times by column.
        label: 0 if Essay_1 was written first, 1 if Essay_2 was, None where it is unknown.
    """

    corpus: Corpus
    file: str
    line: int
    cells: Mapping[str, str]
    label: int | None

    @property
    def essays(self) -> tuple[str, str]:
        """The identifiers of the two essays."""
        return self.cells["Essay_1"], self.cells["Essay_2"]

    @property
    def id(self) -> str:
        """Corpus and essays: the two corpora have essays of the same names."""
        return f"{self.corpus.name}:{'-'.join(self.essays)}"


# --- Raw files ------------------------------------------------------------------------------------


def read(path: Path, corpus: Corpus, file: str, *, labelled: bool = False) -> list[Pair]:
    """Reads a file of pairs.

    Args:
        path: the file.
        corpus: to which the pairs belong.
        file: what the file is in the corpus.
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
        # Both orders of a pair cannot be chronological, but can be asked for in a test.
        key = tuple(sorted(pair.essays)) if file == corpus.train else pair.essays
        first = lines.setdefault(key, row.line)
        if first != row.line:
            defects.add(row.line, f"the pair {' '.join(pair.essays)} stands on line {first} too")
        pairs.append(pair)
    defects.check()
    return pairs


def training_pairs(folder: Path, corpus: Corpus) -> list[Pair]:
    """Reads the training pairs of a corpus and puts each in the order in which it is asked.

    A hash of the two names decides on the order, whichever essay is the earlier.
    """
    pairs = []
    for pair in read(corpus.path(folder, corpus.train), corpus, corpus.train):
        names = sorted(pair.essays)
        digest = hashlib.sha256("\0".join([corpus.name, *names]).encode()).digest()
        shown = names if digest[0] % 2 else names[::-1]
        cells = {**pair.cells, "Essay_1": shown[0], "Essay_2": shown[1]}
        pairs.append(replace(pair, cells=cells, label=int(shown[0] != pair.essays[0])))
    return pairs


def pairs(folder: Path, hold_out: HoldOut) -> dict[Split, list[Pair]]:
    """Reads a raw folder without the test set's gold: the pairs of each split.

    Raises:
        InputError: for defects, and if there are no training pairs at all.
    """
    by_split: dict[Split, list[Pair]] = {split: [] for split in SPLITS}
    for corpus in corpora(folder):
        known = training_pairs(folder, corpus)
        linked = groups(known)
        test = corpus.path(folder, TEST)
        for pair in known:
            group = f"{corpus.name}:{linked[pair.essays[0]]}"
            split = hold_out.split_of(NAME, group, has_dev=False, has_test=test.is_file())
            by_split[split].append(replace(pair, label=None) if split == "test" else pair)
        if test.is_file():
            by_split["test"] += read(test, corpus, TEST)
    return by_split


def corpora(folder: Path) -> list[Corpus]:
    """The corpora of which there are training pairs.

    Raises:
        InputError: if there is none.
    """
    paths = {corpus: corpus.path(folder, corpus.train) for corpus in CORPORA}
    found = [corpus for corpus, path in paths.items() if path.is_file()]
    if not found:
        names = " and ".join(str(path.relative_to(folder)) for path in paths.values())
        raise InputError(f"{folder}: no training pairs; expected one at least of {names}")
    return found


def groups(pairs: Sequence[Pair]) -> dict[str, str]:
    """For each essay the first by name of all those that pairs link to it, itself included."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    essays = sorted({essay for pair in pairs for essay in pair.essays})
    number = {essay: i for i, essay in enumerate(essays)}
    ends = tuple([number[pair.essays[i]] for pair in pairs] for i in (0, 1))
    links = coo_array(([1] * len(pairs), ends), shape=(len(essays), len(essays)))
    component = connected_components(links, directed=False)[1].tolist()
    first: dict[int, str] = {}
    return {essay: first.setdefault(component[number[essay]], essay) for essay in essays}


def gold_labels(folder: Path, test: Sequence[Pair]) -> dict[str, int | None]:
    """Reads the labels of the test pairs by id; those of a corpus without gold are absent.

    Raises:
        InputError: for defects, and if the gold has other pairs than the test set.
    """
    labels: dict[str, int | None] = {}
    for corpus in corpora(folder):
        wanted = [pair.id for pair in test if pair.corpus == corpus]
        path = corpus.path(folder, GOLD)
        if not corpus.path(folder, TEST).is_file():
            gold = training_pairs(folder, corpus)
        elif path.is_file():
            gold = read(path, corpus, GOLD, labelled=True)
            same_items(path, wanted, [pair.id for pair in gold], ordered=False)
        else:
            continue
        known = {pair.id: pair.label for pair in gold}
        labels |= {i: known[i] for i in wanted}
    return labels


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every pair; see `stages.tasks.Task.encode`."""
    by_split = pairs(folder, hold_out)
    gold = gold_labels(folder, by_split["test"])
    _log_absent(folder)
    files: dict[tuple[Corpus, str], list[Pair]] = {}
    for pair in (pair for split in SPLITS for pair in by_split[split]):
        files.setdefault((pair.corpus, pair.file), []).append(pair)
    notes = {"pairs": 0, "essays": 0, "cut_essays": 0}
    shown: dict[tuple[Corpus, str, str], str] = {}  # each essay is cut once, whatever its pairs
    for (corpus, file), members in files.items():
        for essay, whole in essays(folder, corpus, file, members).items():
            shown[corpus, file, essay] = opening(whole, TOKENS, corpus.language)
            notes["essays"] += 1
            notes["cut_essays"] += shown[corpus, file, essay] != " ".join(whole.split())
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for pair in by_split[split]:
            notes["pairs"] += 1
            label = gold.get(pair.id) if split == "test" else pair.label
            question = " [SEP] ".join(shown[pair.corpus, pair.file, e] for e in pair.essays)
            output = None if label is None else IN_ORDER.write(label)
            examples[split].append(Example(_question(pair), NAME, question, output))
    return Encoded(examples, notes)


def essays(folder: Path, corpus: Corpus, file: str, pairs: Sequence[Pair]) -> dict[str, str]:
    """Reads the texts of the essays that a file's pairs name.

    Raises:
        InputError: for defects, and for pairs of essays that are not there.
    """
    path = required(corpus.path(folder, TEST_ESSAYS if file == TEST else ESSAYS))
    texts = read_documents(path)
    defects = Defects(corpus.path(folder, file))
    for pair in sorted(pairs, key=lambda pair: pair.line):
        for essay in pair.essays:
            if essay not in texts:
                defects.add(pair.line, f"essay {essay}: expected one of {path.name}")
    defects.check()
    return {essay: texts[essay] for pair in pairs for essay in pair.essays}


def _question(pair: Pair) -> str:
    return f"{NAME}:{pair.id}"


def _log_absent(folder: Path) -> None:
    for corpus in CORPORA:
        train, test = (corpus.path(folder, file) for file in (corpus.train, TEST))
        if not train.is_file():
            log.info("skipped %s: no %s", corpus.name, train)
        elif not test.is_file():
            log.info("no %s: training pairs are held out as test set", test)


def interpret(subtask: str, answer: str) -> int | None:
    """The label that an answer names; see `stages.tasks.Task.interpret`."""
    return IN_ORDER.parse(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions, whose names have neither team nor run; see `Task.decode`."""
    parser = AnswerParser(answers, folder)
    test = pairs(folder, hold_out)["test"]
    labels = {p.id: parser.parse(NAME, _question(p), IN_ORDER.parse, FALLBACK) for p in test}
    files = {}
    for corpus in CORPORA:
        asked = [pair for pair in test if pair.corpus == corpus]
        if asked:
            rows = [[*pair.cells.values(), labels[pair.id]] for pair in asked]
            header = [*asked[0].cells, "Pred"]
            files[TEST.format(corpus.name)] = write_table(
                header, rows, delimiter="\t", quoted=False
            )
    return Submission(files, parser.finish())


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from sklearn.metrics import accuracy_score

    from stages.toolkit.scores import f1_unit, majority

    by_split = pairs(folder, hold_out)
    gold = gold_labels(folder, by_split["test"])
    units = {}
    for corpus in CORPORA:
        asked = [p.id for p in by_split["test"] if p.corpus == corpus and p.id in gold]
        if not asked:
            continue
        path = submission / TEST.format(corpus.name)
        submitted = read(path, corpus, TEST, labelled=True)
        same_items(path, asked, [pair.id for pair in submitted])
        wanted, given = [gold[i] for i in asked], [pair.label for pair in submitted]
        known = [pair.label for pair in by_split["train"] if pair.corpus == corpus]
        baseline = majority(known) if known else FALLBACK
        details = {"accuracy": float(accuracy_score(wanted, given))}
        units[corpus.unit] = f1_unit(
            wanted, given, (0, 1), baseline, details=details, answer=IN_ORDER.write
        )
    if len(units) == len(CORPORA):
        average = {"average_of_corpora": fmean(unit.value for unit in units.values())}
        units = {n: replace(u, details={**average, **u.details}) for n, u in units.items()}
    return units
