"""The task ``files``: rows of a person's own data, with prompts, answers and graders as its domain says."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from offdiag.conversation import plain, turns_of, with_last, with_system
from offdiag.errors import UserError, some
from offdiag.identity import Json
from offdiag.seeds import stream
from offdiag.tasks.data import once
from offdiag.tasks.domain import Domain
from offdiag.tasks.extraction import EXTRACTION_VERSION
from offdiag.tasks.files.domain import AUTO, FilesDomain
from offdiag.tasks.files.facts import check_targets, longest, overlaps, parts_of, remarks, tried
from offdiag.tasks.files.graders import Choice, Grader
from offdiag.tasks.files.items import LETTERS, Items, items_of
from offdiag.tasks.files.named_graders import grader_of
from offdiag.tasks.files.parts import part_of
from offdiag.tasks.task import Example, Grade, PromptStyle, Task

LEAD = "Answer:"
REASON = "Think step by step, then give the answer on a last line that begins with Answer:"


class Files(Task[FilesDomain]):
    """Your own data: rows of a file, a saved data set or one on the hub, by columns or templates, with a grader."""

    name: ClassVar[str] = "files"
    domain_type: ClassVar[type[Domain]] = FilesDomain
    extractor_version: ClassVar[int] = EXTRACTION_VERSION + 1  # 1: words are compared without the marks of bold text
    preamble: ClassVar[str] = ""
    separator: ClassVar[str] = "\n\n"
    response_prefix: ClassVar[str] = " "
    reads_data: ClassVar[bool] = True
    hashes_rows: ClassVar[bool] = True
    overlap_advice: ClassVar[str] = "leave them out with --drop-overlap (without= of the domain), or give another file"

    def __init__(self) -> None:
        self._graders: dict[FilesDomain, Grader] = {}

    def domains(self) -> Sequence[FilesDomain]:
        """Return none: the data are yours."""
        return ()

    def size(self, domain: FilesDomain, split: str) -> int:
        self.check_split(split)
        return len(part_of(domain, split))

    def examples(self, domain: FilesDomain, split: str, n: int, seed: int) -> list[Example]:
        """Return the first ``n`` rows of a split, in an order of the seed in which a new row moves no other one.

        Raises:
            UserError: the split is unknown or has fewer rows, or the data cannot be read.
        """
        self.check_split(split)
        self.check_available(domain, split, n)
        part = part_of(domain, split)
        places = part.order(seed).tolist()
        places = part.in_turn(places) if split == "train" and domain.order == "balanced" else places
        return [part.example(place) for place in places[:n]]

    def demonstrations(self, domain: FilesDomain, query: Example, k: int, seed: int) -> list[Example]:
        """Return ``k`` training rows in an order of the query's own, none of which asks what it asks."""
        part = part_of(domain, "train")
        draws = stream(seed, self.name, "demonstrations", query.id)
        asked, found = self.key(domain, query), list[Example]()
        places = part.places[draws.permutation(len(part))].tolist()
        for place in part.in_turn(places) if domain.order == "balanced" else places:
            if len(found) == k:
                break
            if self.key(domain, example := part.example(place)) != asked:
                found.append(example)
        if len(found) < k:
            raise UserError(
                f"{domain}: {some(k, 'demonstration')} asked for, but "
                f"{some(len(found), 'training row is', 'training rows are')} there beside the query; "
                f"ask for {len(found)} or fewer"
            )
        return found

    def prompt(self, domain: FilesDomain, example: Example, style: PromptStyle) -> str:
        """Return the row's prompt with its choices as they are shown, the lead, and the turns before it."""
        turns = turns_of(example.problem)
        lines = [turns[-1].text, *_shown(domain, example)]
        lines.append(REASON if style == "step-by-step" else self._lead(domain))
        prompt = with_last(example.problem, "\n".join(filter(None, lines)))
        return with_system(prompt, domain.system)

    def response(self, domain: FilesDomain, example: Example, *, rationale: bool) -> str:
        """Return the target, after the rationale where the row has one."""
        return f"{example.rationale}\n{LEAD} {example.target}" if rationale and example.rationale else example.target

    def grade(self, domain: FilesDomain, example: Example, completion: str) -> Grade:
        if domain not in self._graders:
            self._graders[domain] = self._grader(domain)
        grader = self._graders[domain]
        if not example.references:
            return grader.grade(example, completion)
        every = [
            grader.grade(replace(example, target=one), completion) for one in (example.target, *example.references)
        ]
        best = max(every, key=lambda grade: (grade.status == "parsed", grade.score or 0.0, grade.correct))
        right = best.correct and best.score is None
        return replace(best, parsed=example.target) if right else best

    def grader_identity(self, domain: FilesDomain) -> Json:
        """Return the grader as it is now: its name and settings, or the hash of a function's code."""
        self._graders[domain] = self._grader(domain)
        return self._graders[domain].identity()

    def metric(self, domain: FilesDomain) -> str:
        return "" if domain.grader == AUTO else grader_of(domain.grader).metric

    def vets_choices(self, domain: FilesDomain) -> bool:
        """Whether rows have choices, which were checked as they were read."""
        return self.has_choices(domain)

    def parse_problem(self, domain: FilesDomain, problem: str) -> Example:
        """Return the row that asks ``problem``, or that has this id.

        Raises:
            UserError: there is none.
        """
        for part in parts_of(domain).values():
            for place in part.places.tolist():
                if problem in (part.items.problems[place], part.items.ids[place]):
                    return part.items.example(place, part.labels)
        raise UserError(
            f"no row of {domain} asks {problem[:60]!r}, or has this id: give a prompt or an id of its files"
        )

    def key(self, domain: FilesDomain, example: Example) -> str:
        """Return what is asked, with the choices of the row where it has some of its own."""
        return "\0".join((example.problem, *(() if domain.labels else example.choices)))

    def place(self, domain: FilesDomain, split: str, example: Example) -> str:
        """Return the file and line of an example."""
        part = part_of(domain, split)
        return part.items.where(part.items.ids.index(example.id))

    def check_data(self, domain: FilesDomain, split: str) -> None:
        part, grader = part_of(domain, split), self._grader(domain)
        if domain.answer == "letter" and not any(items.how.choices for items in _all_items(domain)):
            raise UserError(f"{domain}: answer=letter needs rows with choices: name their column (--choices, choices=)")
        once(lambda: check_targets(domain, part, grader), "targets", domain, split)

    def remarks(self, domain: FilesDomain) -> list[str]:
        """Return balance, copies, what is left out, and what a person's own grader says of right answers."""
        parts, grader = parts_of(domain), self._grader(domain)
        return [*remarks(domain), *(line for part in list(parts.values())[-1:] for line in tried(part, grader))]

    def overlaps(self, taught: Sequence[FilesDomain], asked: Sequence[FilesDomain]) -> list[str]:
        """Return which files share prompts, up to case, white space and punctuation."""
        return list(overlaps(taught, asked))

    def longest(self, domain: FilesDomain) -> list[str]:
        examples = [part.example(place) for part in parts_of(domain).values() for place in longest(part)]
        return [
            f"{plain(self.prompt(domain, e, 'direct'))} {self.response(domain, e, rationale=True)}" for e in examples
        ]

    def _lead(self, domain: FilesDomain) -> str:
        if domain.lead != AUTO:
            return domain.lead
        items: Items = part_of(domain, "train" if domain.train else "eval").items
        return "" if items.how.chat or items.how.template else LEAD

    def _grader(self, domain: FilesDomain) -> Grader:
        chosen = self.has_choices(domain)
        if domain.grader == AUTO:
            return Choice(letters=_lettered(domain)) if chosen else grader_of("exact")
        if domain.grader == Choice.name:
            if not chosen:
                raise UserError(
                    f"{domain}: grader choice needs choices: name their column (--choices, choices=), or give labels "
                    "(--labels auto, labels=auto)"
                )
            return Choice(letters=_lettered(domain))
        return grader_of(domain.grader)

    def has_choices(self, domain: FilesDomain) -> bool:
        """Return whether each row has choices, of its own or of the whole data set."""
        return bool(domain.labels) or any(items.how.choices for items in _all_items(domain))


def _all_items(domain: FilesDomain) -> list[Items]:
    return [items_of(source, role, domain.columns) for role, source in domain.sources.items()]


def _lettered(domain: FilesDomain) -> bool:
    """Return whether the prompt shows the choices with letters."""
    return domain.options == "lettered" or (domain.options == "auto" and not domain.labels)


def _shown(domain: FilesDomain, example: Example) -> list[str]:
    """Return the lines by which a prompt shows the choices; those of letters are part of the problem."""
    if domain.answer == "letter" or domain.options == "hidden":
        return []
    if example.choices and _lettered(domain):
        return [f"{letter}) {text}" for letter, text in zip(LETTERS, example.choices, strict=False)]
    return [f"Answer with one of: {', '.join(example.choices)}"] if domain.options == "listed" else []
