"""``offdiag matrix``: plan, run and report a train x eval matrix of your own data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast
from unicodedata import category

import typer

from offdiag.cli.data_remarks import overlaps, remarks_by_domain
from offdiag.cli.options import (
    AtOnce,
    DeviceName,
    MostRequests,
    Prices,
    StoreFolder,
    Timeout,
    Tracker,
    check_device,
    check_workers,
)
from offdiag.cli.tables import say
from offdiag.errors import UserError, complaints, some
from offdiag.places import at_home, in_the_way
from offdiag.runtime import Requests, Runtime

if TYPE_CHECKING:
    from offdiag.matrix.data_sets import DataSet
    from offdiag.matrix.params import MatrixParams
    from offdiag.planning import Plan
    from offdiag.store import Store

# Options that take several words: --train a.jsonl b.jsonl
SEVERAL = (
    *("--train", "--eval", "--model", "--strata", "--labels", "--score"),
    *("--prompt", "--target", "--choices", "--rationale", "--id"),
)
_OPTIONS = {"models": "model", "scores": "score"}  # of parameters that are called otherwise


def _methods(incomplete: str) -> list[str]:
    """Return the lines that go on with the name of a method, after those that are there."""
    from offdiag.matrix.learners import NAMES

    before, comma, begun = incomplete.rpartition(",")
    return [f"{before}{comma}{name.partition(':K')[0]}" for name in NAMES if name.startswith(begun)]


def _graders(incomplete: str) -> list[str]:
    from offdiag.tasks.files.named_graders import GRADERS

    return [name for name in GRADERS if name.startswith(incomplete)]


def matrix(
    train: Annotated[list[str] | None, typer.Option(metavar="FILE ...", help="Data sets to teach.")] = None,
    asked: Annotated[
        list[str] | None, typer.Option("--eval", metavar="FILE ...", help="Data sets to ask [a part of --train].")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="MODEL ...", help="Such as hub:org/name or dir:path.")
    ] = None,
    methods: Annotated[
        str, typer.Option(metavar="A,B", help="zero-shot, in-context:K (or :K:turns and the like), lora, full, qlora, "
                          "linear-probe, policy-optimisation.", autocompletion=_methods)
    ] = "zero-shot,in-context:4,lora",
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Runs of each method that learns.")] = 1,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of fine-tuning [until it has seen 240 rows].")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN ...", help='A column, or a template such as "{a} or {b}?"; of '
                                       "one file FILE=COLUMN, and so for the other parts of a row.")
    ] = None,
    target: Annotated[list[str] | None, typer.Option(metavar="COLUMN ...", help="The right answer.")] = None,
    choices: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN ...", help="Lists of choices, or columns with | between.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option(metavar="A B ...", help="A fixed set of answers, or auto.")
    ] = None,
    rationale: Annotated[list[str] | None, typer.Option(metavar="COLUMN ...", help="A worked solution.")] = None,
    row_id: Annotated[
        list[str] | None, typer.Option("--id", metavar="COLUMN ...", help="An id of each row.")
    ] = None,
    strata: Annotated[list[str] | None, typer.Option(metavar="COLUMN ...", help="To split results by.")] = None,
    grader: Annotated[
        str, typer.Option(metavar="NAME", help="exact, choice, number, regex:…, contains, span, f1, rouge, judge, or "
                          "my_file.py:name.", autocompletion=_graders)
    ] = "auto",
    temperature: Annotated[float, typer.Option(metavar="T", help="Of sampled answers; 0 takes the likeliest.")] = 0.0,
    top_p: Annotated[float, typer.Option(metavar="P", help="Draw from the likeliest tokens of this share.")] = 1.0,
    top_k: Annotated[int, typer.Option(metavar="K", help="Draw from so many of the likeliest tokens.")] = 0,
    samples: Annotated[int, typer.Option(metavar="N", help="Sampled answers to each row.")] = 1,
    sampling_seed: Annotated[int, typer.Option(metavar="N", help="Of the random streams.")] = 0,
    score: Annotated[
        list[str] | None, typer.Option(metavar="A B ...", help="mean, pass@K and majority, each a column.")
    ] = None,
    judge: Annotated[str | None, typer.Option(metavar="MODEL", help="The model of --grader judge.")] = None,
    judge_template: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its question, with {question}, {target}, {answer}.")
    ] = None,
    judge_scale: Annotated[str, typer.Option(metavar="1-5", help="It gives numbers [yes or no].")] = "",
    answering: Annotated[
        Literal["auto", "generation", "choice"], typer.Option(help="Written answers, or the likeliest choice.")
    ] = "auto",
    answer: Annotated[Literal["text", "letter"], typer.Option(help="Of a choice: its text or its letter.")] = "text",
    lead: Annotated[str, typer.Option(metavar="TEXT", help='Last line of a prompt ["Answer:"].')] = "auto",
    system: Annotated[str, typer.Option(metavar="TEXT", help="A system turn before each prompt.")] = "",
    holdout: Annotated[float, typer.Option(metavar="SHARE", help="Of --train, to test without --eval.")] = 0.2,
    n_train: Annotated[int | None, typer.Option(min=1, metavar="N", help="Rows to teach at most.")] = None,
    n_eval: Annotated[int | None, typer.Option(min=1, metavar="N", help="Rows to ask at most.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, metavar="N", help="Of a written answer.")] = None,
    drop_overlap: Annotated[bool, typer.Option("--drop-overlap", help="Ask no row that is taught.")] = False,
    skip_empty: Annotated[bool, typer.Option("--skip-empty", help="Leave rows without a target out.")] = False,
    save: Annotated[Path | None, typer.Option(metavar="FILE.py", help="Write it as a study, and run nothing.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show prompts and the plan, and run nothing.")] = False,
    store: StoreFolder = None,
    folder: Annotated[
        Path | None, typer.Option("--to", "-o", metavar="FOLDER", help="Folder of the report [offdiag-report/matrix].")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes that share the cores.")] = 1,
    device: DeviceName = "auto", at_once: AtOnce = 8, requests: MostRequests = None, timeout: Timeout = 120.0,
    price: Prices = None, track: Tracker = None,
) -> int:  # fmt: skip
    """Teach and ask your own data, each on each, and write the page.

    Data are files (.jsonl, .json, .csv, .tsv, .parquet), folders saved by datasets, or hub:org/name#split;
    NAME=FILE gives one a name, and those of one name make a cell of the diagonal.
    """
    from offdiag.api import open_store
    from offdiag.cli.rehearsal import rehearse
    from offdiag.cost import parse_prices
    from offdiag.matrix.data_sets import data_sets
    from offdiag.planning import make_plan
    from offdiag.study_files import load_study

    given: dict[str, Any] = {
        "train": train, "eval": asked, "models": model, "methods": list(filter(None, methods.split(","))),
        "seeds": seeds, "epochs": epochs, "labels": labels,
        "strata": strata, "grader": grader, "answering": answering,
        "answer": answer, "lead": lead, "temperature": temperature, "top_p": top_p, "top_k": top_k, "samples": samples,
        "sampling_seed": sampling_seed, "scores": score, "judge": judge, "judge_scale": judge_scale,
        "judge_template": None if judge_template is None else _text(judge_template),
        "system": system, "holdout": holdout, "n_train": n_train, "n_eval": n_eval, "max_new_tokens": max_new_tokens,
        "drop_overlap": drop_overlap, "empty": "skip" if skip_empty else "refuse",
        **_columns({"prompt": prompt, "target": target, "choices": choices, "rationale": rationale, "id": row_id}),
    }  # fmt: skip
    prices = parse_prices(price or ())
    if prices and not dry_run:
        raise UserError("--price is for the plan that --dry-run shows: type that, too, or leave it out")
    wanted = make_plan(load_study("matrix"), "quick", _set(given))
    params = cast("MatrixParams", wanted.params)
    data, place = data_sets(params), open_store(store)
    _say_data(data, wanted)
    if save is not None:
        return _save(params, data, save)
    if folder is not None and (file := in_the_way(folder)) is not None:
        what = "it" if file == folder else file
        raise UserError(f"--to {folder}: {what} is a file, and a report is a folder: give another place")
    check_workers(workers)
    wanted.check()
    if dry_run:
        rehearse(wanted, data, place, prices)
        return 0
    runtime = Runtime(
        device=device, fill_memory=True, requests=Requests(at_once=at_once, most=requests, timeout=timeout)
    )
    return _run(wanted, place, workers, runtime, folder, track)


def _columns(given: Mapping[str, Sequence[str] | None]) -> dict[str, Any]:
    """Return the columns of all files by their parts, and those of single files, typed as ``FILE=COLUMN``.

    A template may have an equals sign, and a file's name has no brace.

    Raises:
        UserError: two columns are for all files.
    """
    common: dict[str, str] = {}
    own = []
    for part, words in given.items():
        for word in words or ():
            file, equals, column = word.partition("=")
            if equals and file and column and "{" not in file:
                own.append(f"{file}:{part}={column}")
            elif part in common:
                raise UserError(
                    f"--{part}: {common[part]} and {word} are both for all files: type one, and FILE=COLUMN for a file "
                    "that has another"
                )
            else:
                common[part] = word
    return {**common, "columns": own}


def _set(given: Mapping[str, Any]) -> dict[str, object]:
    """Return the parameters that are not at their defaults."""
    from pydantic import ValidationError

    from offdiag.matrix.params import MatrixParams

    try:
        params = MatrixParams.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise UserError(complaints(error, {name: _OPTIONS.get(name, name) for name in given})) from None
    plain, said = MatrixParams().model_dump(mode="json"), params.model_dump(mode="json")
    found = {name: value for name, value in said.items() if value != plain[name]}
    if "judge" in found:
        found["judge"] = found["judge"]["source"]
    return {**found, **({"models": [spec["source"] for spec in found["models"]]} if "models" in found else {})}


def _text(path: Path) -> str:
    from offdiag.files import TextFile

    return TextFile.at(at_home(path)).read().strip()


def _say_data(data: "Sequence[DataSet]", wanted: "Plan") -> None:
    """Say of each data set what was read and guessed and stands out, and what has no cell on the diagonal."""
    p, remarks = cast("MatrixParams", wanted.params), remarks_by_domain(wanted)
    for one in data:
        domain = one.domain
        part = " (a part of it)" if domain.train and not domain.eval and one.n_eval else ""
        rows = [f"{some(one.n_train, 'row', 'rows')} to teach from {domain.train}"] if one.n_train else []
        asked = f"{some(one.n_eval, 'row', 'rows')} to ask from {domain.eval or domain.train}{part}"
        rows += [asked] if one.n_eval else []
        say(f"{domain}: {', '.join(rows)}", *(f"  {text}" for text in (*one.said, *remarks.get(str(domain), ()))))
    for line in overlaps(wanted):
        say(line)
    if p.train and p.eval and not any(one.n_train and one.n_eval for one in data):
        taught, asked = (next(text for d in data if (text := getattr(d.domain, role))) for role in ("train", "eval"))
        say("No file that is asked is called like one that is taught, so nothing is on the diagonal: name pairs, such "
            f"as --train one={taught} --eval one={asked}")  # fmt: skip


def _save(params: "MatrixParams", data: "Sequence[DataSet]", place: Path) -> int:
    from offdiag.matrix.saved import source_of_study

    if place.suffix != ".py":
        raise UserError(f"--save {place}: expected the name of a Python file, such as my_study.py")
    if any(category(character) in ("Cc", "Cs") for character in str(place)):
        raise UserError(
            f"--save {str(place)!r}: a study names its file, in one line of UTF-8: give a name without such characters"
        )
    if place.exists():
        raise UserError(f"--save {place}: it is there already: give another name, or remove it")
    if not place.absolute().parent.is_dir():
        raise UserError(f"--save {place}: there is no folder {place.parent}: make it, or give another place")
    place.write_text(source_of_study(params, data, place), encoding="utf-8")
    say(f"{place} has this matrix as a study. Next: offdiag run {quote(str(place))}")
    return 0


def _run(wanted: "Plan", place: "Store", workers: int, runtime: Runtime, folder: Path | None, track: str | None) -> int:
    from offdiag.api import make_report
    from offdiag.cli.commands.run import say_counts
    from offdiag.cli.matrix_table import show_matrix
    from offdiag.engine import Silent, run_plan
    from offdiag.live import saying, watcher_for
    from offdiag.trackers import with_tracker

    check_device(runtime.device)
    survey = wanted.survey(place)
    pending = [state.step for state in survey if state.needed]
    summary = None
    if not pending:
        with with_tracker(track, wanted, place, say, Silent()):
            pass  # what is done and not logged yet
    else:
        with (
            watcher_for(pending, workers=workers) as watcher,
            with_tracker(track, wanted, place, watcher.say, watcher) as told,
        ):
            summary = run_plan(wanted, place, runtime, workers=workers, watcher=told, survey=survey)
    with saying("writing the report"):
        made = make_report(wanted, place, folder or Path("offdiag-report") / "matrix")
    say()
    show_matrix(made.results)
    if summary is not None:
        say_counts(summary, watcher)
    say("", f"Page: {made.page}")
    return 0 if summary is None or summary.complete else 1
