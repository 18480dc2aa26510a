"""``offdiag status``: list the state of each step of a study in the store."""

from offdiag.cli.options import AsJson, Keyword, Scale, Sets, StoreFolder, StudyName, planned
from offdiag.cli.tables import say, show_json, show_table


def status(
    study: StudyName,
    scale: Scale = "quick",
    sets: Sets = None,
    keyword: Keyword = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """List the steps: the state of each, its folder, and why.

    States: done, busy (another process works on it), failed, damaged (a file is not what it was when the step was
    finished; run does it again), stale (a finished step of this name has another identity), missing. The folder is the
    step's place below the store.
    """
    from offdiag.api import open_store
    from offdiag.gather import gather

    results = gather(planned(study, scale, sets, keyword), open_store(store))
    if as_json:
        show_json(results.steps.to_dict(orient="records"))
        return
    rows = results.steps[["state", "folder", "note"]].values.tolist()
    show_table(f"{results.study} · {results.scale}", ["state", "step", "note"], rows, prose=["note"])
    lacking = ", ".join(f"{n} {state}" for state, n in results.lacking().items())
    say("", f"Still to be done: {lacking}." if lacking else "Everything is done.")
