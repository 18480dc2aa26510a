"""Task world_map: geometry questions about cities known by their ids alone, and how far off an answer is."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.seeds import derive
from offdiag.studies.world_map.task import sampling
from offdiag.studies.world_map.task.domain import WorldMapDomain
from offdiag.studies.world_map.task.geometries import NAMES, Geometry
from offdiag.studies.world_map.task.sampling import EVAL_SIZE, CityBatch, available, draw, evaluation_rows
from offdiag.studies.world_map.task.stream import MapStream
from offdiag.studies.world_map.task.text import TEXT_VERSION, names
from offdiag.tasks.domain import Domain
from offdiag.tasks.extraction import EXTRACTION_VERSION, Choices, choice_answer, number_answer
from offdiag.tasks.stream import Loss, StreamPart
from offdiag.tasks.task import Example, Grade, PromptStyle, Task

_MOST_DIGITS = 18
_NUMBER = re.compile(rf"([0-9]{{1,{_MOST_DIGITS}}})(?![0-9])(.*)", re.DOTALL)
_WRITTEN_OUT = re.compile(r"[,'{*×·+/=?%:^-]|\\|[eExX][0-9]")  # what makes more of a number's beginning than a number


class ParsedAnswer(NamedTuple):
    """The answer in a completion, or None; flags: ``trailing``, ``leading-zero``."""

    text: str | None
    flags: tuple[str, ...] = ()


def read_answer(geometry: Geometry, completion: str) -> ParsedAnswer:
    """Return the answer in a completion; white space between its characters does not matter.

    A model of this world begins with it: a word, in either case, or a number, after which other characters may follow
    (flag ``trailing``), and zeros in front of which do not make it wrong (flag ``leading-zero``). What a model of
    language writes around it is read like the answers of other tasks.
    """
    text = "".join(completion.split())
    if geometry.words:
        if text.upper() in geometry.words:
            return ParsedAnswer(text.upper())
        return ParsedAnswer(*choice_answer(completion, Choices(geometry.words, letters=False)))
    match = _NUMBER.match(text)
    if match is None or _WRITTEN_OUT.match(match[2]) is not None:
        answer, flags = number_answer(completion)
        return ParsedAnswer(answer, flags) if answer is not None and answer.isdigit() else ParsedAnswer(None)
    number = str(int(match[1]))
    found = [name for name, there in (("trailing", match[2]), ("leading-zero", number != match[1])) if there]
    return ParsedAnswer(number, tuple(found))


def absolute_error(geometry: Geometry, target: str, answer: str | None) -> float | None:
    """Return how far a number is from the right one, in units of the plane (area: squared, angle: degrees).

    None for words, and where no answer could be read: the share of those is told beside a mean error and is no part of
    it.
    """
    if geometry.words or answer is None:
        return None
    return float(abs(int(answer) - int(target)))


BLOCK = 1024
_CITY = re.compile(r"c_([0-9]+)")


class WorldMap(Task[WorldMapDomain]):
    """Geometry on a map that is never shown: cities are random ids, and only answers say where they lie.

    Park (2026), "Convergent World Representations and Divergent Tasks", arXiv 2602.00533.
    """

    name: ClassVar[str] = "world_map"
    domain_type: ClassVar[type[Domain]] = WorldMapDomain
    data_version: ClassVar[int] = sampling.DATA_VERSION
    prompt_version: ClassVar[int] = TEXT_VERSION
    extractor_version: ClassVar[int] = EXTRACTION_VERSION
    graded_by_error: ClassVar[bool] = True
    response_prefix: ClassVar[str] = "\n"

    def domains(self) -> Sequence[WorldMapDomain]:
        """Return the seven geometries on ordinary cities, and with a new city in every row."""
        groups: tuple[Literal["real", "atlantis"], ...] = ("real", "atlantis")
        return [WorldMapDomain(geometry=geometry, cities=group) for group in groups for geometry in NAMES]

    def size(self, domain: WorldMapDomain, split: str) -> int | None:
        """Return at most 10,000 per geometry for ``eval``, fewer in a small world; ``train`` does not run out."""
        self.check_split(split)
        return None if split == "train" else available(domain, split, EVAL_SIZE * len(domain.single))

    def examples(self, domain: WorldMapDomain, split: str, n: int, seed: int) -> list[Example]:
        """Return the first ``n`` examples of a split; the geometries of a domain that has several take turns.

        ``eval`` is fixed by the world, so ``seed`` does not change it.

        Raises:
            UserError: the split is unknown, has fewer than ``n`` examples, or cannot be balanced.
        """
        if split not in self.splits or n < 0 or available(domain, split, n) < n:
            self.check_available(domain, split, n, "or for a larger world (count, new_count, eval_share)")
        most = -(-n // len(domain.single))
        drawn = [_drawn(part, split, most, seed) for part in domain.single]
        return [example for turn in zip(*drawn, strict=True) for example in turn][:n]

    def demonstrations(self, domain: WorldMapDomain, query: Example, k: int, seed: int) -> list[Example]:
        """Return ``k`` training rows for this query, no two about the same cities, none about those of the query.

        The draw depends on the seed and the query's id; a smaller ``k`` gives the first of them.

        Raises:
            UserError: the domain has fewer than ``k`` such rows.
        """
        query_seed = derive(seed, self.name, "demonstrations", query.id)
        seen = {self.key(domain, query)}
        chosen: list[Example] = []
        number = 0
        while len(chosen) < k:
            before = len(chosen)
            for example in _block(domain, query_seed, number):
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
        """Return ``dist(c_0865,c_4879)=`` in either style: there is no text to reason in."""
        return f"{example.problem}="

    def response(self, domain: WorldMapDomain, example: Example, *, rationale: bool) -> str:
        """Return the answer: ``769``, ``NE`` or ``TRUE``."""
        return example.target

    def grade(self, domain: WorldMapDomain, example: Example, completion: str) -> Grade:
        """Grade a completion: right if it is the very word or number; ``error`` says how far a number is off.

        Flags: ``trailing`` (characters after the number), ``leading-zero``, and those of :func:`number_answer`.
        """
        geometry = _one_of(domain, example.problem).question
        answer, flags = read_answer(geometry, completion)
        status: Literal["parsed", "unparsed"] = "unparsed" if answer is None else "parsed"
        error = absolute_error(geometry, example.target, answer)
        return Grade(parsed=answer, status=status, correct=answer == example.target, flags=flags, error=error)

    def parse_problem(self, domain: WorldMapDomain, problem: str) -> Example:
        """Return the example that ``dist(c_0865,c_4879)`` states, with or without ``=`` at its end.

        Raises:
            UserError: another form, an id that no city has or that comes twice, or cities of the wrong group.
        """
        domain = _one_of(domain, problem)
        geometry, world = domain.question, domain.build()
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
        batch = CityBatch(domain, cities, np.array([len(found)], np.int32), answers)
        return next(_examples(batch, "given", 0))

    def stream(self, parts: Sequence[StreamPart], *, loss: Loss, data_seed: int) -> MapStream:
        """Return training batches of ``<bos>dist(c_0865,c_4879)=769<eos>``, one token per character.

        Raises:
            UserError: the parts are of several worlds, or some have rows and some have not.
        """
        return MapStream(parts=tuple(parts), loss=loss, data_seed=data_seed)

    def key(self, domain: WorldMapDomain, example: Example) -> str:
        """Return the world and the unordered cities: whatever is asked about them, they are in one split."""
        return f"{_world_name(domain)}:{','.join(sorted(_CITY.findall(example.problem)))}"


def _one_of(domain: WorldMapDomain, problem: str) -> WorldMapDomain:
    """Return the domain of the geometry that a problem asks for; the first one where it asks for none of them."""
    call = problem.partition("(")[0]
    return next((part for part in domain.single if part.question.call == call), domain.single[0])


def _drawn(domain: WorldMapDomain, split: str, n: int, seed: int) -> list[Example]:
    """Return the first ``n`` examples of one geometry."""
    if split == "eval":
        return list(_examples(evaluation_rows(domain, max(n, 1))[:n], split, 0))
    blocks = (_examples(draw(domain, split, BLOCK, seed, i), split, i * BLOCK) for i in range(-(-n // BLOCK)))
    return [example for block in blocks for example in block][:n]


def _block(domain: WorldMapDomain, seed: int, number: int) -> list[Example]:
    """Return block ``number`` of the training examples, every geometry in turn."""
    drawn = [_examples(draw(one, "train", BLOCK, seed, number), "train", number * BLOCK) for one in domain.single]
    return [example for turn in zip(*drawn, strict=True) for example in turn]


def _examples(batch: CityBatch, split: str, first: int) -> Iterator[Example]:
    new = (batch.cities >= batch.domain.build().n_real).sum(axis=1)
    rows = zip(batch.characters().lines(), batch.sizes.tolist(), new.tolist(), strict=True)
    for i, (line, size, n_new) in enumerate(rows, start=first):
        problem, _, target = line.partition("=")
        strata = {"n_cities": size, "n_new": n_new}
        yield Example(id=f"{split}/{i:07d}/{problem}", problem=problem, target=target, strata=strata)


@lru_cache(maxsize=256)
def _world_name(domain: WorldMapDomain) -> str:
    return fingerprint(domain.world)[:8]
