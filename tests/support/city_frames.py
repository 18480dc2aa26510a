"""Synthetic tables of what is measured on cities: chosen errors and alignments, no model behind them."""

from itertools import combinations

import numpy as np
import pandas as pd

from offdiag.analyses import Frames
from offdiag.studies.world_map.task import NAMES, World

WORLD = World(count=40, new_count=8, id_digits=2, per_degree=1)
MEASURES = ("r2", "r2_x", "r2_y", "error", "median", "bias")


def frames_of(**tables: list[dict[str, object]]) -> Frames:
    measured = {name: pd.DataFrame(rows).convert_dtypes() for name, rows in tables.items()}
    return Frames(cells=pd.DataFrame(), records=pd.DataFrame(), measurements=measured)


def probe_row(trained, seed, group, *, r2=0.5, error=10.0, layer=2, **factors):
    row = {"model": "base", "train_geometry": trained, "seed": seed, "layer": layer, "group": group, **factors}
    row |= {"n": 40 if group == "ordinary" else 8, "blind": 70.0 if group == "ordinary" else 60.0, "state": "done"}
    row |= {f"train_{name}": value for name, value in WORLD.model_dump().items()}
    row |= {"measurement": f"{trained}-{seed}-{factors.get('update')}"}
    for name in MEASURES:
        value = r2 if name.startswith("r2") else error
        row |= {name: value, f"{name}_low": value - 0.1 * abs(value), f"{name}_high": value + 0.1 * abs(value)}
    return row


def tuned_probes(trainings, seeds=(0, 1), noise=0.1):
    """Fine-tuned models whose new cities are off after distance: ordinary errors near 15, new ones 40 or 200."""
    rng = np.random.default_rng(0)
    rows = [probe_row("+".join(NAMES), seed, g, after=None) for seed in seeds for g in ("ordinary", "new")]
    for trained in trainings:
        for seed in seeds:
            off = 200.0 if "distance" in trained.split("+") else 40.0
            for group, level in (("ordinary", 15.0), ("new", off)):
                error = level * float(np.exp(noise * rng.normal()))
                rows.append(probe_row(trained, seed, group, error=error, after="base"))
    return frames_of(city_probes=rows)


def emerging_probes(trainings=("distance", "angle", "crossing"), seeds=(0, 1), layers=(1, 2)):
    """Snapshots whose R2 rises from -1 to 0.9, later for later trainings, never for crossing."""
    rng = np.random.default_rng(1)
    rows = []
    for late, trained in enumerate(trainings):
        for seed in seeds:
            for layer in layers:
                for update in (0, 1, 4, 16, 64, 256, 1024, 4096):
                    height = 1.0 if trained != "crossing" else 0.05
                    r2 = -1 + (0.9 * height + 1) / (1 + np.exp(-(np.log(update + 1) - 4 - late)))
                    r2 += 0.05 * rng.normal()
                    rows += [
                        probe_row(trained, seed, group, r2=r2, layer=layer, update=update)
                        for group in ("ordinary", "new")
                    ]
    rows += [probe_row(trained, seed, "ordinary", update=None) for trained in trainings for seed in seeds]
    return frames_of(city_probes=rows)


def alignment_pairs(trainings, seeds=(0, 1), layers=(2,), value=None):
    """All pairs of models; ``value(train, other)`` is their CKA, by default 0.3 + 0.2 a task, 0 for crossing."""
    rng = np.random.default_rng(2)

    def usual(train, other):
        if "crossing" in (train, other):
            return 0.02
        return min(0.3 + 0.2 * min(len(train.split("+")), len(other.split("+"))), 0.95)

    rows = []
    for one, two in combinations([(t, s) for t in trainings for s in seeds], 2):
        for layer in layers:
            found = (value or usual)(one[0], two[0]) + 0.04 * rng.normal()
            row = {"model": "base", "train_geometry": one[0], "seed": one[1], "other_model": "base"}
            row |= {"other_train_geometry": two[0], "other_seed": two[1], "layer": layer, "state": "done", "n": 40}
            for name in ("cka", "debiased"):
                row |= {name: found, f"{name}_low": found - 0.1, f"{name}_high": found + 0.1}
            rows.append({**row, "measurement": f"{one}-{two}"})
    return frames_of(city_alignments=rows)


def city_maps(updates=(1, 10, 100, 1000), models=("base",), world=WORLD):
    """Maps that unfold over training, rotated in the states; the new cities lie beside their places."""
    rng = np.random.default_rng(3)
    cities = world.build()
    true = np.column_stack([cities.x, cities.y]).astype(float)
    rows = []
    for model in models:
        for step, update in enumerate(updates):
            share = (step + 1) / len(updates)
            turn = rng.normal() if step < len(updates) - 1 else 0.7
            rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            noise = rng.normal(size=true.shape) * 80 * (1 - share) + rng.normal(size=true.shape) * 6
            placed = true * share + noise + np.where(cities.new[:, None], [25.0, -20.0], 0.0)
            raw = (placed - placed.mean(0)) @ rotation / 40
            for i in range(len(cities)):
                row = {"model": model, "train_geometry": "all", "seed": 0, "state": "done"}
                row |= {"update": None if update == updates[-1] else update, "measurement": f"{model}-{update}"}
                row |= {"layer": 2, "city": str(cities.name[i]), "region": str(cities.region[i]), "country": "XX"}
                row |= {"new": bool(cities.new[i]), "x": int(cities.x[i]), "y": int(cities.y[i]), "pc_share": 0.61}
                row |= {"pc1": raw[i, 0], "pc2": raw[i, 1], "pc3": float(rng.normal())}
                row |= {"probe_x": placed[i, 0], "probe_y": placed[i, 1], "rest": float(rng.normal())}
                rows.append(row)
    return frames_of(city_maps=rows)
