"""What the commands print when all is well."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest

import offdiag as library
from offdiag.cli import commands, matrix_table, results_table
from offdiag.cli.app import COMMANDS
from offdiag.cli.tables import json_text
from offdiag.errors import UserError, printable
from offdiag.study_files import STUDIES
from offdiag.training.scratch import Decoder
from support.cli_types import Finished, Said, cells
from support.tiny_study import list_again

Offdiag = Callable[..., Said]


def test_help(offdiag: Offdiag) -> None:
    alone = offdiag()
    assert alone.code == 0
    assert offdiag("--help").out == alone.out
    assert "..." not in alone.out.partition("Commands:")[2]  # each command's sentence fits
    files = {path.stem for path in Path(commands.__path__[0]).glob("[a-z]*.py")}
    assert files == set(COMMANDS)
    for verb, sentence in COMMANDS.items():
        assert f"\n  {verb} " in alone.out
        said = offdiag(verb, "--help")
        assert said.code == 0
        assert said.out.startswith(f"Usage: offdiag {verb}")
        assert said.out.splitlines()[2].strip() == sentence
        assert max(map(len, said.out.splitlines())) <= 80
    assert offdiag("--version").out.strip() == library.__version__


def next_of(said: Said) -> list[str]:
    """The words of the command that was proposed, without the program."""
    (line,) = [line for line in said.out.splitlines() if line.startswith("Next: ")]
    return shlex.split(line.removeprefix("Next: offdiag "))


def test_what_is_proposed_can_be_typed(
    offdiag: Offdiag, own_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = offdiag("plan", own_study, "--store", tmp_path / "my store", "-k", "tiny-- direct")
    run = offdiag(*next_of(plan))
    assert (run.code, run.err) == (0, "")
    assert "3 of 3 steps done." in run.out
    assert next_of(run)[-2:] == ["--store", str(tmp_path / "my store")]
    report = offdiag(*next_of(run))
    assert report.code == 0
    assert "missing" in report.out  # -k left out the other cell
    assert "Report: offdiag-report/doubling-quick/index.html" in report.out
    assert next_of(report)[0] == "run"
    rest = offdiag(*next_of(report))
    assert rest.code == 0
    whole = offdiag(*next_of(rest))
    assert "missing" not in whole.out
    assert whole.out.splitlines()[-1].startswith("Report: ")  # nothing is lacking, nothing is proposed
    assert not (tmp_path / "offdiag-store").exists()


def test_the_store_of_the_environment_is_not_repeated(
    offdiag: Offdiag, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFDIAG_STORE", str(finished.store))
    said = offdiag("run", *finished.words)
    assert "4 cells done; nothing to run." in said.out
    assert "--store" not in said.out


def test_status_tells_what_other_versions_made(offdiag: Offdiag, finished: Finished, monkeypatch) -> None:
    monkeypatch.setattr(
        "offdiag.store.store.other_versions", lambda made: {"torch": "2.0 → 2.1"} if "model" in made else {}
    )
    words = ("status", *finished.words, "--store", finished.store, "--json")
    assert {step["state"] for step in json.loads(offdiag(*words).out)} == {"done"}
    states = {
        step["kind"]: (step["state"], step["note"]) for step in json.loads(offdiag(*words, "--versions", "stale").out)
    }
    assert states["examples"] == ("done", "")
    assert states["answers"] == ("stale", "torch: 2.0 → 2.1")
    assert states["cells"][0] == "stale"


def test_status_and_plan_agree(offdiag: Offdiag, finished: Finished) -> None:
    plan = json.loads(offdiag("plan", *finished.words, "--store", finished.store, "--json").out)
    status = json.loads(offdiag("status", *finished.words, "--store", finished.store, "--json").out)
    assert [step["fingerprint"] for step in plan["steps"]] == [step["fingerprint"] for step in status]
    assert {step["state"] for step in status} == {"done"}
    assert plan["cells"] == 4
    lines = offdiag("status", *finished.words, "--store", finished.store).out.splitlines()
    assert lines[1].split() == ["state", "step", "note"]
    assert [line.split()[1] for line in lines[2:-2]] == [step["folder"] for step in status]
    assert lines[-2:] == ["", "Everything is done."]


def test_more_rows_than_one_reads_are_counted(
    finished: Finished, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = library.load("base-addition", store=finished.store, **finished.overrides)
    results_table.show_results(results)
    assert "items" in capsys.readouterr().out
    monkeypatch.setattr(matrix_table, "MOST_LINES", 1)
    results_table.show_results(results)
    said = capsys.readouterr().out
    assert "4 of 4 cells done; so many are for the report (tables/cells.csv)" in said
    assert "items" not in said


def test_studies(offdiag: Offdiag, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("base-addition", "base-thresholds", "easy-to-hard")
    monkeypatch.setattr(STUDIES, "names", lambda: list(names))
    monkeypatch.setenv("OFFDIAG_DATA", "")  # a study whose data are not here is listed, too
    rows = json.loads(offdiag("studies", "--json").out)
    assert [row["study"] for row in rows] == list(names)
    assert [row["scales"] for row in rows] == [["quick", "cpu", "paper"]] * 3
    said = offdiag("studies")
    assert all(row["title"] in said.out and row["claim"] for row in rows)
    assert offdiag(*next_of(said), "--set", "model=hub:a/b").code == 0


def test_show_has_the_prompt_and_the_loss_mask(offdiag: Offdiag, finished: Finished) -> None:
    folder = cells(finished.store, "lora")[0]
    said = offdiag("show", folder.name[-8:], "--n", "1", "--store", finished.store)
    assert said.code == 0
    masked, _, learnt = said.out.partition("tokens that the loss sees\n")
    assert "<|user|>You are a mathematician." in masked
    assert masked.count("\\boxed{") == 1  # the instruction's, not the answer's
    assert learnt.splitlines()[0].startswith("  | \\boxed{1")
    assert learnt.splitlines()[0].endswith("<|end|>")
    assert "The first prompt, as the model sees it\n  | <|user|>" in learnt
    assert "'<|end|>' '<|assistant|>' ‖ '\\\\' 'b' 'o' 'x'" in learnt
    assert "Its last tokens\n  | … " in learnt
    assert "'<|assistant|>' ‖\n" in learnt
    assert learnt.count("target ") == 1
    assert "None" not in said.out
    found = json.loads(offdiag("show", folder.name, "--store", finished.store, "--json").out)
    assert found["mask"]["n_learnt"] == len(found["mask"]["learnt_tokens"]) > 0
    assert "".join(found["tokens"]) == found["rendered"]
    assert len(found["records"]) == 3


def test_a_terminal_does_not_obey_a_models_output(offdiag: Offdiag, copied: Finished) -> None:
    path = cells(copied.store)[0] / "records.jsonl"
    evil = "\x1b]0;owned\x07\x9b2J \u202e \ud800 \r\n<b>fine</b>"
    records = [json.loads(line) | {"completion": evil, "parsed": evil} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    list_again(path.parent)
    for words in ((), ("--json",)):
        said = offdiag("show", path.parent.name, "--store", copied.store, *words)
        assert said.code == 0
        assert said.out.replace("\n", "").isprintable()
        assert "<b>fine</b>" in said.out
    assert found_in_json(said.out) == evil
    assert printable("a\x1b\x9b\n") == r"a\x1b\x9b\x0a"
    assert json.loads(json_text({"é\x9b": "\ud800"})) == {"é\x9b": "\ud800"}


def found_in_json(text: str) -> str:
    return json.loads(text)["records"][0]["completion"]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("nope", "line 2, column 1: not JSON"),
        ("[1]", 'line 2: expected an object with the texts "problem" and "completion"'),
        ('{"problem": "1+1"}', "line 2: expected an object"),
        ('{"problem": 3, "completion": "x"}', "line 2: expected an object"),
        ('{"problem": "99+99", "completion": "x"}', "line 2: number '99': found the symbol '9'"),
    ],
)
def test_grade(
    mistake: Callable[..., str], offdiag: Offdiag, monkeypatch: pytest.MonkeyPatch, line: str, answer: str
) -> None:
    import io

    good = json.dumps({"problem": "76+76", "completion": "\x9b \\boxed{174}", "mine": 1})
    monkeypatch.setattr("sys.stdin", io.StringIO(good + "\n" + line + "\n"))
    assert answer in mistake("grade", "base_addition", "base=8")
    monkeypatch.setattr("sys.stdin", io.StringIO(good + "\n\n"))
    said = offdiag("grade", "base_addition", "base=8")
    assert said.out.strip().isprintable()
    graded = json.loads(said.out)
    assert (graded["correct"], graded["target"], graded["mine"]) == (True, "174", 1)


def test_answers_that_nothing_tells_apart_are_refused(
    mistake: Callable[..., str], offdiag: Offdiag, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    def given(*more: dict[str, object]) -> None:
        records = [{"id": "a", "problem": "76+76", "completion": str(i), **fields} for i, fields in enumerate(more)]
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(map(json.dumps, records))))

    given({}, {"id": "b"}, {})
    said = mistake("grade", "base_addition", "base=8")
    assert "line 3: id 'a' is also that of standard input, line 1: give each an id of its own" in said
    given({"sample": 1}, {"sample": 2}, {"model": "m"})
    assert len(offdiag("grade", "base_addition", "base=8").out.splitlines()) == 3


def test_fields_of_a_record_stay_beside_those_of_the_grader(offdiag: Offdiag, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    own = {
        "problem": "76+76",
        "completion": "\\boxed{174}",
        "target": "152",
        "correct": False,
        "own_target": 1,
        "flags": 2,
    }
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(own)))
    graded = json.loads(offdiag("grade", "base_addition", "base=8").out)
    assert (graded["target"], graded["correct"], graded["flags"]) == ("174", True, [])
    assert (graded["own_own_target"], graded["own_correct"], graded["own_flags"]) == ("152", False, 2)
    assert graded["own_target"] == 1


def test_data(offdiag: Offdiag, tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(f'{{"text": "{i}?", "label": "{i % 2}"}}\n' for i in range(20)))
    assert len(offdiag("data", "files", f"train={few}").out.splitlines()) == 4  # all that are held out
    lines = offdiag("data", "base_addition", "base=8", "--n", "3").out.splitlines()
    problems = offdiag("data", "base_addition", "base=8", "--n", "3", "--format", "text").out.split()
    assert [json.loads(line)["problem"] for line in lines] == problems
    described = json.loads(offdiag("data", "base_addition", "base=8", "--n", "3", "--describe", "--json").out)
    assert described["overlap"]["train"]["up_to_symmetry"] == 0


def test_a_description_for_people(offdiag: Offdiag) -> None:
    lines = offdiag("data", "easy_to_hard", "n_train=0", "--describe").out.splitlines()
    after = {line: lines[i + 1] for i, line in enumerate(lines[:-1])}
    assert after["measures"].split() == ["cut", "easy", "max", "hard", "min", "easy", "medium", "hard", "values"]
    (steps,) = [line.split() for line in lines if line.startswith("num_steps") and "fixed" in line]
    assert (int(steps[4]) + int(steps[5]) + int(steps[6]), steps[1]) == (1500, "fixed")
    assert after["characters"].split() == ["min", "median", "max"]


def test_doctor(offdiag: Offdiag, finished: Finished, tmp_path: Path) -> None:
    said = offdiag("doctor", "--model", finished.overrides["model"], "--store", finished.store, "--json")
    found = {finding["name"]: finding for finding in json.loads(said.out)}
    assert found["batch invariance"]["ok"] is True
    assert found["cache parity"]["ok"] is True
    wrong = offdiag("doctor", "--model", f"dir:{tmp_path}/none", "--store", finished.store)
    assert wrong.code == 1
    assert wrong.out.count("there is no folder") == 1
    assert "1 of " in wrong.out


def test_a_plan_tells_hours_and_by_what(offdiag: Offdiag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = ("plan", "base-thresholds", "--store", tmp_path / "store")
    plain = offdiag(*words).out
    assert "Time: not known" in plain
    assert [line for line in plain.splitlines() if len(line) > 80 and not line.startswith("Next: ")] == []
    told = offdiag(*words, "--on", "H100").out
    assert "of one worker, within a factor of 4; by the data sheet of H100" in " ".join(told.split())
    monkeypatch.setattr("offdiag.doctor.calibrate.ON_CPU", ((Decoder(width=16, depth=1), 2),))
    monkeypatch.setattr("offdiag.doctor.calibrate.SECONDS", 0.01)
    assert "weights train by" in offdiag("doctor", "--no-model", "--calibrate", "--device", "cpu").out
    assert "within a factor of 2; by steps that were timed on" in " ".join(offdiag(*words).out.split())


def test_the_verbs_in_python(finished: Finished, tmp_path: Path) -> None:
    plan = library.plan("base-addition", **finished.overrides)
    assert len(plan.cells) == 4
    assert library.run(plan, store=finished.store).planned == 0
    results = library.load(plan, store=finished.store)
    assert results.cells["state"].tolist() == ["done"] * 4
    assert len(results.records) == 16
    page = library.report(plan, store=finished.store, folder=tmp_path / "page")
    assert page == tmp_path / "page" / "index.html"
    assert "base-addition" in page.read_text(encoding="utf-8")
    for bad in ({"study": "nope"}, {"study": "base-addition", "scale": "nope"}, {"study": "base-addition", "nope": 1}):
        with pytest.raises(UserError):
            library.run(**bad, store=tmp_path / "store")
    with pytest.raises(UserError, match="n_eval=four should be a whole number"):
        library.plan("base-addition", n_eval="four")
    assert library.plan("base-addition", **finished.overrides | {"shots": (1, 2)}).params.shots == (1, 2)


def test_words_mean_methods_too_and_baselines_come_with_what_is_compared(
    offdiag: Offdiag, finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ("--store", finished.store)
    cells = {}
    for words in ("zero-shot", "in-context", "lora", "k1 step"):
        said = offdiag("status", *finished.words, *where, "-k", words, "--json")
        assert said.code == 0, said
        cells[words] = [step["name"] for step in json.loads(said.out) if step["kind"] == "cells"]
    assert all(name.startswith("tiny--") for name in cells["zero-shot"])
    for words in ("in-context", "lora", "k1 step"):
        chosen = [name for name in cells[words] if not name.startswith("tiny--")]
        assert chosen
        asked = {name.partition("--")[2] for name in chosen}
        assert {f"tiny--{one}" for one in asked} == set(cells[words]) - set(chosen)
    taught = [name for name in cells["lora"] if "lora" in name]
    said = offdiag("report", *finished.words, *where, "-k", "lora")
    assert said.code == 0, said
    assert "Steps that it still lacks" not in said.out
    (folder,) = Path("offdiag-report").iterdir()
    assert folder.name == "base-addition-quick-lora"
    table = pandas.read_csv(folder / "tables" / "cells.csv").set_index("cell")
    assert set(table.index) == set(cells["lora"])
    assert table.loc[taught, "difference"].notna().all()
    assert "-k lora" in (folder / "index.html").read_text()


@pytest.mark.parametrize(
    ("typed", "told"), [("zero_shot", "did you mean zero-shot?"), ("k77", "methods are zero-shot, ")]
)
def test_words_that_match_nothing_are_told_with_names_and_methods(
    mistake: Callable[..., str], finished: Finished, typed: str, told: str
) -> None:
    said = mistake("report", *finished.words, "-k", typed, "--store", finished.store)
    assert said.startswith(f"-k {typed!r} matches none of the ")
    assert told in said


def test_doctor_tries_no_model_if_it_is_told(offdiag: Offdiag, tmp_path: Path, mistake: Callable[..., str]) -> None:
    said = offdiag("doctor", "--no-model", "--store", tmp_path / "new", "--json")
    names = [finding["name"] for finding in json.loads(said.out)]
    assert "store" in names
    assert not [name for name in names if name == "model" or "answers" in name]
    assert "leave --model and --dtype out" in mistake("doctor", "--no-model", "--model", "hub:a/b")


def test_a_table_that_is_too_wide_leaves_out_what_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    from offdiag.cli.commands.plan import _columns

    rows = [{"steps": f"{n} answers", "trained": "0", "operations": "719 … 977 GFLOP"} for n in (4, 6)]
    assert _columns(rows) == ["steps", "trained", "operations"]
    monkeypatch.setenv("COLUMNS", "32")
    assert _columns(rows) == ["steps", "operations"]
    assert _columns([*rows, {**rows[0], "trained": "3 k"}]) == ["steps", "trained", "operations"]
