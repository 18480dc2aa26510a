"""Maps decoded from hidden states: probed coordinates and components of every city."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.models.finite import finite_items
from offdiag.stats import FloatArray
from offdiag.stats.coordinate_probe import fit_probe, held_out_places
from offdiag.steps import Measurement, Work
from offdiag.studies.world_map.measurements.representations import LabelledStates, load_representations
from offdiag.tasks import Scalar

COMPONENTS = 3


class CityMap(Measurement):
    """Decoded map of the cities in one model at one layer, one row per city.

    Figures are drawn from these rows alone, so that they need no hidden states, which are large.

    Columns: ``layer``; ``city, region, country, new, x, y`` (true place, in units); ``pc1, pc2, pc3`` (principal
    components of all cities' states, in the unit of the states) and ``pc_share`` (their share of the variance);
    ``probe_x, probe_y`` (where linear probes of the ordinary cities put it: probes that have not seen it) and ``rest``
    (first principal component of what is left of the states without the directions of the probe of all ordinary
    cities). What is read of a city without finite states is null; no other city's numbers rest on it.

    Attributes:
        states: of the cities. layer: which. n_folds, penalty, seed: of the probes, see
            :class:`offdiag.studies.world_map.measurements.coordinate_probe.CityProbe`.
    """

    tag: ClassVar[str] = "city-map"
    table: ClassVar[str] = "city_maps"
    states: LabelledStates
    layer: int
    n_folds: int = Field(default=10, ge=2)
    penalty: float | None = Field(default=None, ge=0)
    seed: int = 0

    @model_validator(mode="after")
    def _is_kept(self) -> Self:
        source = self.states.representations
        if self.layer not in source.layers:
            kept = ", ".join(map(str, source.layers))
            raise UserError(f"map of layer {self.layer} of {source.name}: it keeps layers {kept}")
        return self

    @property
    def name(self) -> str:
        return f"map.{self.states.representations.name}.layer{self.layer}"

    def factors(self) -> Mapping[str, Scalar]:
        return dict(self.states.factors)

    def measure(self, work: Work) -> Iterator[dict[str, Scalar]]:
        source = self.states.representations
        cities = source.world.build()
        features = load_representations(work.output(source), self.layer).astype(np.float64)
        places = np.column_stack([cities.x, cities.y]).astype(np.float64)
        finite_items(features[~cities.new], "hidden states of the cities", self.n_folds)
        finite = finite_items(features, "hidden states of the cities")
        found, share = principal_components(features[finite], COMPONENTS)
        probed, rest = self._probed(features[finite], places[finite], cities.new[finite])
        read = np.full((len(cities), COMPONENTS + 3), np.nan)
        read[finite] = np.column_stack([found, probed, rest])
        columns = (*(f"pc{k + 1}" for k in range(COMPONENTS)), "probe_x", "probe_y", "rest")
        for i in range(len(cities)):
            yield {
                "layer": self.layer,
                "city": str(cities.name[i]),
                "region": str(cities.region[i]),
                "country": str(cities.country[i]),
                "new": bool(cities.new[i]),
                "x": int(cities.x[i]),
                "y": int(cities.y[i]),
                "pc_share": share,
                **{name: float(value) if finite[i] else None for name, value in zip(columns, read[i], strict=True)},
            }

    def _probed(
        self, features: FloatArray, places: FloatArray, new: NDArray[np.bool_]
    ) -> tuple[FloatArray, FloatArray]:
        """Return held-out places ``[n, 2]``, and the first component of what the probe does not see, ``[n]``."""
        probe = fit_probe(features[~new], places[~new], self.penalty)
        probed = probe(features)
        probed[~new] = held_out_places(
            features[~new], places[~new], n_folds=self.n_folds, seed=self.seed, penalty=self.penalty
        )
        directions = np.linalg.qr(probe.weights)[0]  # an orthonormal basis of the plane that the probe reads
        unseen = features - probe.centre
        unseen -= unseen @ directions @ directions.T
        return probed, principal_components(unseen, 1)[0][:, 0]


def principal_components(features: FloatArray, n: int) -> tuple[FloatArray, float]:
    """Return the first ``n`` principal components ``[items, n]`` and their share of the variance.

    Singular vectors have no sign, so each component is turned to where its largest value is positive: equal states
    then give equal pictures. Components that do not exist are 0.
    """
    left, values, _ = np.linalg.svd(features - features.mean(0), full_matrices=False)
    found = np.zeros((len(features), n))
    kept = min(n, len(values))
    found[:, :kept] = left[:, :kept] * values[:kept]
    largest = np.take_along_axis(found, np.abs(found).argmax(0)[None], 0)
    total = float(values @ values)
    share = float(values[:n] @ values[:n]) / total if total else 0.0
    return found * np.where(largest < 0, -1.0, 1.0), share
