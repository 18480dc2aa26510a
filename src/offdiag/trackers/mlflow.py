"""Tracker ``mlflow``: a folder of runs as MLflow keeps them in files, which need no server and no database."""

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from offdiag.trackers.tracker import TrackedRun, Tracker

STORE = "mlruns"  # below the tracker's folder
FINGERPRINT = "offdiag.fingerprint"  # the tag that tells which run is of which step
AT_ONCE, LONGEST_NAME, LONGEST_VALUE = 100, 250, 6000  # what MLflow takes of parameters: together, characters of each
_NOT_TAKEN = re.compile(r"[^\w./: -]")


class MLflow(Tracker):
    """One run per training or cell, in the experiment of the study, with the identity as parameters and as a file."""

    name: ClassVar[str] = "mlflow"
    needs: ClassVar[str] = "mlflow"
    installed_by: ClassVar[str] = "mlflow-skinny"
    shown_by: ClassVar[str] = f"MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {{root}}/{STORE}"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # these are read when the package is imported
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        self._client: Any = None
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, str] = {}  # by fingerprint

    def begin(self, run: TrackedRun) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param

        if self._client is None:
            self._client = MlflowClient(tracking_uri=(self.root / STORE).resolve().as_uri())
        experiment = self._experiment(run.study)
        if earlier := self._runs.get(run.fingerprint):
            self._client.delete_run(earlier)  # what was begun and not ended
        tags = {FINGERPRINT: run.fingerprint, "offdiag.kind": run.kind}
        self._runs[run.fingerprint] = key = self._client.create_run(
            experiment, tags=tags, run_name=run.name
        ).info.run_id
        named = {_named(name): str(value)[:LONGEST_VALUE] for name, value in run.settings().items()}
        params = [Param(name, value) for name, value in named.items()]
        for start in range(0, len(params), AT_ONCE):
            self._client.log_batch(key, params=params[start : start + AT_ONCE])
        self._client.log_dict(key, dict(run.identity), "identity.json")

    def log(self, run: TrackedRun, values: Mapping[str, float], update: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(_named(name), float(value), now, update) for name, value in values.items()]
        self._client.log_batch(self._runs[run.fingerprint], metrics=metrics)

    def end(self, run: TrackedRun) -> None:
        self._client.set_terminated(self._runs[run.fingerprint])

    def _experiment(self, study: str) -> str:
        """Return the experiment of a study; the runs that it has are looked up once."""
        if study not in self._experiments:
            found = self._client.get_experiment_by_name(study)
            key = self._experiments[study] = (
                self._client.create_experiment(study) if found is None else found.experiment_id
            )
            page = self._client.search_runs([key])
            while page:
                self._runs |= {r.data.tags[FINGERPRINT]: r.info.run_id for r in page if FINGERPRINT in r.data.tags}
                page = self._client.search_runs([key], page_token=page.token) if page.token else []
        return self._experiments[study]


def _named(name: str) -> str:
    """Return a name of which MLflow takes all characters: ``needs[0].seed`` is ``needs.0.seed``."""
    return _NOT_TAKEN.sub("_", name.replace("[", ".").replace("]", "")).strip(".")[:LONGEST_NAME] or "_"
