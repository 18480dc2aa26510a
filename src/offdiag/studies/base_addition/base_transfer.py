"""The study base-transfer: small models learn sums from nothing, are fine-tuned on one base, and are asked all."""

from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import product
from typing import Literal, Self

from pydantic import Field, model_validator

from offdiag.analyses.changes import Changes
from offdiag.analyses.selection import Where
from offdiag.errors import UserError
from offdiag.figures import StudyFigure, Transfer
from offdiag.methods import MixtureTuning, PreTraining
from offdiag.models import ModelSpec
from offdiag.parameters import check_lists
from offdiag.published import Published, read_published
from offdiag.studies.base_addition.written_sums import SumStream, WrittenDomain, longest
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.tasks.stream import StreamPart
from offdiag.training import Decoder, PretrainingRecipe

MODEL = ModelSpec(source="scratch:decoder")


class TransferParams(StudyParams):
    """Parameters of base-transfer: what is learnt first, what then, and what is asked.

    Attributes:
        first: what pre-training draws from: bases, lengths and kinds of lines, each with its share.
        decoder, pretraining: the model, and the recipe of its pre-training.
        tuning, n_train: recipe and number of sums of a fine-tuning.
        tuned_bases: one fine-tuning each (mixed: ``8x1+9x1``).
        lines: bare sums or worked columns, one fine-tuning each.
        tuned_digits: lengths of the taught operands, one fine-tuning each (mixed: ``2x1+3x1``).
        bases, digits: what is asked: every base with two digits, and the taught ones with each length.
        seeds: of trainings and of the sums that they are taught. n_eval: sums asked of each kind.
    """

    first: WrittenDomain = WrittenDomain(base="8x2+9x2+10x96", digits="2x2+3x1", lines="both")
    decoder: Decoder = Decoder(architecture="gpt2", width=96, depth=3, heads=4, expansion=4, initial_std=0.05)
    pretraining: PretrainingRecipe = PretrainingRecipe(updates=900, batch_size=64)
    tuning: PretrainingRecipe = PretrainingRecipe(updates=63, batch_size=16, learning_rate=1e-3, schedule="linear")
    n_train: int = Field(default=1000, ge=1)
    tuned_bases: tuple[int | str, ...] = (8, 9, 10)
    tuned_digits: tuple[int | str, ...] = (2,)
    lines: tuple[Literal["bare", "worked"], ...] = ("bare", "worked")
    bases: tuple[int, ...] = (8, 9, 10)
    digits: tuple[int, ...] = (2, 3)
    seeds: tuple[int, ...] = (0, 1)
    n_eval: int = Field(default=250, ge=1, le=1000)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        """Refuse, with a UserError, lists that have a value twice."""
        check_lists(self)
        return self


QUICK = TransferParams(n_eval=120)
CPU = TransferParams(
    pretraining=PretrainingRecipe(updates=2700, batch_size=64), seeds=(0, 1, 2, 3, 4), n_eval=500,
)  # fmt: skip
PAPER = TransferParams(
    first=WrittenDomain(base="8x2+9x1+10x97", digits="2x1+3x1+4x1", lines="both"),
    decoder=Decoder(architecture="gpt2", width=512, depth=8, heads=8, expansion=4, initial_std=0.02),
    pretraining=PretrainingRecipe(updates=20_000, batch_size=256, learning_rate=5e-4),
    digits=(2, 3, 4), seeds=(0, 1, 2, 3, 4), n_eval=1000,
)  # fmt: skip


def _as_here(number: Published) -> Published:
    """Return a published number of a fine-tuned model with the factors that it has in this study."""
    where = {**number.where, "task": "written_sums", "method": "mixture-tuning"}
    where["train_lines"] = "worked" if where.pop("rationale") else "bare"
    where.pop("prompt", None)
    return number.model_copy(update={"where": where})


# What others published of fine-tuning on one base; how the numbers were obtained, docs/studies/base-addition.md says.
PUBLISHED = tuple(
    _as_here(number)
    for number in read_published(files("offdiag.studies.base_addition") / "published.csv")
    if number.where.get("method") == "fine-tuning"
)


def start(p: TransferParams, seed: int) -> Arm:
    """Return the pre-trained model of a seed."""
    return Arm(
        model=MODEL, method=PreTraining(decoder=p.decoder, recipe=p.pretraining), train=p.first, seed=seed
    )  # fmt: skip


def cells(p: TransferParams) -> tuple[Cell, ...]:
    """Return the cells: each model with what it is asked, and the pre-trained one with all of that."""
    tuned = [Cell(arm=arm, evaluation=asked) for arm in _tuned(p) for asked in _asked(p, arm.train)]
    evaluations = dict.fromkeys(cell.evaluation for cell in tuned)
    _check_lengths(p, [cell.evaluation.domain for cell in tuned])
    first = [Cell(arm=start(p, seed), evaluation=asked) for seed in p.seeds for asked in evaluations]
    return (*first, *tuned)


def _check_lengths(p: TransferParams, asked: Iterable[object]) -> None:
    """Refuse lines that are longer than what pre-training has, and with it the model's context."""
    room = SumStream(parts=(StreamPart(domain=p.first),)).columns
    for domain in asked:
        assert isinstance(domain, WrittenDomain)
        if 2 + sum(longest(domain)) > room:
            raise UserError(f"{domain} has lines of {2 + sum(longest(domain))} tokens, pre-training at most {room}: "
                            "ask shorter sums (digits=), or add their length to first.digits")  # fmt: skip


def _tuned(p: TransferParams) -> Iterator[Arm]:
    """Yield the fine-tuned models: one per seed, base, length and kind of line."""
    method = MixtureTuning(rows=p.n_train, recipe=p.tuning, data_seed=None)
    for seed, base, digits, lines in product(p.seeds, p.tuned_bases, p.tuned_digits, p.lines):
        taught = WrittenDomain(base=base, digits=digits, lines=lines)
        yield Arm(model=MODEL, method=method, train=taught, seed=seed, init_from=start(p, seed))


def _asked(p: TransferParams, taught: object) -> Iterator[Evaluation]:
    """Yield what a fine-tuned model is asked, in the kind of line that it was taught."""
    assert isinstance(taught, WrittenDomain)
    bases = [part.sums.base for base in p.tuned_bases for part, _ in WrittenDomain(base=base).parts]
    kinds = [(base, 2) for base in (*p.bases, *bases)]
    kinds += [(part.sums.base, digits) for part, _ in taught.parts for digits in p.digits if digits != 2]
    kinds += [(part.sums.base, part.sums.digits) for part, _ in taught.parts]  # the diagonal, whatever else is asked
    for base, digits in dict.fromkeys(kinds):
        domain = WrittenDomain(base=base, digits=digits, lines=taught.lines)
        yield Evaluation(domain=domain, n=p.n_eval, max_new_tokens=longest(domain)[1] + 1)  # and the end


def figures(p: TransferParams) -> tuple[StudyFigure, ...]:
    """Return the figures: what changes by base, and by length in the taught base."""
    if not (p.tuned_bases and p.tuned_digits and p.lines and p.seeds):
        return ()
    drawn = []
    for digits in p.tuned_digits:
        name = "" if len(p.tuned_digits) == 1 else f"-taught-{digits}".replace("+", "-")
        here = {"method": "mixture-tuning", "panels": "train_base", "bars": "train_lines"}
        taught = {"train_digits": digits}
        drawn.append(
            Transfer(
                name=f"transfer-bases{name}", x="eval_base", where={"eval_digits": 2, **taught}, **here,
                caption="Change by fine-tuning on one base, by the base that is asked (2 digits).",
            )
        )  # fmt: skip
        if len(p.digits) > 1:
            drawn += [Transfer(name=f"transfer-digits{name}{of}", x="eval_digits", where={**taught, **where},
                               match_on=match_on, caption=f"Change by fine-tuning, by length, in {base}.", **here)
                      for of, where, match_on, base in _lengths(p)]  # fmt: skip
    return tuple(drawn)


def _lengths(p: TransferParams) -> Iterator[tuple[str, Where, tuple[str, ...], str]]:
    """Yield, per figure by length, an end of its name, its cells, what they agree on, and whose base it is about.

    Models of one taught base are drawn together; one of a mixture is drawn for each of its bases.
    """
    mixed = [base for base in p.tuned_bases if len(WrittenDomain(base=base).parts) > 1]
    if len(mixed) < len(p.tuned_bases):
        yield "", {}, ("base",), "the taught base"
    for base in mixed:
        for part, _ in WrittenDomain(base=base).parts:
            asked: Where = {"train_base": base, "eval_base": part.sums.base}
            end = f"-{base}-in-{part.sums.base}".replace("+", "-")
            yield end, asked, (), f"base {part.sums.base}, of a mixture"


CHANGES = Changes(
    name="changes", method="mixture-tuning",
    by=("train_base", "train_digits", "train_lines", "eval_base", "eval_digits"),
    caption="Accuracy before and after fine-tuning, and the change, by base and length.",
)  # fmt: skip


@study("base-transfer", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def base_transfer(p: TransferParams) -> Design:
    """Transfer under control: small models that know three bases are fine-tuned on one, and asked all.

    The claim: fine-tuning on 1,000 sums of one base teaches that base and little else. A model that has learnt bases 8
    and 9 rarely and base 10 often gains in the base that it is taught, and loses in the others: figure transfer-bases
    tests it, against the same model before its fine-tuning, on the same sums. Figure transfer-digits shows what becomes
    of longer numbers of the taught base, which pre-training holds already: not whether columns carry over to lengths
    that were never met.
    """
    return Design(
        cells=cells(p),
        baseline=PreTraining(decoder=p.decoder, recipe=p.pretraining),
        analyses=(CHANGES,),
        figures=figures(p),
        published=PUBLISHED,
    )
