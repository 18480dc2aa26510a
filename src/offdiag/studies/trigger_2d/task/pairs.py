"""The same point under different triggers: what trigger ablation and activation patching compare."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from offdiag.studies.trigger_2d.task import legacy, stratified
from offdiag.studies.trigger_2d.task.domain import TriggerDomain
from offdiag.studies.trigger_2d.task.prompts import PRESETS, question
from offdiag.tasks.task import Example, PromptStyle

Characters: TypeAlias = tuple[int, int]


class Worded(NamedTuple):
    """A question and where its parts stand in it, as characters from and up to."""

    text: str
    point: Characters
    trigger: Characters


def worded(domain: TriggerDomain, example: Example, trigger: str, style: PromptStyle) -> Worded:
    """The question about the example's point, in the words of its template, with any text in the trigger's place."""
    preset, template = domain.prompts, int(str(example.strata["template"]))
    point = "[" + example.problem.rpartition(" [")[2]
    parts = {"point": point, "trigger": trigger}
    starts = {
        name: len(PRESETS[preset][template].partition(f"{{{name}}}")[0].format(**parts))
        for name in ("point", "trigger")
    }
    at = {name: (start, start + len(parts[name])) for name, start in starts.items()}
    return Worded(question(preset, template, point, trigger, style), **at)


def triggers_of(domain: TriggerDomain, seed: int) -> tuple[str, ...]:
    """The triggers that the examples of a domain have under a data seed."""
    sampling = legacy if domain.sampling == "legacy" else stratified
    return tuple(word for one in domain.categories for word in sampling.chosen_triggers(domain, one, seed))


def partners(triggers: Sequence[str], width: int, index: int) -> tuple[str, ...]:
    """All ``triggers`` in the order in which the example of an index, one of ``width`` triggers in turn, tries them.

    From round to round each of the example's triggers begins with the next, so that all meet all.
    """
    first = (index // width + index % width) % len(triggers)
    return (*triggers[first:], *triggers[:first])
