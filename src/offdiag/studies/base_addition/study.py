"""The study base-addition: sums in base 8, 9 and 10, shown in demonstrations or learnt by fine-tuning."""

from importlib.resources import files

from offdiag.methods import ZeroShot
from offdiag.published import read_published
from offdiag.studies.base_addition.exports.result_lines import ResultLines
from offdiag.studies.base_addition.grid import anchorings, cells, histories
from offdiag.studies.base_addition.outputs import analyses, figures
from offdiag.studies.base_addition.params import CPU, PAPER, QUICK, AdditionParams
from offdiag.study import Design, study

__all__ = ["PUBLISHED", "AdditionParams", "base_addition"]

# What others measured on these sums; docs/studies/base-addition.md says how the numbers were obtained.
PUBLISHED = read_published(files("offdiag.studies.base_addition") / "published.csv")


@study("base-addition", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def base_addition(p: AdditionParams) -> Design:
    """Adding in base 8, 9 and 10: what demonstrations anchor and what fine-tuning transfers.

    The claim: a pretrained model that is shown k worked sums jumps from failing to solving at a threshold k that is
    the lower the better the base is anchored in its pre-training, so 10 before 8 before 9. Figure k-shot tests it.

    Fine-tuning on one base teaches that base and little else: the gain is on the diagonal, other bases and longer
    numbers gain less or lose. Figures transfer-bases and transfer-digits test it, against the untuned model on the
    same items and prompts; the counting control tells whether a tuned model forgot the numerals themselves.
    """
    asked = cells(p)
    return Design(
        cells=asked,
        measurements=(*anchorings(p), *histories(p, asked)),
        baseline=ZeroShot(),
        analyses=analyses(p, asked),
        figures=figures(p, asked),
        published=PUBLISHED,
        exports=(ResultLines(),),
    )
