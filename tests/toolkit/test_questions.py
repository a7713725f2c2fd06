"""Question ids, examples, and the names of submission files."""

from dataclasses import dataclass

from stages.toolkit.questions import examples, question_id
from stages.toolkit.records import Example
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, BySplit, merge_splits


@dataclass(frozen=True)
class Post:
    """A post of the sub-task t_a."""

    id: str
    gold: bool | None = None

    @property
    def question_id(self) -> str:
        return question_id("t_a", self.id)


def made(by_split: BySplit[Post]) -> BySplit[Example]:
    return examples(
        by_split, "t_a", text=lambda post: f"testo {post.id}", answer=lambda gold: f"{gold}"
    )


def test_ids_begin_with_the_subtask() -> None:
    assert question_id("t_a", "007") == "t_a:007"
    assert question_id("t", "WN", "test", 12) == "t:WN:test:12"


def test_an_answer_is_unknown_without_gold_and_false_is_gold() -> None:
    assert made({"train": [Post("1", True)], "dev": [Post("2", False)], "test": [Post("3")]}) == {
        "train": [Example("t_a:1", "t_a", "testo 1", "True")],
        "dev": [Example("t_a:2", "t_a", "testo 2", "False")],
        "test": [Example("t_a:3", "t_a", "testo 3", None)],
    }


def test_training_items_give_way_to_test_items_of_the_same_id() -> None:
    both: BySplit[Post] = {
        "train": [Post("0"), Post("1")],
        "dev": [Post("2")],
        "test": [Post("0"), Post("2")],
    }
    ids = {split: [example.id for example in made(both)[split]] for split in SPLITS}
    assert ids == {
        "train": ["t_a:train:0", "t_a:1"],
        "dev": ["t_a:train:2"],
        "test": ["t_a:0", "t_a:2"],
    }


def test_sources_are_merged_split_by_split_in_order() -> None:
    one: BySplit[str] = {"train": ["a"], "dev": [], "test": ["b"]}
    other: BySplit[str] = {"train": ["c", "d"], "dev": ["e"], "test": []}
    assert merge_splits([one, other]) == {"train": ["a", "c", "d"], "dev": ["e"], "test": ["b"]}
    assert one["train"] == ["a"]
    assert merge_splits([]) == {split: [] for split in SPLITS}


def test_submission_files_are_named_after_team_and_run() -> None:
    run = Run(team="prova", run=2)
    assert run.file_name("{team}_taskA_run_{run}.csv") == "prova_taskA_run_2.csv"
    assert run.file_name("binary.jsonl") == "binary.jsonl"
