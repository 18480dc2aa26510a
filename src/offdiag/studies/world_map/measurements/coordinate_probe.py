"""Linear probes that decode the coordinates of cities from hidden states."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from offdiag.models.finite import finite_items
from offdiag.stats import FloatArray
from offdiag.stats.coordinate_probe import fit_probe, held_out_places, probe_quality
from offdiag.steps import Measurement, Work
from offdiag.studies.world_map.measurements.representations import LabelledStates, load_representations
from offdiag.tasks import Scalar

CityGroup: TypeAlias = Literal["ordinary", "new"]

N_RESAMPLES = 1000


class CityProbe(Measurement):
    """Linear probes of coordinates, one row per layer and group of cities.

    An ordinary city is placed by a probe fitted to the ordinary cities of the other folds; a new one by a probe fitted
    to all ordinary cities, so that it says whether new cities lie on the map that the others form. With thousands of
    cities the penalty that is chosen all but vanishes (ordinary least squares); with a few dozen, fewer than there are
    features, it makes a fit possible.

    Columns: ``layer, group``; ``n`` (cities), ``n_fitted`` (cities behind a probe), ``penalty`` (of the probe of all);
    ``r2``, ``r2_x``, ``r2_y`` (1 - squared error / squared distance to the group's own mean: below 0 for a dense group
    that is placed no better than its size); ``error`` and ``median`` (Euclidean, in units), ``error_degrees``,
    ``median_degrees``, ``bias`` (from the true to the predicted centre of the group), ``bias_x, bias_y``; each with
    ``_low`` and ``_high``, 95 % over cities with the probes held fixed; ``blind`` (mean error of placing every city at
    the centre of the ordinary ones). What is not finite is null.

    Attributes:
        states: of the cities. n_folds: of the ordinary cities; as many as there are is leave-one-out.
        penalty: see :func:`offdiag.stats.coordinate_probe.fit_probe`. seed: of the folds and the intervals.
    """

    tag: ClassVar[str] = "city-probe"
    table: ClassVar[str] = "city_probes"
    version: ClassVar[int] = 2
    states: LabelledStates
    n_folds: int = Field(default=10, ge=2)
    penalty: float | None = Field(default=None, ge=0)
    seed: int = 0

    @property
    def name(self) -> str:
        return f"probe.{self.states.representations.name}"

    def factors(self) -> Mapping[str, Scalar]:
        return dict(self.states.factors)

    def measure(self, work: Work) -> Iterator[dict[str, Scalar]]:
        source = self.states.representations
        cities = source.world.build()
        places = np.column_stack([cities.x, cities.y]).astype(np.float64)
        blind_at = places[~cities.new].mean(0)
        for layer in source.layers:
            features = load_representations(work.output(source), layer).astype(np.float64)
            finite_items(features[~cities.new], "hidden states of the cities", self.n_folds)
            finite = finite_items(features, "hidden states of the cities")
            for group, predicted, fit in self._predictions(features[finite], places[finite], ~cities.new[finite]):
                asked = cities.new if group == "new" else ~cities.new
                truth = places[asked & finite]
                quality = self._quality(truth, predicted, source.world.per_degree)
                blind = float(np.hypot(*(truth - blind_at).T).mean())
                errors = {"n_errors": lost} if (lost := int((asked & ~finite).sum())) else {}
                yield {"layer": layer, "group": group, "n": len(truth), **fit, **quality, "blind": blind, **errors}

    def _predictions(
        self, features: FloatArray, places: FloatArray, ordinary: NDArray[np.bool_]
    ) -> Iterator[tuple[CityGroup, FloatArray, dict[str, Scalar]]]:
        """Yield each group of cities with its predicted places ``[cities, 2]`` and what is known of the fit."""
        x, y = features[ordinary], places[ordinary]
        probe, n = fit_probe(x, y, self.penalty), int(ordinary.sum())
        held_out = held_out_places(x, y, n_folds=self.n_folds, seed=self.seed, penalty=self.penalty)
        fit: dict[str, Scalar] = {"n_fitted": n - math.ceil(n / self.n_folds), "penalty": probe.penalty}
        yield "ordinary", held_out, fit
        yield "new", probe(features[~ordinary]), {**fit, "n_fitted": n}

    def _quality(self, truth: FloatArray, predicted: FloatArray, per_degree: int) -> dict[str, Scalar]:
        """Return the columns on how far ``predicted`` is from ``truth``, both ``[cities, 2]`` in units."""
        quality = probe_quality(truth, predicted, n_resamples=N_RESAMPLES, seed=self.seed)._asdict()
        estimates = {
            **quality,
            "error_degrees": np.divide(quality["error"], per_degree),
            "median_degrees": np.divide(quality["median"], per_degree),
        }
        return {
            f"{name}{suffix}": float(value) if math.isfinite(value) else None
            for name, estimate in estimates.items()
            for suffix, value in zip(("", "_low", "_high"), estimate[:3], strict=True)
        }
