"""Linear probe: the model stays as it is; a weight vector on its hidden states is trained to choose the answer.

As in Hase et al. (2024, arXiv 2401.06751): each choice is read as the reply to its question, the states of its last
token in the middle and the last layer are the features, and the softmax of their scores over the choices is trained.
"""

from functools import lru_cache
from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.methods.method import Method, Predictor
from offdiag.steps import Examples, HiddenStates, Probe, ProbeFits, ProbeGrid, ProbeTrainingSet, Weights
from offdiag.steps.hidden_states import Layer
from offdiag.tasks import Domain, PromptStyle, Scalar, get_task


class LinearProbe(Method):
    """A probe trained on ``n`` examples of the training domain; it chooses, so evaluations need ``answering="choice"``.

    Attributes:
        n: training examples. noise: share of them whose label is drawn anew among all choices.
        pools: domains whose evaluation splits contain, in the same words, every training and test set; the model
            encodes them once for all probes.
        needed: all that the probes of a study train on and are asked. In float32 the model encodes these questions of
            the pools alone; in 16 bits all, since there a state moves with its batch. It does not change the result.
        beside: training sets that are fitted in one solve, this one among them; by default this one alone. It does not
            change the result.
        layers, l2: see :class:`offdiag.steps.HiddenStates` and :class:`offdiag.steps.probe_fits.ProbeFits`.
        style: wording of the questions.
    """

    tag: ClassVar[str] = "linear-probe"
    method: ClassVar[str] = "linear-probe"
    n: int = Field(ge=1)
    noise: float = Field(default=0.0, ge=0, le=1)
    pools: tuple[Domain, ...] = Field(min_length=1)
    needed: tuple[Examples, ...] = ()
    beside: ProbeGrid | None = None
    layers: tuple[Layer, ...] = ("middle", "last")
    l2: float = Field(default=1.0, gt=0)
    style: PromptStyle = "direct"

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        if train is None:
            raise UserError("a linear probe needs a training domain: set train=")
        needed = self.needed if model.spec.holds_alone else ()
        states = tuple(
            HiddenStates(weights=model, examples=_whole(pool), style=self.style, layers=self.layers, needed=needed)
            for pool in self.pools
        )
        training_set = ProbeTrainingSet(train=train, n=self.n, noise=self.noise, seed=seed)
        grid = self.beside or ProbeGrid.of(training_set)
        fits = _fits((*(s.fingerprint for s in states), grid.fingerprint), states, grid, self.style, self.l2)
        fits.grid.place(training_set)
        return Predictor(model, probe=Probe(fits=fits, training_set=training_set))

    @property
    def taught_style(self) -> PromptStyle:
        return self.style

    def factors(self) -> dict[str, Scalar]:
        return {"n_train": self.n, "noise": self.noise, "layers": "+".join(self.layers)}


def _whole(pool: Domain) -> Examples:
    """Return all examples of the evaluation split of a domain."""
    n = get_task(pool.task).size(pool, "eval")
    if n is None:
        raise UserError(f"linear probe: {pool} never runs out, so not all of it can be encoded: name a finite pool")
    return Examples(domain=pool, split="eval", n=n)


@lru_cache(maxsize=16)
def _fits(
    content: tuple[str, ...], states: tuple[HiddenStates, ...], grid: ProbeGrid, style: PromptStyle, l2: float
) -> ProbeFits:
    """Return one step for all the probes of a grid, so that its long identity is computed once.

    ``content``, the fingerprints of ``states`` and ``grid``, makes a new step if the data have changed.
    """
    return ProbeFits(states=states, grid=grid, style=style, l2=l2)
