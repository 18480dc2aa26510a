"""Methods of the study ``matrix`` by their names, each with the settings that its data set asks for.

zero-shot                   the model as it is
in-context:4                4 demonstrations; in-context:4:per-query, :balanced, :rationale, :turns and several of these
lora  full  qlora           fine-tuning on all training rows; lora:rationale teaches the worked solutions
linear-probe                a probe on hidden states; the answers need choices
policy-optimisation         group-relative policy optimisation (GRPO) with the grader as the reward (extra rl)
"""

from collections.abc import Sequence

from offdiag.errors import UserError, did_you_mean, some
from offdiag.matrix.data_sets import DataSet
from offdiag.methods import FineTuning, InContext, LinearProbe, Method, PolicyOptimisation, ZeroShot
from offdiag.tasks.files import FilesDomain
from offdiag.tasks.files.parts import part_of
from offdiag.training import Recipe
from offdiag.training.reinforcement import POLICY_RECIPE

NAMES = ("zero-shot", "in-context:K", "lora", "full", "qlora", "linear-probe", "policy-optimisation")
RATES = {"lora": 5e-4, "qlora": 5e-4, "full": 5e-5}
BATCH, ROWS = 8, 240  # few rows are seen again until these many were seen
_ADJECTIVES = ("per-query", "balanced", "rationale", "turns")


def check_names(names: Sequence[str]) -> None:
    """Refuse what names no method.

    Raises:
        UserError: one does.
    """
    for name in names:
        base, words = _parts(name)
        allowed = _ADJECTIVES if base == "in-context" else ("rationale",) if base in RATES else ()
        numbers = [word for word in words if word.isdecimal() and int(word) > 0]
        known = base in (*RATES, "zero-shot", "in-context", "linear-probe", "policy-optimisation")
        wrong = [word for word in words if word not in allowed and not (base == "in-context" and word in numbers)]
        if not known:
            near = did_you_mean(base, [known.partition(":")[0] for known in NAMES])
            raise UserError(f"--methods {name!r}: {near}there are {', '.join(NAMES)}")
        if base == "in-context" and len(numbers) != 1:
            raise UserError(f"--methods {name!r}: expected one number of demonstrations, such as in-context:4")
        if wrong:
            near = did_you_mean(wrong[0], allowed)
            may = f"{near}behind {base} may stand {', '.join(allowed)}" if allowed else f"nothing stands behind {base}"
            raise UserError(f"--methods {name!r}: found {wrong[0]!r}; {may}")


def learner(name: str, data: DataSet, pools: Sequence[FilesDomain], epochs: int | None = None) -> Method:
    """Return the method of that name for a data set that is taught.

    ``pools`` are for probes, ``epochs`` for fine-tuning.

    Raises:
        UserError: the data set has fewer rows than demonstrations, or no worked solutions to show or teach.
    """
    base, words = _parts(name)
    n, rationale = data.n_train, "rationale" in words
    if rationale and not part_of(data.domain, "train").items.rationales:
        raise UserError(f"{name}: {data.domain} has no worked solutions: name their column with --rationale")
    match base:
        case "zero-shot":
            return ZeroShot()
        case "in-context":
            k = int(next(word for word in words if word.isdecimal()))
            if k > n:
                raise UserError(
                    f"{name}: {data.domain} has {some(n, 'training row')}: ask for {some(n, 'demonstration')} or fewer"
                )
            drawn = "per-query" if "per-query" in words else "fixed"
            how = {"balanced": "balanced" in words, "turns": "turns" in words}
            return InContext(k=k, rationale=rationale, demonstrations=drawn, **how)
        case "linear-probe":
            return LinearProbe(n=n, pools=tuple(pools))
        case "policy-optimisation":
            return PolicyOptimisation(n=n, style="direct", recipe=POLICY_RECIPE)
    return FineTuning(n=n, rationale=rationale, recipe=recipe_for(base, n, epochs))


def recipe_for(adapter: str, n: int, epochs: int | None = None) -> Recipe:
    """Return a recipe for so many rows: 240 are seen at least if ``epochs`` is None; a tenth of the updates warm up."""
    passes = epochs or max(1, -(-ROWS // n))
    plain = Recipe.model_validate({"adapter": adapter, "learning_rate": RATES[adapter], "batch_size": BATCH,
                                   "epochs": passes, "warmup_updates": 0})  # fmt: skip
    return plain.model_copy(update={"warmup_updates": plain.updates(n) // 10})


def pools_of(data: Sequence[DataSet]) -> list[FilesDomain]:
    """Return domains whose evaluation splits have all rows of all sources, for probes."""
    return [
        one.domain.model_copy(update={"train": "", "eval": text, "without": (), "labels": _labels(one)})
        for one in data
        for text in (one.domain.train, one.domain.eval)
        if text
    ]


def _labels(data: DataSet) -> tuple[str, ...]:
    """Return the fixed set of answers, which the rows of one source alone might not show."""
    return part_of(data.domain, "train" if data.domain.train else "eval").labels


def _parts(name: str) -> tuple[str, list[str]]:
    base, *words = name.strip().split(":")
    return base, words
