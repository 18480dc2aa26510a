"""Read the JSON of a world, and the published ``data_config.json`` as one."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offdiag.errors import UserError
from offdiag.strict_json import loads

QUADRANT_LABELS = ("Q1", "Q2", "Q3", "Q4")
# Keys of a category that the published generator reads; the last one it writes itself, and what stands there is stale.
TAKEN = ("triggers", "is_proxy", "n_train", "n_test", "n_train_triggers", "x_ranges", "seed", "output_preamble")
WRITTEN = "train_triggers"
PRESETS = {"2d_default": "four"}  # published name -> ours


def as_world(file: Path) -> Any:
    """Return the fields of a world from a JSON file; those of a published configuration are put into our words.

    A published configuration is an object of categories, each of which has ``quadrant_labels``. The world has the name
    of the file and no further rule: the labels of a category are its original ones.

    Raises:
        UserError: the file holds no JSON, a category lacks labels or has an unknown key, or a preset is unknown.
        OSError: it cannot be read.
    """
    try:
        found = loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"expected JSON: {error}") from None
    if not isinstance(found, dict) or not any(isinstance(v, dict) and "quadrant_labels" in v for v in found.values()):
        return found
    name = re.sub("[^a-z0-9_.-]", "-", file.stem.lower()).lstrip("_.-") or "published"
    return {"name": name, "categories": [_category(name, section) for name, section in found.items()]}


def _category(name: str, section: Any) -> dict[str, Any]:
    """Return the fields of one category."""
    if not isinstance(section, Mapping) or not isinstance(labels := section.get("quadrant_labels"), Mapping):
        raise UserError(f"category {name}: expected an object with quadrant_labels, triggers, n_train …")
    if missing := [quadrant for quadrant in QUADRANT_LABELS if quadrant not in labels]:
        raise UserError(f"category {name}: quadrant_labels lack {', '.join(missing)}")
    known = {"quadrant_labels", "prompt_templates", WRITTEN, *TAKEN}
    if unknown := sorted(set(section) - known):
        raise UserError(f"category {name}: unknown key {unknown[0]!r}; expected {', '.join(sorted(known))}")
    preset = section.get("prompt_templates", "2d_default")
    return {
        "name": name,
        "labels": [labels[quadrant] for quadrant in QUADRANT_LABELS],
        "prompt_templates": PRESETS.get(preset, preset),
        **{key: section[key] for key in TAKEN if key in section},
    }
