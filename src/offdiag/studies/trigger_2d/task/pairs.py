"""Questions about one point with different triggers, which trigger ablation and activation patching compare."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from offdiag.studies.trigger_2d.task import legacy, stratified
from offdiag.studies.trigger_2d.task.domain import TriggerDomain
from offdiag.studies.trigger_2d.task.prompts import PRESETS, question
from offdiag.tasks.task import Example, PromptStyle

Characters: TypeAlias = tuple[int, int]


class LocatedQuestion(NamedTuple):
    """A question with the places of its point and its trigger: characters from, and up to but without."""

    text: str
    point: Characters
    trigger: Characters


def located_question(domain: TriggerDomain, example: Example, trigger: str, style: PromptStyle) -> LocatedQuestion:
    """Return the question of an example, with any text in the place of its trigger."""
    preset = domain.preset(domain.world.category(str(example.strata["category"])))
    template = int(str(example.strata["template"]))
    point = "[" + example.problem.rpartition(" [")[2]
    parts = {"point": point, "trigger": trigger}
    starts = {
        name: len(PRESETS[preset][template].partition(f"{{{name}}}")[0].format(**parts))
        for name in ("point", "trigger")
    }
    at = {name: (start, start + len(parts[name])) for name, start in starts.items()}
    return LocatedQuestion(question(preset, template, point, trigger, style), **at)


def triggers_of(domain: TriggerDomain, seed: int) -> tuple[str, ...]:
    """Return the triggers that the examples of a domain have under a data seed."""
    sampling = legacy if domain.sampling == "legacy" else stratified
    return tuple(word for category in domain.categories for word in sampling.chosen_triggers(domain, category, seed))


def partners(triggers: Sequence[str], width: int, index: int) -> tuple[str, ...]:
    """Return ``triggers`` in the order in which the example of an index tries them in place of its own.

    Examples take turns at ``width`` triggers of their own. From round to round each of these begins with the next
    partner, so that in the end all have met all.
    """
    first = (index // width + index % width) % len(triggers)
    return (*triggers[first:], *triggers[:first])
