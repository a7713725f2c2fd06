"""Names of tasks: which task a question belongs to, and which modules are tasks."""

import pytest

from stages import tasks
from stages.common.command import InputError


@pytest.mark.parametrize(
    ("identifier", "owner"),
    [
        ("acti_a:7", "acti"),
        ("acti:7", "acti"),
        ("acti_a", "acti"),
        ("wicita:train:a_b:1", "wicita"),
        ("acti_a@lecture:7", "lecture"),
        ("my:7", "my"),
        ("my_a:7", "my"),
        ("my_task:7", "my_task"),
        ("my_task_a:7", "my_task"),
        ("my_tasks:7", "my"),
        ("unknown_a:7", "unknown_a"),
    ],
)
def test_a_question_belongs_to_the_task_whose_name_it_begins_with(
    monkeypatch: pytest.MonkeyPatch, identifier: str, owner: str
) -> None:
    """Task names may have underscores; of two that fit the longer one is taken."""
    known = (*tasks.names(), "my", "my_task")
    monkeypatch.setattr(tasks, "names", lambda: known)
    assert tasks.owner(identifier) == owner


@pytest.mark.parametrize("name", ["boh", "__init__", "../encode", "haspeede.py", "", "Acti"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"no task .*; known: acti, clinkart, .*, wicita"):
        tasks.load(name)
