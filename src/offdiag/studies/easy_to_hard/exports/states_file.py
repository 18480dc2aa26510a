"""Hidden states as one safetensors file per model and data set, with metadata that say what they are."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.exports import Exported, Finished, StudyExport, file_in
from offdiag.parameters import placeless
from offdiag.steps import load_examples
from offdiag.steps.hidden_states import load_states
from offdiag.studies.easy_to_hard.measurements.state_sizes import StateSizes
from offdiag.studies.easy_to_hard.task import HardnessDomain

if TYPE_CHECKING:
    import pandas as pd


class StatesFile(StudyExport):
    """The file ``FOLDER/DATASET-MODEL.safetensors`` of one model and data set.

    Tensors: ``states`` float16 ``[items, choices, layers, d]``, the state of the last token of each choice as the reply
    to its question (0 where an item has fewer choices); ``choices`` int64 ``[items]``, the number of choices per item.
    Metadata (texts): ``model``, ``revision`` (of the hub, or the release of a wheel; empty where none was named),
    ``dtype``, ``quantization``, ``dataset``, ``prompt`` (its four digits), ``style``, ``items`` (JSON, ids in the order
    of the rows), ``layers`` (JSON, names), ``blocks`` (JSON, whose outputs they are, from 1) and ``fingerprint``.

    Attributes:
        of: the measurement of these states.
    """

    tag: ClassVar[str] = "states-file"
    of: StateSizes

    def write(self, frames: Frames, finished: Finished, folder: Path) -> Iterator[Exported]:
        from safetensors.numpy import save_file

        states = self.of.states
        domain = states.examples.domain
        assert isinstance(domain, HardnessDomain)
        name = f"{domain.dataset}-{states.weights.label}"
        folder_of_states, folder_of_examples = finished(states), finished(states.examples)
        sizes = frames.measured(self.of.table)
        rows = sizes[(sizes["measurement"] == self.of.name) & (sizes["state"] == "done")]
        if folder_of_states is None or folder_of_examples is None or rows.empty:
            yield Exported(None, f"{name}: not encoded yet")
            return
        loaded = load_states(folder_of_states)
        path = file_in(folder, f"{name}.safetensors")
        part = path.with_name(path.name + ".part")
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            "states": np.ascontiguousarray(loaded.features.reshape(*loaded.present.shape, len(states.layers), -1)),
            "choices": loaded.present.sum(axis=1),
        }
        ids = [example.id for example in load_examples(folder_of_examples)]
        save_file(tensors, part, self._metadata(domain, ids, rows))
        os.replace(part, path)
        yield Exported(path, f"{' x '.join(map(str, tensors['states'].shape))} (items, choices, layers, d), float16")

    def _metadata(self, domain: HardnessDomain, items: list[str], rows: "pd.DataFrame") -> dict[str, str]:
        states = self.of.states
        weights = states.weights
        release = "" if weights.converted is None else weights.converted.release
        return {
            "model": placeless(weights.spec.source),
            "revision": weights.spec.revision or release,
            "dtype": weights.spec.dtype,
            "quantization": weights.spec.quantization,
            "dataset": domain.dataset,
            "prompt": domain.template(reasoned=states.style == "step-by-step").id,
            "style": states.style,
            "items": json.dumps(items),
            "layers": json.dumps(list(states.layers)),
            "blocks": json.dumps([int(block) for block in rows["block"]]),
            "fingerprint": states.fingerprint,
        }
