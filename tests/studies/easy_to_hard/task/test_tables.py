"""Tables of model-based hardness."""

import pytest

from offdiag.errors import UserError
from offdiag.files import Located
from offdiag.studies.easy_to_hard.task import library, table_from_rows
from offdiag.studies.easy_to_hard.task.tables import of_model, read_table, table_path, write_table
from offdiag.tasks import get_task, parse_domain
from offdiag.tasks.data import ENV

IDS = ("a", "b", "c")


def rows(*found):
    values = [dict(zip(("item", "model", "value"), row, strict=False)) for row in found]
    return [Located(f"step, row {i + 1}", i, i + 1, value) for i, value in enumerate(values)]


def test_rows_make_one_table_a_model():
    found = table_from_rows(rows(("a", "x", 0.5), ("b", "x", "1.5"), ("a", "y", 2)), IDS)
    assert found == {"x": {"a": 0.5, "b": 1.5}, "y": {"a": 2.0}}
    assert of_model(found, "x", "step") == {"a": 0.5, "b": 1.5}


def test_the_average_is_over_raw_values_and_the_normed_one_over_scaled_values():
    found = table_from_rows(
        rows(("a", "x", 0), ("b", "x", 1), ("c", "x", 4), ("a", "y", 10), ("b", "y", 30), ("c", "y", 10)), IDS
    )
    assert of_model(found, "average", "step") == {"a": 5, "b": 15.5, "c": 7}
    assert of_model(found, "normed_average", "step") == {"a": 0, "b": 0.625, "c": 0.5}


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        ([("a", "x")], "step, row 1: value is missing; expected item, model, value"),
        ([("a", "x", 1), ("b", "x", "nan")], "step, row 2: value=nan should be a finite number"),
        ([("d", "x", 1)], "step, row 1: no item 'd' in the data set"),
        ([("a", "x", 1), ("a", "x", 2)], "step, row 2: item 'a' comes twice for model 'x'"),
    ],
)
def test_wrong_rows_are_named(found, complaint):
    with pytest.raises(UserError, match=complaint):
        table_from_rows(rows(*found), IDS)


def test_an_average_over_other_models_than_it_says_is_refused():
    found = table_from_rows(rows(("a", "x", 0), ("a", "y", 1), ("b", "x", 1)), IDS)
    with pytest.raises(UserError, match="item 'b' has no value of model 'y'"):
        of_model(found, "average", "step")
    with pytest.raises(UserError, match="has no model 'z': it has x, y"):
        of_model(found, "z", "step")


def measured(raw, values):
    path = raw / "hardness" / "strategyqa" / "zero_shot_mdl.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("item,model,value\n" + "".join(f"q{i},tiny,{value}\n" for i, value in values.items()))


def test_a_measured_table_cuts_levels_and_is_part_of_the_identity(raw):
    task = get_task("easy_to_hard")
    domain = parse_domain(task, "dataset=strategyqa,hardness=zero_shot_mdl@tiny,level=hard,n_train=0")
    with pytest.raises(UserError, match="zero_shot_mdl.csv: measure what a model finds hard with offdiag run"):
        task.size(domain, "eval")
    measured(raw, {1: 0.1, 2: 0.9, 3: 0.2, 4: 0.8, 5: 0.3})
    assert {example.id for example in task.examples(domain, "eval", 2, 0)} == {"q2", "q4"}
    before = domain.canonical()
    assert before["hardness_content"] != before["content"] == library.dataset("strategyqa").content
    measured(raw, {1: 0.9, 2: 0.1, 3: 0.8, 4: 0.2, 5: 0.30})
    assert {example.id for example in task.examples(domain, "eval", 2, 0)} == {"q1", "q3"}
    assert domain.canonical() != before


def test_a_measured_table_needs_a_folder_even_for_built_in_items(raw, monkeypatch):
    task = get_task("easy_to_hard")
    domain = parse_domain(task, "hardness=zero_shot_mdl@tiny,n_train=0")
    monkeypatch.setenv(ENV, "hub")
    with pytest.raises(UserError, match="is read from a table, FOLDER/hardness/synthetic/zero_shot_mdl.csv"):
        task.size(domain, "eval")
    path = raw / "hardness" / "synthetic" / "zero_shot_mdl.csv"
    path.parent.mkdir(parents=True)
    items = library.dataset("synthetic").items
    path.write_text("item,model,value\n" + "".join(f"{item.id},tiny,{i}\n" for i, item in enumerate(items)))
    monkeypatch.setenv(ENV, str(raw))
    assert task.summary(domain)["measures"]["zero_shot_mdl@tiny"]["easy"] == 450


def test_items_without_a_value_are_named(raw):
    measured(raw, {1: 0.1, 2: 0.9})
    task = get_task("easy_to_hard")
    domain = parse_domain(task, "dataset=strategyqa,hardness=zero_shot_mdl@tiny,n_train=0")
    with pytest.raises(UserError, match="3 of 5 items have no zero_shot_mdl@tiny, such as 'q3'"):
        task.size(domain, "eval")
    assert "zero_shot_mdl@tiny: not measured for all items of the pool" in task.summary(domain)["remarks"]


def test_a_written_table_is_read_back_to_the_last_bit(tmp_path):
    path = table_path(tmp_path, "arc", "probe_mdl")
    values = {"a": 0.1 + 0.2, "b": 1e-17, "c": -3.0}
    write_table(path, {'a, "quoted" model': values}, IDS)
    assert path == tmp_path / "hardness" / "arc" / "probe_mdl.csv"
    assert read_table(path, IDS) == {'a, "quoted" model': values}


def test_writing_replaces_a_model_and_keeps_the_others(tmp_path):
    path = tmp_path / "hardness.csv"
    write_table(path, {"x": {"a": 1.0, "b": 2.0}, "y": {"a": 3.0}}, IDS)
    write_table(path, {"y": {"b": 4.0}, "z": {"c": 5.0}}, IDS)
    assert read_table(path, IDS) == {"x": {"a": 1.0, "b": 2.0}, "y": {"b": 4.0}, "z": {"c": 5.0}}
    assert [found.name for found in tmp_path.iterdir()] == ["hardness.csv"]


def test_a_table_of_other_items_is_not_written_over(tmp_path):
    path = tmp_path / "hardness.csv"
    path.write_text("item,model,value\nelsewhere,x,1\n")
    with pytest.raises(UserError, match=r"hardness.csv, line 2: no item 'elsewhere' in the data set"):
        write_table(path, {"x": {"a": 1.0}}, IDS)
    assert "elsewhere" in path.read_text()


def test_measures_of_several_models_have_an_average_where_all_have_all_items(raw):
    path = table_path(raw, "strategyqa", "answer_nll")
    items = library.dataset("strategyqa").by_id
    write_table(path, {"x": dict.fromkeys(items, 1.0)}, items)
    assert library.measured(library.dataset("strategyqa")) == ["answer_nll@x"]
    write_table(path, {"y": dict.fromkeys(items, 2.0)}, items)
    assert library.measured(library.dataset("strategyqa")) == ["answer_nll@x", "answer_nll@y", "answer_nll@average"]
    write_table(path, {"y": dict.fromkeys(list(items)[1:], 2.0)}, items)
    assert "answer_nll@average" not in library.measured(library.dataset("strategyqa"))
