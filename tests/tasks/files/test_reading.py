"""Rows of every format become the same examples, and a wrong row is told by its place."""

import gzip
import json

import pytest

from offdiag.errors import UserError
from offdiag.tasks.files import Files, FilesDomain, sources
from offdiag.tasks.files.sources import RowSource

from .conftest import intents, write_lines, write_table

TASK = Files()
ROW = {"text": "a", "label": "b"}
QUESTION = {"question": "Where is it?", "choices": ["Rome", "Oslo", "Paris"], "answer": "Oslo"}


def examples(split="eval", seed=0, **fields):
    domain = FilesDomain(**fields)
    return TASK.examples(domain, split, TASK.size(domain, split), seed)


def refused(**fields) -> str:
    split = "train" if "eval" not in fields else "eval"
    with pytest.raises(UserError) as told:
        examples(split, **fields)
    message = str(told.value)
    assert "\n" not in message
    return message


def test_every_format_gives_the_same_examples(tmp_path):
    import pyarrow
    from pyarrow import parquet

    rows = intents(9)
    files = {
        "lines": write_lines(tmp_path / "a.jsonl", rows),
        "list": str(tmp_path / "a.json"),
        "lines in json": write_lines(tmp_path / "b.json", rows),
        "table": write_table(tmp_path / "a.csv", rows),
        "tabs": write_table(tmp_path / "a.tsv", rows, "\t"),
        "parquet": str(tmp_path / "a.parquet"),
        "packed": str(tmp_path / "a.jsonl.gz"),
        "marked": str(tmp_path / "bom.csv"),
    }
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=2))
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    with gzip.open(files["packed"], "wt", encoding="utf-8") as packed:
        packed.write((tmp_path / "a.jsonl").read_text())
    text = (tmp_path / "a.csv").read_text().replace("\n", "\r\n\r\n")
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    read = {name: examples(eval=path) for name, path in files.items()}
    assert {e.problem: e.target for e in read["lines"]} == {row["text"]: row["label"] for row in rows}
    assert all(found == read["lines"] for found in read.values())


def test_a_folder_of_another_kind_is_called_so_before_it_is_walked(tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is a folder that datasets did not save: give a file"):
        RowSource.of(str(tmp_path)).stamp()


def test_a_folder_saved_by_datasets_and_its_splits(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    kind = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    data = {"text": ["a b", "c d", "e f"], "label": [1, 0, 1]}
    one = datasets.Dataset.from_dict(data, features=kind)
    one.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict(train=one, test=one.select([1])).save_to_disk(str(tmp_path / "both"))
    assert {e.problem: e.target for e in examples(eval=str(tmp_path / "one"))} == {
        "a b": "yes",
        "c d": "no",
        "e f": "yes",
    }
    assert [e.problem for e in examples(eval=str(tmp_path / "both"))] == ["c d"]
    assert len(examples(eval=f"{tmp_path}/both#train")) == 3
    assert "no split 'dev': there are train, test; type" in refused(eval=f"{tmp_path}/both#dev")
    (tmp_path / "empty").mkdir()
    assert "datasets did not save" in refused(eval=str(tmp_path / "empty"))
    one.select([]).save_to_disk(str(tmp_path / "none"))
    assert "none has no rows: expected at least one" in refused(eval=str(tmp_path / "none"))

    asked = []

    def from_hub(path, **how):
        asked.append((path, how))
        return {"train": one, "validation": one.select([0])}

    monkeypatch.setattr(sources, "_answers", lambda address: True)
    monkeypatch.setattr(datasets, "load_dataset", from_hub)
    assert [e.problem for e in examples(eval="hub:org/name@abc123:part")] == ["a b"]
    assert asked == [("org/name", {"revision": "abc123", "name": "part"})]
    assert "names no data set" in refused(eval="hub:")
    secret = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, -1]}, features=kind)
    secret.save_to_disk(str(tmp_path / "secret"))
    assert "row 2: the target is empty" in refused(eval=str(tmp_path / "secret"))
    assert [e.target for e in examples(eval=str(tmp_path / "secret"), empty="skip")] == ["yes"]

    def not_there(path, **how):
        raise ConnectionError("Couldn't reach it\nat all")

    monkeypatch.setattr(datasets, "load_dataset", not_there)
    assert "hub:org/other cannot be loaded (ConnectionError: Couldn't reach it)" in refused(eval="hub:org/other")


def test_templates_parts_of_objects_and_strata(lines):
    row = {"q": {"stem": "Is it wet"}, "place": "sea", "n": 3, "answer": True, "level": 2}
    path = lines("a.jsonl", [row])
    (found,) = examples(eval=path, prompt="At the {place}: {q.stem}? {{{n}}}", strata="level|place")
    assert (found.problem, found.target) == ("At the sea: Is it wet? {3}", "true")
    assert found.strata == {"level": 2, "place": "sea"}
    assert (
        TASK.prompt(FilesDomain(eval=path, prompt="{q.stem}?"), found, "direct") == found.problem
    )  # no lead of its own
    assert "no column 'plce' (a template with {plce}): did you mean place? it has q, place" in refused(
        eval=path, prompt="{plce}?"
    )


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        (QUESTION, {}),
        ({**QUESTION, "answer": "B"}, {}),
        ({**QUESTION, "answer": 1}, {}),
        ({**QUESTION, "choices": {"text": ["Rome", "Oslo", "Paris"], "label": ["1", "2", "3"]}, "answer": "2"}, {}),
        ({"question": "Where is it?", "A": "Rome", "B": "Oslo", "C": "Paris", "answer": "B"}, {}),
        ({"question": "Where is it?", "x": "Rome", "y": "Oslo", "z": "Paris", "answer": "y"}, {"choices": "x|y|z"}),
        ({"question": "Where is it?", "options": "Rome|Oslo|Paris", "answer": "Oslo"}, {}),
    ],
)
def test_choices_however_they_are_written(lines, row, fields):
    (found,) = examples(eval=lines("a.jsonl", [row]), **fields)
    assert (found.choices, found.target) == (("Rome", "Oslo", "Paris"), "Oslo")
    domain = FilesDomain(eval="a.jsonl")
    assert TASK.prompt(FilesDomain(eval=lines("b.jsonl", [row]), **fields), found, "direct") == (
        "Where is it?\nA) Rome\nB) Oslo\nC) Paris\nAnswer:"
    )
    assert str(domain) == "a"
    (lettered,) = examples(eval=lines("a.jsonl", [row]), answer="letter", **fields)
    assert (lettered.choices, lettered.target) == (("A", "B", "C"), "B")
    assert lettered.problem == "Where is it?\nA) Rome\nB) Oslo\nC) Paris"


def test_numbers_of_choices_count_from_one_where_only_that_fits(lines):
    rows = [{**QUESTION, "question": f"{n}?", "answer": str(n)} for n in (1, 2, 3)]
    assert {e.problem: e.target for e in examples(eval=lines("a.jsonl", rows))} == {
        "1?": "Rome", "2?": "Oslo", "3?": "Paris"
    }  # fmt: skip


def test_conversations_with_a_system_turn(lines):
    asked = [("system", "Be terse."), ("user", "2 + 2?"), ("assistant", "4"), ("user", "And 3 + 3?")]
    turns = [*asked, ("assistant", "6")]
    row = {"messages": [{"role": role, "content": text} for role, text in turns]}
    path = lines("chat.jsonl", [row])
    (found,) = examples(eval=path)
    assert found.target == "6"
    from offdiag.conversation import plain, turns_of

    prompt = TASK.prompt(FilesDomain(eval=path), found, "direct")
    assert turns_of(prompt) == asked
    assert plain(prompt) == "Be terse.\n\n2 + 2?\n\n4\n\nAnd 3 + 3?"
    wrong = {"messages": row["messages"][:-1]}
    assert "line 2: the turns of messages are system, user, assistant, user: expected" in refused(
        eval=lines("bad.jsonl", [row, wrong])
    )


def test_a_split_of_one_file_has_as_much_of_each_label_and_no_copies_on_both_sides(lines):
    rows = intents(60) + [{"text": f"{row['text'].upper()}!", "label": row["label"]} for row in intents(60)]
    path = lines("a.jsonl", rows)
    train, held_out = (examples(split, train=path, labels="auto") for split in ("train", "eval"))
    assert (len(train), len(held_out)) == (96, 24)
    assert sorted(e.target for e in held_out) == ["cancel"] * 8 + ["order"] * 8 + ["track"] * 8
    assert not {e.problem.casefold().rstrip("!") for e in train} & {e.problem.casefold().rstrip("!") for e in held_out}
    other = examples("eval", train=path, labels="auto", holdout_seed=1)
    assert {e.id for e in other} != {e.id for e in held_out}


def test_a_new_row_moves_no_other_one(lines):
    rows = intents(30)
    before = [e.id for e in examples("train", train=lines("a.jsonl", rows), eval=lines("b.jsonl", intents(3, 90)))]
    after = [
        e.id
        for e in examples(
            "train", train=lines("a.jsonl", [*intents(1, 77), *rows]), eval=lines("b.jsonl", intents(3, 90))
        )
    ]
    assert [name for name in after if name in set(before)] == before
    assert len(after) == len(before) + 1


def test_what_other_sources_ask_is_left_out(lines):
    train = lines("a.jsonl", [{"text": "Order number 1, PLEASE.", "label": "order"}])
    tested = lines("b.jsonl", [{"text": "order, number 1 please", "label": "order"}, *intents(4)])
    assert [e.problem for e in examples(eval=tested, without=(train,))].count("order, number 1 please") == 0
    assert len(examples(eval=tested, without=(train,))) == 4
    again = lines("c.jsonl", [{"text": row["text"].upper(), "label": row["label"]} for row in intents(4)])
    assert "none is left to test" in refused(eval=lines("d.jsonl", intents(4)), without=(again,))


@pytest.mark.parametrize(
    ("rows", "fields", "message"),
    [
        ([{"txt": "a", "label": "b"}], {}, "has the columns txt, label, and none is called like a prompt"),
        ([ROW], {"prompt": "txt"}, "no column 'txt' (prompt=txt): did you mean text? it has"),
        ([ROW, {"text": "a"}], {}, "line 2: no target 'label'; it has text"),
        ([ROW, {"text": "c", "label": 3}], {}, "line 2: the target is a number (3), and"),
        ([ROW, {"text": "c", "label": ["d"]}], {}, "line 2: the target is a list"),
        ([ROW, {"text": "c", "label": None}], {}, "line 2: the target is empty (blank, null or NaN): fill it in"),
        ([{"text": "a", "label": " "}, ROW, {"text": "c", "label": ""}], {}, "and so it is in 1 more row: fill it in"),
        ([{"text": " ", "label": "b"}], {}, "line 1: the prompt is empty"),
        ([{"text": {}, "label": "b"}], {}, "line 1: the prompt is an object ({}), expected a text"),
        ([["a", "b"]], {}, "line 1: found ['a', 'b'], expected an object"),
        ([{"id": 1, "text": "a", "label": "b"}] * 2, {}, "a.jsonl, line 1: give each row an id of its own"),
        ([{**QUESTION, "answer": "Bonn"}], {}, "line 1: the target 'Bonn' is none of its choices ('Rome',"),
        ([{**QUESTION, "choices": ["Oslo", "Oslo"]}], {}, "line 1: the choice 'Oslo' is there twice"),
        ([{**QUESTION, "choices": ["Oslo"]}], {}, "line 1: it has 1 choice, expected two or more"),
        ([{**QUESTION, "choices": 3}], {}, "line 1: the choices are a number, expected a list"),
        ([ROW], {"labels": "auto"}, "all targets are 'b': a set of one label decides nothing"),
        ([ROW], {"labels": "c|d"}, "line 1: the target 'b' is none of the labels c, d"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_told_by_its_place(lines, rows, fields, message):
    assert message in refused(eval=lines("a.jsonl", rows), **fields)


def test_one_broken_line_among_many(tmp_path):
    path = tmp_path / "a.jsonl"
    texts = [json.dumps(row) for row in intents(1000)]
    texts[700] = texts[700][:-1]
    path.write_text("\n".join(texts))
    assert f"{path}, line 701, column" in refused(eval=str(path))


def test_rows_without_a_target_may_be_skipped(lines):
    rows = [*intents(3), {"text": "a", "label": None}]
    assert len(examples(eval=lines("a.jsonl", rows), empty="skip")) == 3


def test_files_that_are_not_there_or_not_what_they_say(tmp_path, lines):
    lines("data_test.jsonl", intents(3))
    assert "did you mean data_test.jsonl?" in refused(eval=str(tmp_path / "data_tset.jsonl"))
    assert "there is no folder" in refused(eval=str(tmp_path / "nowhere" / "a.jsonl"))
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04")
    assert "ends in .xlsx: expected JSON lines" in refused(eval=str(tmp_path / "a.xlsx"))
    (tmp_path / "a.parquet").write_bytes(b"nothing of the kind")
    assert "is no Parquet file" in refused(eval=str(tmp_path / "a.parquet"))
    (tmp_path / "a.csv").write_bytes("text,label\ncafé,b\n".encode("latin-1"))
    assert "is not UTF-8" in refused(eval=str(tmp_path / "a.csv"))
    (tmp_path / "b.csv").write_text("text,label\n")
    assert "no row" in refused(eval=str(tmp_path / "b.csv"))
    with pytest.raises(UserError, match="no rows to train on"):
        examples("train", eval=str(tmp_path / "data_test.jsonl"))


def test_a_file_is_read_again_when_it_changes_and_only_then(lines, monkeypatch):
    import offdiag.tasks.files.items as module

    reads, original = [], module.layout
    monkeypatch.setattr(module, "layout", lambda *given: reads.append(1) or original(*given))
    path = lines("a.jsonl", intents(3))
    examples(eval=path)
    examples(eval=path)
    assert len(reads) == 1
    lines("a.jsonl", intents(4))
    assert len(examples(eval=path)) == 4
    assert len(reads) == 2


def test_several_files_are_one_data_set(lines):
    paths = [lines("a_train.jsonl", intents(6)), lines("b_train.jsonl", intents(6, 30))]
    both = FilesDomain(train="|".join(paths), holdout=0)
    found = examples("train", train="|".join(paths), holdout=0)
    assert (len(found), str(both)) == (12, "a+b")
    one = next(example for example in found if example.problem == intents(1, 31)[0]["text"])
    assert TASK.place(both, "train", one) == f"{paths[1]}, line 2"
    broken = lines("c.jsonl", [{"txt": "a", "label": "b"}])
    assert "c.jsonl, line 1: no prompt 'text'; did you mean txt?" in refused(train=f"{paths[0]}|{broken}")


def test_a_hub_that_does_not_answer_is_told_at_once_and_what_was_fetched_is_taken(monkeypatch):
    datasets = pytest.importorskip("datasets")
    one = datasets.Dataset.from_dict({"text": ["a"], "label": ["b"]})
    offline = []

    def from_hub(path, **how):
        offline.append(datasets.config.HF_HUB_OFFLINE)
        if path == "org/gone":
            raise ConnectionError("no")
        return {"train": one, "test": one}

    monkeypatch.setattr(sources, "_answers", lambda address: False)
    monkeypatch.setattr(datasets, "load_dataset", from_hub)
    assert [e.target for e in examples(eval="hub:org/here")] == ["b"]
    assert "ConnectionError: it was not fetched before, and http" in refused(eval="hub:org/gone")
    assert offline == [True, True]
    assert not datasets.config.HF_HUB_OFFLINE


def test_targets_may_be_worded_and_dates_are_texts(lines, tmp_path):
    path = lines("a.jsonl", [{"text": "a", "first": "Ada", "last": "Byron"}])
    assert [e.target for e in examples(eval=path, target="{last}, {first}")] == ["Byron, Ada"]
    assert "no column 'lst' (a template with {lst}): did you mean last?" in refused(eval=path, target="{lst}")
    assert "without prompt= (--prompt) it is text; it has text" in refused(eval=path, prompt="words", target="first")
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"text": ["a"], "label": [pandas.Timestamp("2020-01-02")]}).to_parquet(tmp_path / "a.parquet")
    assert [e.target for e in examples(eval=str(tmp_path / "a.parquet"))] == ["2020-01-02 00:00:00"]


def test_an_id_of_another_file_is_told_by_that_file(lines):
    paths = [lines(name, [{"id": 7, "text": name, "label": "b"}]) for name in ("a.jsonl", "b.jsonl")]
    assert f"the id '7' is that of {paths[0]}, line 1: give" in refused(eval="|".join(paths))


def test_few_rows_are_split_by_label_too(lines):
    rows = [{"text": f"row {i}", "label": "xy"[i % 2]} for i in range(12)]
    assert sorted(e.target for e in examples("eval", train=lines("a.jsonl", rows))) == ["x", "y"]
