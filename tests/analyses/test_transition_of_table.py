import numpy as np
import pytest

from offdiag.analyses import TransitionOfTable, read_table, select, transition
from offdiag.analyses.logistic import logistic
from offdiag.errors import UserError

KS = (0, 1, 2, 3, 4, 6, 8, 12)
QUICK = TransitionOfTable(resamples=100)


def shares(*truth):
    return np.round(logistic(np.array(KS, float), np.array([0.0, *truth])), 4).tolist()


def csv(*series, n=250):
    """Series as (name, plateau, slope, midpoint)."""
    lines = [f"{name},{k},{a},{n}" for name, *truth in series for k, a in zip(KS, shares(*truth), strict=True)]
    return "\n".join(["series,k,accuracy,n", *lines])


def test_a_row_for_each_series_in_the_order_of_the_file():
    found = QUICK.analyse(read_table(csv(("nine", 0.897, 1, 2.91), ("eight", 0.924, 1.5, 1.83))))
    assert found["series"].tolist() == ["nine", "eight"]
    assert found["midpoint"].tolist() == pytest.approx([2.91, 1.83], abs=0.01)
    assert found["width_10_90"].tolist() == pytest.approx([4.3944, 2.9296], abs=0.01)
    assert found["n_items"].tolist() == [250, 250]
    assert (found["midpoint_low"] < found["midpoint"]).all()


def test_items_may_be_given_for_a_table_that_lacks_them():
    text = csv(("a", 0.9, 1, 3), n="")
    assert QUICK.analyse(read_table(text))["note"][0] == "no intervals: the numbers of items are unknown"
    given = TransitionOfTable(resamples=100, n=250).analyse(read_table(text)).iloc[0]
    assert given["note"] == ""
    assert given["midpoint_low"] == QUICK.analyse(read_table(csv(("a", 0.9, 1, 3))))["midpoint_low"][0]


def test_a_series_that_was_not_measured_keeps_its_row():
    text = csv(("a", 0.9, 1, 3)) + "".join(f"\nb,{k},,0" for k in KS)
    found = QUICK.analyse(read_table(text))
    assert found["note"].tolist() == ["", "no accuracy is given"]
    assert found["saturated"].tolist() == [False, False]


def test_answers_one_by_one():
    rng = np.random.default_rng(0)
    truth = dict(zip(KS, shares(0.92, 1.5, 2), strict=True))
    answers = {k: rng.random(80) < p for k, p in truth.items()}
    lines = [f"a,{k},{right},i{i}" for k, verdicts in answers.items() for i, right in enumerate(verdicts)]
    table = read_table("\n".join(["series,k,correct,item", *lines]))
    found = QUICK.analyse(table).iloc[0]
    typed = table.assign(k=table["k"].astype(float), correct=table["correct"] == "True")
    expected = transition(typed, "series", item="item", n_resamples=100).iloc[0]
    assert found["n_items"] == 80
    assert found["midpoint"] == expected["midpoint"]
    assert found["k50_high"] == expected["k50_high"]
    passages = table.assign(passage=table["item"].str[:2])  # i1, i10, i11, …
    clustered = TransitionOfTable(resamples=100, cluster_by="passage").analyse(passages).iloc[0]
    assert clustered["note"].endswith("80 items in 10 clusters, which the intervals resample")
    assert clustered["midpoint"] == found["midpoint"]


def test_lines_of_results_and_their_common_start():
    curves = {"True": shares(0.9, 1, 3), "False": shares(0.5, 1, 4)}
    start = 0.05
    lines = [f"m 8 True 2 {k} {icl}: {a}" for icl, c in curves.items() for k, a in zip(KS[1:], c[1:], strict=True)]
    found = QUICK.analyse(read_table("\n".join([f"m 8 True 2 0 False: {start}", *lines])))
    name = "model=m base=8 cot=True n_digits=2 icl_cot="
    assert set(found["series"]) == {f"{name}True", f"{name}False"}
    assert found["plateau"].max() > 0.85 > 0.6 > found["plateau"].min()
    alone = QUICK.analyse(read_table("\n".join(lines)))
    assert (alone["aic3"].to_numpy() != found["aic3"].to_numpy()).all()  # the start took part in both


def test_narrowed_to_one_kind_of_demonstrations_their_common_start_stays():
    lines = [f"m 8 True 2 {k} {icl}: {0.1 * (k + 1)}" for icl in ("True", "False") for k in (1, 2, 4, 8)]
    table = read_table("\n".join(["m 8 True 2 0 False: 0.05", *lines]))
    assert select(table, {"icl_cot": "True"})["k"].tolist() == ["0", "1", "2", "4", "8"]
    assert select(table.drop(columns="k"), {"icl_cot": "True"}).shape[0] == 4


REPORT = "study,cell,arm,method,seed,prompt,k,rationale,train_base,eval_base,accuracy,n,state"


def report(prompts=("direct", "step-by-step")):
    lines = []
    for prompt in prompts:
        for base in (8, 9):
            lines.append(f"s,z,z,zero-shot,,{prompt},,,,{base},0.1,40,done")
            for shown in (True, False):
                for k, accuracy in zip(KS[1:], shares(0.9 if shown else 0.6, 1, 3)[1:], strict=True):
                    common = f"{prompt},{k},{shown},{base},{base},{accuracy},40,done"
                    lines += [f"s,c{k},i,in-context,{seed},{common}" for seed in (0, 1)]
            lines.append(f"s,f,f,fine-tuning,0,{prompt},,True,8,{base},1.0,40,done")
    return "\n".join([REPORT, *lines])


def test_the_cells_of_a_report_need_no_word_on_what_a_series_is():
    found = TransitionOfTable(resamples=0).analyse(read_table(report()))
    assert len(found) == 8
    assert "prompt=direct rationale=True eval_base=8" in found["series"].tolist()
    assert found["note"].str.contains("averaged over 2 seeds").all()
    assert sorted(found["plateau"].round(1).unique()) == [0.6, 0.9]


def test_series_may_be_named():
    table = read_table(report(prompts=("direct",)))
    found = TransitionOfTable(resamples=0, series=("rationale", "eval_base")).analyse(table)
    assert found["series"].iloc[0] == "rationale=True eval_base=8"


def test_rows_that_claim_one_point_are_told_apart_in_the_message():
    with pytest.raises(UserError, match="series 8: k = 0 is there more than once .*they differ in prompt: narrow"):
        TransitionOfTable(series=("eval_base",)).analyse(read_table(report()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("series,k\na,1", "no column 'accuracy': the table has series, k"),
        ("k,accuracy\n1,0.5", "no column 'series'.*--set series="),
        ("series,accuracy\na,0.5", "no column 'k'"),
        ("series,k,accuracy\na,1,47.5", "line 2: accuracy is '47.5', expected a number from 0 to 1"),
        ("series,k,accuracy\na,one,0.5", "line 2: k is 'one', expected a number of at least 0"),
        ("series,k,accuracy\na,-1,0.5", "line 2: k is '-1'"),
        ("series,k,accuracy\n,1,0.5", "line 2: series is empty"),
        ("series,k,accuracy,n\na,1,0.5,2.5", "line 2: n is '2.5', expected a whole number"),
        ("series,k,accuracy\na,1,0.5\na,1.0,0.6", r"series a: k = 1 is there more than once \(lines 2, 3\); keep one"),
        ("series,k,accuracy\na,1,", "no row has an accuracy"),
        ("series,k,correct\na,1,True", "no column 'item'"),
        ("series,k,correct,item\na,1,maybe,i", "line 2: correct is 'maybe'"),
        ("cell,method,k,eval_base,accuracy\nf,fine-tuning,,8,0.5", "no row has the method zero-shot or in-context"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(UserError, match=message):
        TransitionOfTable().analyse(read_table(text))
