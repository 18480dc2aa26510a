"""Write stored_identities.json: for each scale of each built-in study, how many steps of each kind and their hash.

Run it only when an identity changes on purpose, with OFFDIAG_DATA at the folder of the real data sets, and say in
the CHANGELOG which results become stale and why.
"""

import hashlib
import json
from pathlib import Path

from offdiag.planning import Plan, make_plan
from offdiag.study_files import STUDIES, load_study

FILE = Path(__file__).with_name("stored_identities.json")
NEED_DATA = tuple(
    f"{study} {scale}" for study in ("easy-to-hard", "item-hardness", "hidden-states") for scale in ("cpu", "paper")
)


def summary(plan: Plan) -> dict[str, str]:
    """By kind of step: the number of steps and a hash of their sorted folder names and fingerprints."""
    by_kind: dict[str, list[str]] = {}
    for step in plan.steps:
        by_kind.setdefault(step.kind, []).append(f"{step.folder_name} {step.fingerprint}")
    return {
        kind: f"{len(found)} steps {hashlib.sha256(' '.join(sorted(found)).encode()).hexdigest()[:24]}"
        for kind, found in sorted(by_kind.items())
    }


def scales() -> list[str]:
    """Every study and scale, as ``study scale``; at scale cpu with fixed data seeds, too, as in older stores.

    The world map had two seeds at that scale: their steps are still those of the first two.
    """
    names = [name for name in STUDIES.names() if name != "matrix"]  # whose data are anybody's own
    planned = [f"{name} {scale}" for name in names for scale in load_study(name).scales]
    varied = [name for name in names if hasattr(load_study(name).scales["cpu"], "data_seeds")]
    two = [name for name in names if hasattr(load_study(name).scales["cpu"], "widths")]
    older = [f"{name} cpu data_seeds=fixed{' seeds=0,1' if name in two else ''}" for name in varied]
    return planned + older + [f"{name} cpu seeds=0,1" for name in two]


def summary_of(planned: str) -> dict[str, str]:
    """The summary of ``study scale``, or of ``study scale name=value``."""
    study, scale, *sets = planned.split()
    return summary(make_plan(load_study(study), scale, dict(pair.split("=") for pair in sets)))


if __name__ == "__main__":
    FILE.write_text(json.dumps({planned: summary_of(planned) for planned in scales()}, indent=1) + "\n")
