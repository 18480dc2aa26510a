"""Collect the cost that each step of a plan states (``Step.cost``), and the notes on what is not counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from offdiag.cost.inference import InferenceCost
from offdiag.cost.memory import Memory
from offdiag.cost.prompt_sample import NotYetKnownError, PromptSample
from offdiag.cost.training import TrainingCost
from offdiag.runtime import Runtime
from offdiag.steps import CostLine, Step


@dataclass
class PlanProbe(InferenceCost, TrainingCost):
    """Argument of ``Step.cost`` for all steps of a plan (see :class:`offdiag.steps.CostProbe`)."""

    def line(self, step: Step) -> CostLine:
        """Return the cost of one step; a step that needs a model but states no cost leaves a note.

        Raises:
            UserError: a pool has fewer examples than a prompt shows, or a prompt is longer than the model's context.
        """
        try:
            found = step.cost(self)
        except NotYetKnownError:
            self._not_counted(step, ": their prompts are made by a step that has not run")
            return CostLine(kind=step.kind)
        if found is None:
            if step.group is not None:
                self._not_counted(step)
            return CostLine(kind=step.kind)
        # a step may have added up what it does one after the other
        return found if found.steps == 1 else replace(found, steps=1)

    def memory(self) -> tuple[Memory, ...]:
        """Return the memory of each model while it answers and of each recipe during training."""
        return (*self.inference_memory(), *self.training_memory())

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on what is not counted or not known, in order of appearance."""
        return (*self.sizes.notes, *self.remarks())

    def _not_counted(self, step: Step, why: str = "") -> None:
        self.note(f"{step.kind} of type {type(step).__name__} are not counted{why}")


@contextmanager
def plan_probe(runtime: Runtime) -> Iterator[PlanProbe]:
    """Open a cost probe for the steps of one plan; the runtime's token budget sets the size of batches."""
    with PromptSample(runtime) as sample:
        yield PlanProbe(sample, runtime)
