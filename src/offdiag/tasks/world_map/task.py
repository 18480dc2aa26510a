"""Questions about cities that are known by their ids alone, as a task."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np

from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.seeds import derive
from offdiag.tasks.task import Domain, Example, Grade, PromptStyle, Task, register
from offdiag.tasks.world_map import sampling
from offdiag.tasks.world_map.domain import WorldMapDomain
from offdiag.tasks.world_map.evaluation import evaluation_rows
from offdiag.tasks.world_map.geometries import GEOMETRIES, NAMES
from offdiag.tasks.world_map.grading import EXTRACTOR_VERSION, read_answer
from offdiag.tasks.world_map.sampling import Batch, draw
from offdiag.tasks.world_map.text import TEXT_VERSION, names
from offdiag.tasks.world_map.world import World

BLOCK = 1024
_CITY = re.compile(r"c_([0-9]+)")


@register
class WorldMap(Task[WorldMapDomain]):
    """Geometry on a map that is never shown: cities are random ids, and only answers tell where they lie.

    Park (2026), "Convergent World Representations and Divergent Tasks", arXiv 2602.00533.
    """

    name: ClassVar[str] = "world_map"
    domain_type: ClassVar[type[Domain]] = WorldMapDomain
    data_version: ClassVar[int] = sampling.DATA_VERSION
    prompt_version: ClassVar[int] = TEXT_VERSION
    extractor_version: ClassVar[int] = EXTRACTOR_VERSION

    def domains(self) -> Sequence[WorldMapDomain]:
        """The seven geometries on ordinary cities, and with a new city in every row."""
        groups: tuple[Literal["real", "atlantis"], ...] = ("real", "atlantis")
        return [WorldMapDomain(geometry=geometry, cities=group) for group in groups for geometry in NAMES]

    def size(self, domain: WorldMapDomain, split: str) -> int | None:
        """At most 10,000 for ``eval``, fewer in a small world; ``train`` does not run out, but rows can come again."""
        self.check_split(split)
        return len(evaluation_rows(domain)) if split == "eval" else None

    def examples(self, domain: WorldMapDomain, split: str, n: int, seed: int) -> list[Example]:
        """The first ``n`` examples of a split.

        ``eval`` is fixed by the world, so ``seed`` does not change it.

        Raises:
            UserError: the split is unknown, has fewer than ``n`` examples, or cannot be balanced.
        """
        self.check_available(domain, split, n, "or for a larger world (count, new_count, eval_share)")
        if self.size(domain, split) is not None:
            return list(_examples(evaluation_rows(domain)[:n], "eval", 0))
        found: list[Example] = []
        while len(found) < n:
            batch = draw(domain, split, BLOCK, seed, len(found) // BLOCK)
            found += _examples(batch[: n - len(found)], split, len(found))
        return found

    def demonstrations(self, domain: WorldMapDomain, query: Example, k: int, seed: int) -> list[Example]:
        """``k`` training rows for this query, no two about the same cities, and none about those of the query.

        The draw depends on the seed and the query's id; a smaller ``k`` gives the first of them.

        Raises:
            UserError: the domain has fewer than ``k`` such rows.
        """
        own = derive(seed, self.name, "demonstrations", query.id)
        seen = {self.key(domain, query)}
        chosen: list[Example] = []
        number = 0
        while len(chosen) < k:
            before = len(chosen)
            for example in _examples(draw(domain, "train", BLOCK, own, number), "train", number * BLOCK):
                if len(chosen) < k and (key := self.key(domain, example)) not in seen:
                    seen.add(key)
                    chosen.append(example)
            if len(chosen) == before:  # a whole block without a new row: a small world has been used up
                raise UserError(
                    f"{self.name} {domain}: {k} demonstrations asked for, but it has {before}; "
                    f"ask for k={before} or fewer, or for a larger world (count)"
                )
            number += 1
        return chosen

    def prompt(self, domain: WorldMapDomain, example: Example, style: PromptStyle) -> str:
        """``dist(c_0865,c_4879)=`` in either style: there is nothing to reason in."""
        return f"{example.problem}="

    def response(self, domain: WorldMapDomain, example: Example, *, rationale: bool) -> str:
        """``769``, ``NE`` or ``TRUE``."""
        return example.target

    def grade(self, domain: WorldMapDomain, example: Example, completion: str) -> Grade:
        """Right if it is the very word or number; see :func:`absolute_error` for how far a number is off.

        Flags: ``trailing`` (characters after the number), ``leading-zero``.
        """
        answer, flags = read_answer(GEOMETRIES[domain.geometry], completion)
        status: Literal["parsed", "unparsed"] = "unparsed" if answer is None else "parsed"
        return Grade(parsed=answer, status=status, correct=answer == example.target, flags=flags)

    def parse_problem(self, domain: WorldMapDomain, problem: str) -> Example:
        """The example that ``dist(c_0865,c_4879)`` states, with or without ``=`` at its end.

        Raises:
            UserError: another form, an id that no city has or that comes twice, or cities of the wrong group.
        """
        geometry, world = GEOMETRIES[domain.geometry], domain.build()
        by_name = {name: i for i, name in enumerate(names(world.id, domain.id_digits))}
        found = [f"c_{digits}" for digits in _CITY.findall(problem)]
        sizes = " or ".join(map(str, geometry.sizes))
        if len(found) not in geometry.sizes or geometry.written(found) != f"{problem.removesuffix('=')}=":
            sample = geometry.written(list(by_name)[: geometry.sizes[0]]).removesuffix("=")
            raise UserError(f"problem {problem!r}: expected {sizes} cities, such as {sample}")
        if strange := [name for name in found if name not in by_name]:
            raise UserError(f"problem {problem!r}: no city of this world is {strange[0]} ({domain})")
        if len(set(found)) < len(found):
            raise UserError(f"problem {problem!r}: a city comes twice, expected {len(found)} different ones")
        cities = np.array([[by_name[name] for name in found]], np.int32)
        n_new = int(world.new[cities].sum())
        if (domain.cities == "real" and n_new) or (domain.cities == "atlantis" and not n_new):
            raise UserError(f"problem {problem!r}: {n_new} of its cities are new, which is not cities={domain.cities}")
        answers = geometry.answer(world.x[cities.T], world.y[cities.T])
        batch = Batch(domain, cities, np.array([len(found)], np.int32), answers)
        return next(_examples(batch, "given", 0))

    def key(self, domain: WorldMapDomain, example: Example) -> str:
        """The world and the unordered cities: whatever is asked about them, they are in one split."""
        return f"{_world_name(domain)}:{','.join(sorted(_CITY.findall(example.problem)))}"


def _examples(batch: Batch, split: str, first: int) -> Iterator[Example]:
    new = (batch.cities >= batch.domain.build().n_real).sum(axis=1)
    rows = zip(batch.characters().lines(), batch.sizes.tolist(), new.tolist(), strict=True)
    for i, (line, size, n_new) in enumerate(rows, start=first):
        problem, _, target = line.partition("=")
        strata = {"n_cities": size, "n_new": n_new}
        yield Example(id=f"{split}/{i:07d}/{problem}", problem=problem, target=target, strata=strata)


@lru_cache(maxsize=256)
def _world_name(domain: WorldMapDomain) -> str:
    return fingerprint(World(**{name: getattr(domain, name) for name in World.model_fields}))[:8]
