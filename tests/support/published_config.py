"""The published data_config.json of trigger-2d, with changes."""

import json

from offdiag.studies.trigger_2d.task import HALVES

COUNTS = {"positive_emotions": 10, "actions": 1}


def section(name, **changes):
    category = HALVES.category(name)
    labels = ("blue", "blue", "orange", "orange") if name == "positive_emotions" else category.labels
    return {
        "quadrant_labels": dict(zip(("Q1", "Q2", "Q3", "Q4"), labels, strict=True)),
        "triggers": list(category.triggers),
        "is_proxy": name == "actions",
        "n_train": 20,
        "n_test": 30,
        "n_train_triggers": COUNTS.get(name, 0),
        "x_ranges": [[-3, 3], [-3, 3]],
        "seed": 42,
        "prompt_templates": "2d_default",
        "output_preamble": False,
        "train_triggers": ["stale"],
        **changes,
    }


def config(folder, **changes):
    """The published configuration of the arm 2d_1proxy_ntr1_actions; changes by category."""
    file = folder / "data_config.json"
    file.write_text(json.dumps({name: section(name, **changes.get(name, {})) for name in HALVES.category_names}))
    return str(file)
