"""Files that lm-evaluation-harness 0.4.13 and Inspect 0.3.285 wrote, and tables, read into the frames of results.

The logs in ``peers/inspect`` are made by Inspect's own ``write_eval_log``; the files in ``peers/harness`` are of a run
with a tiny model, with the path of the model cut, and what the results file says of the machine left out.
"""

import json
import shutil

import pandas as pd
import pytest

import offdiag
from offdiag.cli.app import run
from offdiag.errors import UserError
from offdiag.interop.frames import read_results
from offdiag.reporting.matrix import build_matrix
from support.documented import ROOT

PEERS = ROOT / "tests" / "interop" / "peers"
HARNESS, INSPECT = PEERS / "harness", PEERS / "inspect"


def code_of(*words):
    """The exit code of the command line."""
    with pytest.raises(SystemExit) as ended:
        run([str(word) for word in words])
    return ended.value.code or 0


def cell(results, **wanted):
    """The one cell with these values."""
    cells = results.cells
    for name, value in wanted.items():
        cells = cells[(cells[name] == value).fillna(False)]
    assert len(cells) == 1
    return cells.iloc[0]


def test_samples_of_the_harness_give_its_accuracies():
    results = offdiag.load(HARNESS)
    stated = json.loads(next(HARNESS.glob("results_*.json")).read_text())["results"]
    for task, metric in (("even_choice", "acc"), ("even_written", "exact_match")):
        found = cell(results, task=task)
        assert found["accuracy"] == stated[task][f"{metric},none"]
        assert (found["n"], found["k"], found["method"], found["train"]) == (20, 1, "in-context", task)
    assert results.notices == ("The files do not say: n_tokens, finish.",)
    chosen = cell(results, task="even_choice")
    assert (chosen["answering"], chosen["chance"]) == ("choice", 0.5)
    record = results.records[results.records["cell"] == chosen["cell"]].iloc[0]
    assert record["prompt_text"] == "Is 14 even? yes\n\nIs 0 even?"
    assert (record["problem"], record["target"], record["parsed"]) == ("Is 0 even?", "yes", "no")


def test_another_metric_of_the_harness_counts_where_it_is_named():
    rows = [json.loads(line) for line in next(HARNESS.glob("samples_even_choice*")).read_text().splitlines()]
    found = cell(read_results([HARNESS / next(HARNESS.glob("samples_even_choice*")).name], "acc_norm"))
    assert found["n_correct"] == sum(row["acc_norm"] for row in rows)
    with pytest.raises(UserError, match="no metric 'f2': it has acc, acc_norm"):
        read_results(list(HARNESS.glob("samples_even_choice*")), "f2")


def test_an_answer_is_named_only_where_it_agrees_with_the_verdict(tmp_path):
    source = next(HARNESS.glob("samples_even_choice*"))
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    for row in rows:
        row["acc"] = 1.0 - row["acc"]  # as if it had compared something else than the sums
    copy = tmp_path / source.name
    copy.write_text("".join(json.dumps(row) + "\n" for row in rows))
    records = read_results([copy]).records
    assert records["parsed"].isna().all()
    assert set(records["flags"]) == {"choice-not-told"}
    assert set(records["status"]) == {"parsed"}


def test_the_results_file_may_be_absent_and_may_disagree(tmp_path):
    shutil.copytree(HARNESS, tmp_path / "run")
    said = next((tmp_path / "run").glob("results_*"))
    said.write_text(said.read_text().replace('"acc,none": 0.5', '"acc,none": 0.75'))
    assert any(
        "states the accuracy 0.7500, its records have 0.5000" in line
        for line in read_results([tmp_path / "run"]).notices
    )
    said.unlink()
    results = read_results([tmp_path / "run"])
    assert results.notices == ("The files do not say: n_tokens, finish, model, k.",)
    assert set(results.cells["model"]) == {"run"}


def test_logs_of_inspect_give_its_accuracies_and_pair_by_item():
    results = offdiag.load(INSPECT, baseline="mockllm/base")
    base, tuned, drawn = (cell(results, arm=f"mockllm/{name}") for name in ("base", "tuned", "drawn"))
    assert (base["n_correct"], base["n"], base["n_unparsed"], base["accuracy"]) == (3, 8, 1, 0.375)
    assert (tuned["n_correct"], tuned["n"], tuned["n_planned"], tuned["n_errors"]) == (6, 7, 8, 1)
    assert (tuned["baseline"], tuned["n_paired"]) == (base["cell"], 7)
    assert tuned["difference"] == pytest.approx(6 / 7 - 3 / 7)
    assert (drawn["samples"], drawn["metric"], drawn["temperature"]) == (3, "mean", 0.7)
    assert drawn["accuracy"] == pytest.approx(16 / 24)
    assert pd.isna(drawn["baseline"])
    assert results.notices[-1].startswith(
        "Without a verdict (an error, or not scored): answers in 1 of 3 cells, 1 in all."
    )
    assert set(results.cells["eval"]) == {"evens,difficulty=easy"}
    pair = results.compare("mockllm/tuned", "mockllm/base").iloc[0]
    assert (pair["n_items"], pair["difference"]) == (7, pytest.approx(3 / 7))


def test_records_of_inspect_have_texts_metadata_and_every_draw():
    results = offdiag.load(INSPECT / "drawn.eval")
    record = results.read_records(results.cells["cell"].iloc[0])[0]
    assert record["prompt"] == "Answer yes or no.\n\nIs 0 even?"
    assert record["problem"] == "Is 0 even?"
    assert [draw["completion"] for draw in record["samples"]] == ["I say yes.", "I say yes.", "I say no."]
    assert record["score"] == pytest.approx(2 / 3)
    assert record["n_tokens"] == 12
    row = results.records.iloc[0]
    assert (row["parity"], row["size"], row["metadata_model"]) == ("even", 0, "clash")


def test_a_scorer_between_right_and_wrong_is_a_score():
    results = offdiag.load(INSPECT, metric="f1")
    base, drawn = cell(results, arm="mockllm/base"), cell(results, arm="mockllm/drawn")
    assert (base["accuracy"], base["metric"], drawn["metric"]) == (pytest.approx(5.5 / 8), "f1", "f1")
    assert pd.isna(base["n_correct"])
    assert base["ci_low"] < base["accuracy"] < base["ci_high"]


def test_curves_over_k_are_fitted_to_logs_and_tables_of_others(tmp_path, capsys):
    rows = [{"model": "m", "task": "qa", "id": i, "k": k, "acc": int(i < 2 + 6 * (k >= 4)), "other": int(i < 9)}
            for k in (0, 1, 2, 4, 8, 16) for i in range(10)]  # fmt: skip
    (tmp_path / "k.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert code_of("analyse", "transition", tmp_path / "k.jsonl", "--json", "--resamples", "20") == 0
    (fit,) = json.loads(capsys.readouterr().out)
    assert (fit["series"], fit["n_items"]) == ("qa", 10)
    assert fit["plateau"] == pytest.approx(0.8, abs=0.05)
    assert 2 <= fit["k50"] <= 4
    assert (
        code_of("analyse", "transition", tmp_path / "k.jsonl", "--json", "--resamples", "20", "--metric", "other") == 0
    )
    assert json.loads(capsys.readouterr().out)[0] != fit
    assert code_of("analyse", "transition", HARNESS) == 0
    assert "1 value of k measured: a fit needs 4" in capsys.readouterr().out


RECORDS = """model,task,id,acc,seed,k,question,note
a,sums,1,1,0,2,1+1,x
a,sums,2,0,0,2,1+2,y
a,sums,3,1,0,2,1+1,y
a,sums,1,1,1,2,1+1,x
a,sums,2,1,1,2,1+2,y
a,sums,3,0,1,2,1+1,y
b,sums,1,False,,,1+1,x
b,sums,2,true,,,1+2,y
b,sums,3,0.0,,,1+1,y
"""


def test_a_table_of_records_has_draws_factors_and_clusters(tmp_path):
    (tmp_path / "mine.csv").write_text(RECORDS)
    results = offdiag.load(tmp_path / "mine.csv", baseline="b")
    assert list(results.cells["arm"]) == ["a.s0", "a.s1", "b"]
    assert list(results.cells["first_draw"].fillna("")) == ["", "a.s0", ""]
    assert list(results.cells["n_correct"]) == [2, 2, 1]
    assert list(results.cells["k"].fillna(0)) == [2, 2, 0]
    assert list(results.cells["n_paired"]) == [3, 3, 0]
    assert list(results.records["cluster"][:3]) == ["1", "2", "1"]  # two ask the same
    assert list(results.records["note"][:3]) == ["x", "y", "y"]
    assert len(results.matrix()) == 2
    assert "The files do not say: prompt_text, completion, target, parsed." in results.notices


def test_examples_of_a_passage_count_as_one_where_that_is_said(tmp_path, capsys):
    (tmp_path / "t.csv").write_text(
        "model,task,id,acc,passage\n" + "".join(f"{m},qa,{i},{int(i < 6)},p{i // 2}\n" for m in "ab" for i in range(12))
    )
    alone = offdiag.load(tmp_path / "t.csv").cells.iloc[0]
    shared = offdiag.load(tmp_path / "t.csv", cluster_by="passage")
    assert shared.records["cluster"].nunique() == 6
    cell = shared.cells.iloc[0]
    assert cell["accuracy"] == alone["accuracy"] == 0.5
    assert cell["ci_low"] < alone["ci_low"]
    with pytest.raises(UserError, match="clusters='page': the examples of a--qa have passage"):
        offdiag.load(tmp_path / "t.csv", cluster_by="page")
    with pytest.raises(UserError, match="n_eval: results of others are read with metric, baseline, cluster_by"):
        offdiag.load(tmp_path / "t.csv", n_eval=3)
    assert code_of("report", tmp_path / "t.csv", "--set", "n_eval=3") == 2
    assert code_of("report", "base-addition", "--metric", "f1") == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"offdiag: --set is for a study: leave it out of {tmp_path / 't.csv'}"
    assert said[1] == "offdiag: --metric is for results of others: leave it out of base-addition"


def test_tables_with_a_score_or_several_answers_to_an_item(tmp_path):
    rows = [
        {"arm": "a", "eval": "e", "example": i, "sample": s, "score": (i + s) / 4} for i in (0, 1) for s in (0, 1, 2)
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = offdiag.load(tmp_path / "t.jsonl").cells.iloc[0]
    assert (found["samples"], found["metric"], found["n"]) == (3, "score", 2)
    assert found["accuracy"] == pytest.approx((0.25 + 0.5) / 2)


def test_a_label_that_may_be_the_right_answer_is_no_verdict_unless_it_is_named(tmp_path):
    both = pd.DataFrame({"model": ["a"] * 4, "task": ["t"] * 4, "id": range(4), "label": [0, 1, 1, 1]})
    both.assign(acc=[1, 1, 0, 0]).to_csv(tmp_path / "acc.csv", index=False)
    assert offdiag.load(tmp_path / "acc.csv").cells["n_correct"].tolist() == [2]
    both.assign(score=[1, 0, 0, 0]).to_csv(tmp_path / "score.csv", index=False)
    with pytest.raises(UserError, match="label and score could both be the verdict"):
        offdiag.load(tmp_path / "score.csv")
    assert offdiag.load(tmp_path / "score.csv", metric="score").cells["n_correct"].tolist() == [1]
    assert offdiag.load(tmp_path / "score.csv", metric="label").cells["n_correct"].tolist() == [3]


def test_ids_that_are_other_questions_elsewhere_are_told(tmp_path):
    (tmp_path / "t.csv").write_text("arm,eval,example,correct,problem,target\na,e,1,1,x,y\nb,e,1,0,z,y\n")
    assert any(
        "e: 1 example of b--e has the id, and not question" in line for line in offdiag.load(tmp_path / "t.csv").notices
    )


def test_how_answers_were_drawn_is_theirs_and_nothing_is_made_up(tmp_path):
    shown = {}
    for peer in ("inspect", "harness"):
        results = offdiag.load(PEERS / peer)
        assert results.cells[["split", "prompt", "matched"]].isna().all(axis=None)
        page = results.report(tmp_path / peer).read_text(encoding="utf-8")
        told = page.partition("<main>")[2].partition("<dialog")[0]
        made_up = ("<b>eval</b>", "direct", "zero-shot", "taught nothing", "steps</dt>")
        assert not any(words in told for words in made_up)
        facts = {name for one in build_matrix(results, results.steps).cells for name, _ in one.facts}
        assert not facts & {"split", "prompt", "matched", "seed"}
        shown[peer] = [page.count(words) for words in ("temperature 0.7", "samples 3", "temperature 0<", "samples 1<")]
        assert " scale</p>" not in page
        assert "results of others</p>" in page
    assert shown["inspect"][0] > 0
    assert shown["inspect"][1] > 0
    assert shown["inspect"][2:] == shown["harness"][2:] == [0, 0]
    source = next(HARNESS.glob("samples_even_written*"))
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    for row in rows:
        row["arguments"]["gen_args_0"]["arg_1"] |= {"do_sample": True, "temperature": 0.8, "top_p": 0.9}
    (tmp_path / source.name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = offdiag.load(tmp_path / source.name).cells.iloc[0]
    assert (found["temperature"], found["top_p"]) == (0.8, 0.9)


def test_undefined_numbers_beside_escaped_characters_are_read(tmp_path):
    source = next(HARNESS.glob("samples_even_choice*"))
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    for row in rows:
        row |= {"brier": float("nan"), "doc": {**row["doc"], "q": "\u00e9" + row["doc"]["q"]}}
    (tmp_path / source.name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(offdiag.load(tmp_path / source.name).records) == len(rows)


def test_the_page_and_an_analysis_are_made_of_results_of_others(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert code_of("report", INSPECT, "--baseline", "mockllm/base", "--to", "page") == 0
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "evens,difficulty=easy" in page
    assert "Without a verdict" in page
    said = capsys.readouterr().out
    assert "85.7" in said
    assert "37.5" in said
    assert len(pd.read_csv(tmp_path / "page" / "tables" / "records.csv")) == 23


def test_scores_and_drawn_answers_are_a_square_and_are_paired_and_the_legend_names_them(tmp_path):
    def rows(**more):
        return [{"model": m, "task": "qa", "id": i, **more} for m in "ab" for i in range(8)]

    def loaded(name, lines, **options):
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return offdiag.load(tmp_path / name, **options)

    scored = loaded("f1.jsonl", [{**row, "f1": (row["id"] + (row["model"] == "b")) / 8} for row in rows()], metric="f1")
    drawn = loaded(
        "drawn.jsonl", [{**row, "sample": s, "acc": int(row["id"] + s > 4)} for s in range(4) for row in rows()]
    )
    whole = loaded("whole.jsonl", [{**row, "acc": int(row["id"] > 4)} for row in rows()], baseline="a")
    assert scored.matrix()["qa", "value"].tolist() == [pytest.approx(3.5 / 8), pytest.approx(4.5 / 8)]
    pair = scored.compare("b", "a").iloc[0]
    assert (pair["metric"], pair["difference"], pair["n_items"]) == ("f1", pytest.approx(1 / 8), 8)
    assert (drawn.compare("a", "b")["difference"] == 0).all()
    assert drawn.matrix()["qa", "value"].tolist() == [pytest.approx((1 + 2 + 3 + 4 + 4 + 4) / 32)] * 2
    legends = [found.matrix()._repr_html_() for found in (scored, drawn, whole)]
    for name, legend in zip(("f1", "mean", "Accuracy"), legends, strict=True):
        assert f">{name} in %, with its 95 % interval" in legend
    assert "Difference to the baseline in points (Accuracy in %)" in whole.matrix("difference")._repr_html_()


def loaded(path, rows, **options):
    """Results of a table with these rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return offdiag.load(path, **options)


def test_of_several_cells_of_the_baseline_the_one_that_was_asked_alike_is_compared(tmp_path):
    right = {("q", 0): 2, ("q", 4): 8, ("z", 0): 5, ("z", 4): 9}
    rows = [{"arm": arm, "eval": "e", "example": i, "k": k, "correct": int(i < n)}
            for (arm, k), n in right.items() for i in range(10)]  # fmt: skip
    cells = loaded(tmp_path / "k.jsonl", rows, baseline="q").cells.set_index(["arm", "k"])
    assert cells.loc[("z", 0), "difference"] == pytest.approx(0.3)
    assert cells.loc[("z", 4), "difference"] == pytest.approx(0.1)
    assert cells.loc["q", "baseline"].isna().all()
    with pytest.raises(UserError, match="baseline 'q' has 2 cells for z--e.*differ in k"):
        loaded(tmp_path / "k.jsonl", [row | {"k": 2} if row["arm"] == "z" else row for row in rows[:30]], baseline="q")
    asked = [row | {"eval_digits": row.pop("k")} for row in rows]
    cells = loaded(tmp_path / "d.jsonl", asked, baseline="q").cells.set_index(["arm", "eval_digits"])
    assert cells.loc[("z", 0), "difference"] == pytest.approx(0.3)
    assert cells.loc[("z", 4), "difference"] == pytest.approx(0.1)


def test_cells_that_the_baseline_was_asked_otherwise_are_told(tmp_path):
    rows = [{"arm": arm, "eval": "e", "example": i, "correct": i % 2, "eval_date": f"of {arm}"}
            for arm in "ab" for i in range(4)]  # fmt: skip
    results = loaded(tmp_path / "t.jsonl", rows, baseline="a")
    assert results.cells["baseline"].isna().all()
    assert results.notices[-1].startswith("Not compared: 1 of 2 cells, such as b--e. a was asked the same evaluation")
    assert not any("not compared" in line for line in loaded(tmp_path / "t.jsonl", rows).notices)


def test_columns_that_differ_by_record_split_no_cell(tmp_path):
    rows = [{"arm": arm, "eval": "e", "example": i, "correct": i % 2, "eval_time": i / 7, "train_loss": i * 0.5,
             "eval_date": f"2026-11-{i + 1:02}", "eval_base": 8} for arm in "ab" for i in range(10)]  # fmt: skip
    results = loaded(tmp_path / "t.jsonl", rows, baseline="a")
    assert results.cells["n"].tolist() == [10, 10]
    assert results.cells["eval_base"].tolist() == [8, 8]
    assert results.cells["n_paired"].tolist() == [0, 10]
    assert results.records["eval_time"].tolist()[:10] == pytest.approx([i / 7 for i in range(10)])


def test_a_class_beside_a_prediction_is_no_verdict(tmp_path):
    rows = [{"arm": "a", "eval": "e", "example": i, "label": label, "given": given, "right": int(label == given)}
            for i, (label, given) in enumerate([(1, 0), (1, 1), (0, 1)])]  # fmt: skip
    for name in ("given", "prediction", "predicted"):
        named = [{name if key == "given" else key: value for key, value in row.items()} for row in rows]
        with pytest.raises(UserError, match=f"label beside {name} may be the right answer"):
            loaded(tmp_path / "t.jsonl", named)
        found = loaded(tmp_path / "t.jsonl", named, metric="right").cells.iloc[0]
        assert found["accuracy"] == pytest.approx(1 / 3)


def test_integers_are_read_to_the_last_digit(tmp_path):
    (tmp_path / "t.csv").write_text(f"arm,eval,example,correct,seed,eval_n\na,e,1,1,{2**53 + 1},{2**53 + 3}\n")
    found = offdiag.load(tmp_path / "t.csv").cells.iloc[0]
    assert (found["seed"], found["eval_n"]) == (2**53 + 1, 2**53 + 3)


def test_a_column_cluster_says_what_counts_as_one(tmp_path):
    rows = [{"arm": "a", "eval": "e", "example": i, "correct": int(i < 6), "passage": f"p{i // 2}"} for i in range(12)]
    named = loaded(tmp_path / "p.jsonl", rows, cluster_by="passage")
    told = [row | {"cluster": f"passage={row['passage']}"} for row in rows]
    for options in ({}, {"cluster_by": "cluster"}, {"cluster_by": "passage"}):
        found = loaded(tmp_path / "c.jsonl", told, **options)
        assert found.records["cluster"].tolist() == named.records["cluster"].tolist()
        assert found.cells["ci_low"].tolist() == named.cells["ci_low"].tolist()


@pytest.mark.parametrize("given", [{"scale": "paper"}, {"store": "x"}])
def test_what_is_for_a_study_is_refused_for_results_of_others(tmp_path, given):
    (tmp_path / "t.csv").write_text("arm,eval,example,correct\na,e,1,1\n")
    with pytest.raises(UserError, match=f"{next(iter(given))} is for a study: leave it out of .*t.csv"):
        offdiag.load(tmp_path / "t.csv", **given)


def test_the_folder_one_is_in_has_a_name_too(monkeypatch):
    monkeypatch.chdir(INSPECT)
    results = offdiag.load(".", baseline="mockllm/base")
    assert results.title == "Results of others: inspect"
    assert offdiag.load("../inspect/..").title == "Results of others: peers"
