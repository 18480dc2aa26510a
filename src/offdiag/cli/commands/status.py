"""``offdiag status``: list the state of each step of a study in the store."""

from collections import Counter

from offdiag.cli.options import AsJson, Keyword, Scale, Sets, StoreFolder, StudyName, Versions, planned
from offdiag.cli.tables import say, show_json, show_table


def status(
    study: StudyName,
    scale: Scale = "quick",
    sets: Sets = None,
    keyword: Keyword = None,
    store: StoreFolder = None,
    versions: Versions = "accept",
    as_json: AsJson = False,
) -> None:
    """List the steps: the state of each, its folder, and why.

    States: done, busy (the note says who works on it), failed, damaged (a file is not what it was when the step was
    finished; run does it again), stale (a finished step of this name has another identity, or --versions stale
    and it was made with other versions), missing. The folder is the
    step's place below the store.
    """
    from offdiag.api import open_store

    plan, place = planned(study, scale, sets, keyword), open_store(store, versions)
    survey = plan.survey(place, closely=True)
    rows = [state.row(place) for state in survey]
    if as_json:
        show_json(rows)
        return
    columns = [[row["state"], row["folder"], row["note"]] for row in rows]
    show_table(f"{plan.study.name} · {plan.scale}", ["state", "step", "note"], columns, prose=["note"])
    counts = Counter(state.word for state in survey if state.word not in ("done", "not needed"))
    lacking = ", ".join(f"{n} {state}" for state, n in counts.most_common())
    say("", f"Still to be done: {lacking}." if lacking else "Everything is done.")
