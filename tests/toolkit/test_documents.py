"""Documents in XML files, and what XML must not do."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.toolkit.documents import read_documents


def write(folder: Path, content: str) -> Path:
    path = folder / "essays.xml"
    path.write_text(content, encoding="utf-8")
    return path


def test_texts_are_read_as_they_are_by_their_names(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<dataset>\n'
        '<doc id="0530">\nPerché &amp; &lt;no&gt; &#233;\n\nx</doc><doc id="530">y</doc>\n'
        "</dataset>\n",
    )
    assert read_documents(path) == {"0530": "\nPerché & <no> é\n\nx", "530": "y"}


ENTITIES = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "ha"}">\n' for i in range(10))


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        pytest.param(
            f'<?xml version="1.0"?>\n<!DOCTYPE d [\n{ENTITIES}]>\n<dataset>'
            '<doc id="1">&e9;</doc></dataset>',
            2, "no document type declaration", id="entities that multiply",
        ),
        pytest.param(
            '<!DOCTYPE d [\n<!ENTITY x SYSTEM "file:///etc/hostname">]>\n'
            '<dataset><doc id="1">&x;</doc></dataset>',
            1, "no document type declaration", id="external entity",
        ),
        pytest.param(
            '\n\n<!DOCTYPE dataset SYSTEM "http://localhost:1/a.dtd">\n<dataset/>',
            3, "no document type declaration", id="external declaration",
        ),
        pytest.param("<!DOCTYPE dataset>\n<dataset/>", 1, "no document type", id="declaration"),
        pytest.param("<dataset>\n<doc id='1'>&e;</doc>\n</dataset>", 2, "entity", id="undeclared"),
        pytest.param("<dataset>\n<doc id='1'>a & b</doc></dataset>", 2, "not XML", id="ampersand"),
        pytest.param("<dataset>\n<doc id='1'>a\n", 3, "not XML", id="unfinished"),
        pytest.param("<dataset>\n<doc id='1'>a\n</dataset>", 3, "mismatched", id="no end tag"),
        pytest.param("testo", 1, "not XML", id="no XML"),
        pytest.param(" \n", 1, "empty", id="empty"),
        pytest.param("<dataset>\n</dataset>", 1, "no documents", id="no documents"),
        pytest.param("<essays>\n</essays>", 1, "expected <dataset>", id="other root"),
        pytest.param("<dataset>\n<p>a</p></dataset>", 2, "expected <doc>", id="other element"),
        pytest.param("<dataset>\na</dataset>", 2, "found the text '.*a'", id="stray text"),
        pytest.param("<dataset>\n<doc>a</doc></dataset>", 2, 'expected <doc id="…">', id="no id"),
        pytest.param("<dataset>\n<doc id='1' n='2'>a</doc></dataset>", 2, "<doc id n>", id="more"),
        pytest.param("<dataset>\n<doc id='1 2'>a</doc></dataset>", 2, "white space", id="blank"),
        pytest.param("<dataset>\n\n<doc id='1'>\n</doc></dataset>", 3, "a text", id="no text"),
        pytest.param(
            "<dataset>\n<doc id='1'>a<b>c</b></doc></dataset>", 2, "expected text", id="markup"
        ),
        pytest.param(
            "<dataset>\n<doc id='1'>a</doc>\n<doc id='1'>b</doc></dataset>",
            3, "id 1 stands on line 2 too", id="id twice",
        ),
        pytest.param(
            "<dataset>\n<doc id='1'>a</doc><doc id='1'>b</doc></dataset>",
            2, "id 1 stands on line 2 too", id="id twice in a line",
        ),
    ],
)  # fmt: skip
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, content: str, line: int, message: str
) -> None:
    with pytest.raises(InputError, match=rf"essays\.xml:{line}: .*({message})"):
        read_documents(write(tmp_path, content))


def test_all_defects_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "<dataset>\n<doc>a</doc>\n<doc id='2'/>\n</dataset>")
    with pytest.raises(InputError) as error:
        read_documents(path)
    assert [line.split(": ")[0] for line in str(error.value).split("\n")] == [
        f"{path}:2",
        f"{path}:3",
    ]


@settings(suppress_health_check=list(HealthCheck))
@given(content=st.text(st.sampled_from("<>/&;!?[]'\"= \n") | st.sampled_from(list("doc idatse1"))))
def test_whatever_the_file_holds_only_input_errors_are_raised(content: str, tmp_path: Path) -> None:
    try:
        read_documents(write(tmp_path, content))
    except InputError as error:
        assert "essays.xml:" in str(error)


def test_a_document_that_is_too_long_is_a_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.toolkit.documents.CELL", 3)
    path = write(tmp_path, '<dataset>\n<doc id="a">abc</doc>\n<doc id="b">abcd</doc></dataset>')
    with pytest.raises(InputError, match=r"xml:3: doc b: 4 characters, expected at most 3$"):
        read_documents(path)
