"""Leaks planted in the samples' raw files: a training item whose text a test item has too."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

NEW = "900100"
"""The identifier of a planted item, which no sample has."""

Plant = Callable[[Path], None]


def _read(path: Path, delimiter: str, *, quoted: bool) -> list[dict[str, str]]:
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter, quoting=quoting))


def _rows(
    *trains: str,
    test: str,
    key: str = "id",
    texts: Sequence[str] = ("text",),
    delimiter: str = ",",
    quoted: bool = True,
    **cells: str,
) -> Plant:
    """Rows like a training file's last one, with the texts of a test file's first item in capitals.

    Args:
        trains: the training files, each of which gets the item.
        test: the test file; the item may have several rows.
        key: the column of identifiers.
        texts: the columns of texts.
        delimiter: between cells.
        quoted: whether the files are quoted; blind files are not.
        cells: further cells of the new rows.
    """

    def plant(folder: Path) -> None:
        tested = _read(folder / test, delimiter, quoted=quoted and not test.startswith("blind/"))
        item = [row for row in tested if row[key] == tested[0][key]]
        for train in trains:
            last = _read(folder / train, delimiter, quoted=quoted)[-1]
            new = [
                {**last, **cells, key: NEW} | {text: row[text].upper() for text in texts}
                for row in item
            ]
            with (folder / train).open("a", encoding="utf-8", newline="") as file:
                if quoted:
                    csv.DictWriter(file, list(last), delimiter=delimiter).writerows(new)
                else:
                    file.writelines(delimiter.join(row.values()) + "\n" for row in new)

    return plant


def _document(folder: Path) -> None:
    text = (folder / "test.txt").read_text(encoding="utf-8").partition("\n")[0].partition("|t|")[2]
    with (folder / "training.txt").open("a", encoding="utf-8") as file:
        file.write(f"\n{NEW}|t|{text}\n")


def _essays(folder: Path) -> None:
    """The essays of a test pair, in the other order and under other names."""
    corpus = folder / "CItA"
    pair = (corpus / "Test_CItA.tsv").read_text(encoding="utf-8").split("\n")[1].split("\t")[:2]
    tests = (corpus / "Essays_Test_CItA.xml").read_text(encoding="utf-8").split("</doc>")
    essays = (corpus / "Essays_CItA.xml").read_text(encoding="utf-8")
    for i, name in enumerate(pair):
        [text] = [doc.partition(f'<doc id="{name}">')[2] for doc in tests if f'"{name}"' in doc]
        essays = essays.replace("</dataset>", f'<doc id="{NEW}{i}">{text}</doc>\n</dataset>')
    (corpus / "Essays_CItA.xml").write_text(essays, encoding="utf-8")
    with (corpus / "Training_CItA.tsv").open("a", encoding="utf-8") as file:
        file.write(f"{NEW}1\t{NEW}0\t1\t2\n")


def _sentence(folder: Path) -> None:
    first = (folder / "WN_test_nolabel.tsv").read_text(encoding="utf-8").split("\n\n")[0]
    with (folder / "WN_train.tsv").open("a", encoding="utf-8") as file:
        file.write("\n" + "".join(f"{token.upper()}\tO\n" for token in first.split("\n")))


def _pair(folder: Path) -> None:
    """A test pair with its sentences in the other order."""
    first = (folder / "binary/test.jsonl").read_text(encoding="utf-8").split("\n")[0]
    pair = json.loads(first)
    keys = ("sentence", "start", "end")
    turned = {f"{key}{n}": pair[f"{key}{3 - n}"] for key in keys for n in (1, 2)}
    with (folder / "binary/train.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(pair | turned | {"id": NEW, "label": 1}) + "\n")


PLANT: dict[str, Plant] = {
    "acti": _rows("subtaskB_train.csv", test="subtaskA_test.csv", key="Id", texts=["comment_text"]),
    "clinkart": _document,
    "discotex": _rows(
        "discotex_1_wiki_train_set_release.tsv",
        test="blind/discotex_1_ted_test_set_release.tsv",
        key="ID",
        texts=["PROMPT", "TARGET"],
        delimiter="\t",
    ),
    "emit": _rows(
        "emit_train_A.csv", "emit_train_B.csv", test="emit_test_nolabel_out_of_domain.csv"
    ),
    "emotivita": _rows("Development set.csv", test="Test set.csv"),
    "geolingit": _rows("train_a.tsv", "train_b.tsv", test="test.tsv", delimiter="\t", quoted=False),
    "haspeede": _rows(
        "training_textual.csv",
        test="test_textual.csv",
        key="anonymized_tweet_id",
        texts=["anonymized_text"],
    ),
    "hodi": _rows(
        "HODI_2023_train_subtaskB.tsv",
        test="HODI_2023_test_subtaskA.csv",
        delimiter="\t",
        quoted=False,
        rationales="[]",
    ),
    "langlearn": _essays,
    "multifakedetective": _rows(
        "MULTI-Fake-Detective_Task1_Data.tsv",
        test="MULTI-Fake-Detective_Task1_Additional.tsv",
        key="ID",
        texts=["Text"],
        delimiter="\t",
    ),
    "nermud": _sentence,
    "politicit": _rows(
        "politicIT_phase_2_train_public.csv",
        test="politicIT_phase_2_test_codalab.csv",
        key="label",
        texts=["tweet"],
    ),
    "wicita": _pair,
}
"""By task, what plants a leak in its raw folder."""
