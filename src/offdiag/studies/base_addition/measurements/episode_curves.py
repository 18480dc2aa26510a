"""Measurement of accuracy after every number of demonstrations, for a model from scratch and an ideal observer."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from offdiag.errors import UserError
from offdiag.runtime import Runtime
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.measurement import Measurement
from offdiag.steps.pretrained import Pretrained
from offdiag.steps.step import Work
from offdiag.steps.weights import FROM_SCRATCH
from offdiag.studies.base_addition.episodes import Episodes, Trial, draw_trials, ideal_correct
from offdiag.studies.base_addition.episodes.episodes import add, encode
from offdiag.tasks import Scalar


class EpisodeCurves(Measurement):
    """Verdicts on one question after each number ``k`` of demonstrations, in ``n`` episodes of each base.

    Rows have ``base``, ``share`` (of the base in the stream), ``sequence``, ``k``, ``correct`` (is the model's most
    probable answer the sum in the episode's base?) and ``ideal`` (the same of the ideal observer on the same
    demonstrations and question, a chance where answers tie). What is asked is described at
    :class:`offdiag.studies.base_addition.episodes.Trial`; models of other shares and seeds are asked the same.

    Attributes:
        model: the step that trained the weights on a stream of episodes. n: sequences per base. seed: of the sequences.
    """

    tag: ClassVar[str] = "episode-curves"
    table: ClassVar[str] = "episodes"
    model: Pretrained
    n: int = Field(ge=1)
    seed: int = 0

    @field_validator("model")
    @classmethod
    def _of_episodes(cls, model: Pretrained) -> Pretrained:
        if not isinstance(model.stream, Episodes):
            raise UserError(f"episode curves of {model.name}: expected a model whose stream is made of episodes")
        return model

    @property
    def stream(self) -> Episodes:
        """The stream of the training, from which the questions come too."""
        assert isinstance(self.model.stream, Episodes)
        return self.model.stream

    @property
    def name(self) -> str:
        return f"curves.{self.model.name}.n{self.n}"

    @property
    def group(self) -> str:
        return FROM_SCRATCH

    def factors(self) -> Mapping[str, Scalar]:
        return {"shares": self.stream.label.partition(".")[2], "seed": self.model.seed}

    def cost(self, probe: CostProbe) -> CostLine:
        """A sequence of demonstrations per base, read with a question, all but its last token, after each number."""
        stream = self.stream
        tokens = stream.demonstrations * stream.width + stream.additions * (stream.width - 1)
        return probe.read(self, self.model.parameters, len(stream.bases) * self.n * tokens)

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        """Yield one row per base, sequence and k."""
        trials = draw_trials(self.stream, self.n, self.seed)
        weights = work.output(self.model) / "weights"
        for trial, verdicts in zip(trials, self.verdicts(trials, weights, work.runtime), strict=True):
            ideal = ideal_correct(self.stream, trial)
            shared = {"base": self.stream.bases[trial.truth], "share": self.stream.shares[trial.truth]}
            for sequence, k in np.ndindex(verdicts.shape):
                asked = {"sequence": sequence, "k": k, "correct": bool(verdicts[sequence, k])}
                yield {**shared, **asked, "ideal": float(ideal[sequence, k])}

    def verdicts(self, trials: list[Trial], weights: Path, runtime: Runtime) -> Iterator[NDArray[np.bool_]]:
        """Yield whether the greedy answer is right in all digits, ``[n, demonstrations + 1]`` per trial."""
        from offdiag.models.branches import predict_branches
        from offdiag.models.loading import load_model
        from offdiag.models.spec import ModelSpec

        stream = self.stream
        model = load_model(ModelSpec(source=f"dir:{weights}"), weights, runtime)
        bases = np.asarray(stream.bases)
        for trial in trials:
            told = encode(trial.left, trial.right, add(trial.left, trial.right, bases[trial.shown]))
            total = add(trial.asked_left, trial.asked_right, stream.bases[trial.truth])
            asked = encode(trial.asked_left, trial.asked_right, total)
            said = predict_branches(
                model,
                told.reshape(len(told), -1),
                asked[..., :-1],
                [k * stream.width for k in range(stream.additions)],
                token_budget=runtime.token_budget,
            )
            yield np.all(said[..., stream.question - 1 :] == total, axis=-1)
