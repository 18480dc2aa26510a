"""What results keep of a study's records, which are read one after the other: counts by cell, and short columns."""

from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from offdiag.analyses.sanity import differ, options_of, sanity
from offdiag.columns import CLUSTER, ERRORS, LOSSES, OPTIONS, RECORD_CONFIDENCE, RECORD_LOSS, RECORDS, names
from offdiag.compact_records import CompactRecords
from offdiag.errors import UserError
from offdiag.stats import median_interval
from offdiag.stats.calibration import confidence
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.replicated import accuracy, mean_of_replicates
from offdiag.steps.grades import n_answers, n_ungraded, n_unparsed, record_score
from offdiag.tasks.task import UNRATED

_CLUSTER = "\0cluster"  # name of the column until it is known whether any two examples share one


@dataclass(kw_only=True)
class CellRecords:
    """What the records of one cell say.

    Attributes:
        examples: ids of the rated items, in their order. scores: what each is worth, 0 to 1. clusters: of each.
        n_correct: right answers; None where an item is more than right or wrong.
        n_unparsed, n_answers: answers to the rated items. errors: how far those that are parsed are off.
        losses: of the targets, where they are known.
        sanity: see :func:`offdiag.analyses.sanity.sanity`.
        lost: number of items that are not rated, by status.
        n_ungraded: answers that the grader failed on. failures: what it said, and how often.
        n_shortened: items whose prompt lost demonstrations, as the model's context does not hold them all.
    """

    examples: Sequence[str] = ()
    scores: "array[float]" = field(default_factory=lambda: array("d"))
    clusters: Sequence[str] = ()
    n_correct: int | None = 0
    n_unparsed: int = 0
    n_answers: int = 0
    errors: "array[float]" = field(default_factory=lambda: array("d"))
    losses: "array[float]" = field(default_factory=lambda: array("d"))
    sanity: dict[str, Any] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    n_ungraded: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    n_shortened: int = 0

    def count(self, record: Mapping[str, Any]) -> bool:
        """Count a record, and return whether it is rated."""
        if ungraded := n_ungraded(record):
            self.n_ungraded += ungraded
            self.failures.update(record["flags"][:1])
        self.n_shortened += "dropped" in record
        if record["status"] in UNRATED:
            self.lost[record["status"]] += 1
            return False
        self.scores.append(record_score(record))
        self.n_unparsed += n_unparsed(record)
        self.n_answers += n_answers(record)
        right = record["correct"]
        self.n_correct = None if right is None or self.n_correct is None else self.n_correct + right
        if record.get("error") is not None:
            self.errors.append(record["error"])
        return True

    def measures(self, *, clustered: bool) -> dict[str, Any]:
        """Return the columns of a cell that its records tell: counts, accuracy with its interval, what guessing does.

        Args:
            clustered: whether examples of one cluster count as one.
        """
        n = len(self.scores)
        measured = accuracy([self.scores], clusters=self.clusters if clustered else None)
        return {
            "n": n,
            "n_correct": self.n_correct,
            "n_unparsed": self.n_unparsed,
            "accuracy": sum(self.scores) / n if n else np.nan,
            "ci_low": measured.low,
            "ci_high": measured.high,
            "unparsed_rate": self.n_unparsed / self.n_answers if n else np.nan,
            **self.sanity,
        }

    def error_measures(self) -> dict[str, float]:
        """Return mean and median error (with its interval) of the parsed answers; ``n_unparsed`` counts the others."""
        centres = (np.mean(self.errors), np.median(self.errors)) if self.errors else (np.nan, np.nan)
        return dict(zip(names(ERRORS), map(float, (*centres, *median_interval(self.errors))), strict=True))

    def loss_measures(self, *, clustered: bool) -> dict[str, float]:
        """Return the mean loss of the targets with its interval; NaN where one of the items has none.

        Args:
            clustered: whether examples of one cluster count as one.
        """
        if not self.losses or len(self.losses) < len(self.scores):
            return dict.fromkeys(names(LOSSES), np.nan)
        found = mean_of_replicates([self.losses], clusters=self.clusters if clustered else None, low=0.0)
        return dict(zip(names(LOSSES), found[:3], strict=True))

    def against(self, baseline: str | None, theirs: "CellRecords", *, clustered: bool) -> dict[str, Any]:
        """Return the columns of a cell that compare it with another one, by the examples of both, as these very models.

        Args:
            baseline: name of the other cell; None for no comparison. theirs: what its records say.
            clustered: whether examples of one cluster count as one.
        """
        row: dict[str, Any] = {
            "baseline": baseline, "n_paired": 0, "difference": np.nan, "diff_low": np.nan, "diff_high": np.nan,
            "p_value": np.nan,
        }  # fmt: skip
        if baseline is None:
            return row
        reference = dict(zip(theirs.examples, theirs.scores, strict=True))
        other = [reference.get(example, np.nan) for example in self.examples]
        clusters = self.clusters if clustered else None
        paired = learner_difference([self.scores], [other], untrained=(True, True), clusters=clusters).difference
        if not paired.n:
            return row
        return row | {
            "n_paired": paired.n,
            "difference": paired.value,
            "diff_low": paired.low,
            "diff_high": paired.high,
            "p_value": paired.p_value,
        }


class Clusters:
    """Tells which examples count as one, while one cell after the other is read.

    The cluster of an example is the value of a property (one without a value is alone), or else the first example of
    any cell with the same content.

    Attributes:
        shared: whether examples of a cell so far share a cluster; else each stands for itself.
    """

    def __init__(self, by: str = "") -> None:
        self._by = by
        self._first: dict[Hashable, str] = {}
        self._met: tuple[Hashable, set[str]] = (None, set())
        self.shared = False

    def of(self, cell: Hashable, called: str, record: Mapping[str, Any], content: Hashable) -> str:
        """Return the cluster of a record.

        Args:
            cell, called: whose record it is, and its name. content: what makes two examples the same question.

        Raises:
            UserError: the examples of the cell have no such property.
        """
        example, strata = str(record["example"]), record["strata"]
        if not self._by:
            cluster = self._first.setdefault(content, example)
        elif self._by in strata:
            value = strata[self._by]
            cluster = example if value is None else f"{self._by}={value}"
        else:
            known = ", ".join(strata) or "none"
            raise UserError(f"clusters={self._by!r}: the examples of {called} have {known}")
        if self._met[0] is not cell:
            self._met = (cell, set())
        self.shared |= cluster in self._met[1]
        self._met[1].add(cluster)
        return cluster


class RecordColumns:
    """Collects the records of a study, one cell after the other, and what each cell's say.

    A text, and the ids and clusters of the items of an evaluation, are held once, however many cells have them.
    """

    def __init__(self) -> None:
        self._records = CompactRecords()
        self._lists: dict[tuple[str, ...], tuple[str, ...]] = {}

    def add(
        self,
        factors: Mapping[str, Any],
        records: Iterable[Mapping[str, Any]],
        cluster_of: Callable[[Mapping[str, Any]], str],
        *,
        options: Mapping[str, tuple[str, ...]],
        guessed: bool,
        losses: bool = False,
        more: Sequence[str] = (),
    ) -> CellRecords:
        """Add the records of a cell, and return what they say.

        Args:
            factors: columns that all of them share, ``cell`` among them. cluster_of: gives the cluster of a rated
                record.
            options, guessed: see :func:`offdiag.analyses.sanity.sanity`. losses: whether scores are log-probabilities.
            more: fields that are columns, too.
        """
        found = CellRecords()
        answers: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        lettered = differ(options)
        for record in records:
            if not found.count(record):
                continue
            answers.append({name: record[name] for name in ("example", "target", "parsed")})
            row = {name: found.scores[-1] if name == "score" else record[name] for name in (*names(RECORDS), *more)}
            row |= {"flags": ",".join(record["flags"]), **record["strata"], _CLUSTER: cluster_of(record)}
            if scores := record.get("scores"):
                row[RECORD_CONFIDENCE.name] = confidence(scores)
                if losses and (loss := _target_loss(record, scores, options)) is not None:
                    row[RECORD_LOSS.name] = loss
                    found.losses.append(loss)
            if options:
                row |= zip(names(OPTIONS), options_of(record, options, lettered), strict=True)
            rows.append(row)
        self._records.add(factors, rows)
        found.examples, found.clusters = (self._held_once(row[name] for row in rows) for name in ("example", _CLUSTER))
        found.sanity = sanity(answers, options, guessed=guessed)
        return found

    def frame(self, columns: Sequence[str], *, clustered: bool) -> CompactRecords:
        """Return all records, of which frames with nullable types can be made.

        Args:
            columns: of the frame if there is no record.
            clustered: whether any two examples share a cluster, which is a column then.
        """
        self._records.columns_if_empty = tuple(columns)
        self._records.rename(_CLUSTER, CLUSTER.name if clustered else None)
        return self._records

    def _held_once(self, texts: Iterable[str]) -> Sequence[str]:
        found = tuple(texts)
        return self._lists.setdefault(found, found)


def _target_loss(
    record: Mapping[str, Any], scores: Sequence[float], options: Mapping[str, tuple[str, ...]]
) -> float | None:
    """Return minus the log-probability of the target among the choices; None where it is none of them."""
    choices = options.get(record["example"], ())
    return -scores[choices.index(record["target"])] if record["target"] in choices else None
