"""Hardness and topics of what each draw trains on and is asked, as in the result sheets of the original."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean, stdev
from typing import ClassVar

from offdiag.steps import Examples, Measurement, Work
from offdiag.steps.examples import load_examples
from offdiag.studies.easy_to_hard.task import HardnessDomain, library
from offdiag.studies.easy_to_hard.task.items import SUBJECTS
from offdiag.tasks import Example, Scalar

TABLE = "draw_summary"
MEAN, SD, SHARE = "_mean", "_sd", "_share"


class DrawSummary(Measurement):
    """Means and standard deviations of the measures that need no model, and shares of topics, of sets of items.

    One row per set: ``side`` (``train`` or ``test``), ``hardness``, ``train_level``, ``draw``, ``n``, ``NAME_mean`` and
    ``NAME_sd`` of each measure, and of MMLU ``TOPIC_share``.

    Attributes:
        dataset: of the items. sets: that training draws and tests are.
    """

    tag: ClassVar[str] = "draw-summary"
    table: ClassVar[str] = TABLE
    dataset: str
    sets: tuple[Examples, ...]

    @property
    def name(self) -> str:
        return f"draws.{self.dataset}.{len(self.sets)}"

    def factors(self) -> Mapping[str, Scalar]:
        return {"dataset": self.dataset}

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        data = library.dataset(self.dataset)
        for one in self.sets:
            domain, examples = one.domain, load_examples(work.output(one))
            assert isinstance(domain, HardnessDomain)
            yield {
                "side": "train" if one.split == "train" else "test",
                "hardness": domain.hardness,
                "train_level": domain.train_on,
                "draw": domain.bootstrap,
                "n": len(examples),
                **_moments(examples, (*data.human, *data.spec.surface)),
                **_shares(examples),
            }


def _moments(examples: Iterable[Example], measures: Iterable[str]) -> dict[str, Scalar]:
    """Return mean and standard deviation of each measure."""
    found: dict[str, Scalar] = {}
    for name in measures:
        values = [float(value) for e in examples if (value := e.strata.get(name)) is not None]
        found[f"{name}{MEAN}"] = fmean(values) if values else None
        found[f"{name}{SD}"] = stdev(values) if len(values) > 1 else None
    return found


def _shares(examples: Iterable[Example]) -> dict[str, Scalar]:
    """Return the share of each topic of MMLU, of both schools together; nothing where items have no subject."""
    subjects = [str(e.strata["subject"]) for e in examples if "subject" in e.strata]
    counts = Counter(next((topic for topic in SUBJECTS if name.endswith(topic)), name) for name in subjects)
    topics = dict.fromkeys((*SUBJECTS, *counts)) if subjects else {}
    return {f"{topic}{SHARE}": counts[topic] / len(subjects) for topic in topics}
