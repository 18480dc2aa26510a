"""Scheduler: decides which step runs next; pure bookkeeping, shared by all engines, linear in the steps."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, TypeAlias

from offdiag.steps import Step, Trained

Takes: TypeAlias = Callable[[Step], bool]


class _Rank(NamedTuple):
    """Order in which steps of a group are handed out: those that make weights first, then as planned or drawn."""

    late: bool
    place: int


@dataclass
class Scheduler:
    """Hands out the pending steps: inputs first, and steps that share a loaded model one after the other.

    A step that another runner has is *waiting*, since the store will say how it ended.

    Attributes:
        pending: the steps that nobody is known to have begun, by fingerprint, in plan order.
        waiting: those that other runners have, or that only others can take.
        running: fingerprints of those that run here. done, failed, busy, blocked: of the others, as they come in;
            ``blocked`` maps to the name of the step that stands in the way. by_others: those of ``done`` that another
            runner did.
        patient: whether a step that is busy elsewhere is waited for. takes: whether this runner can do a step.
    """

    pending: dict[str, Step]
    waiting: dict[str, Step] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    blocked: dict[str, str] = field(default_factory=dict)
    by_others: set[str] = field(default_factory=set)
    patient: bool = True
    takes: Takes = field(default=lambda step: True)
    _ranks: dict[str, _Rank] = field(default_factory=dict)
    _lacking: dict[str, int] = field(default_factory=dict)  # how many inputs are not done
    _users: dict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))
    # Ready steps by group as heaps of rank and fingerprint; a step that is pending no more is dropped when it shows up.
    _ready: dict[str | None, list[tuple[_Rank, str]]] = field(default_factory=lambda: defaultdict(list))
    _groups: list[tuple[_Rank, str]] = field(default_factory=list)  # the same of all groups that need a model
    _elsewhere: Counter[str | None] = field(default_factory=Counter)  # steps that others have, by group

    @classmethod
    def of(
        cls, needed: Sequence[Step], *, patient: bool = True, draw: Random | None = None, takes: Takes | None = None
    ) -> "Scheduler":
        """Return a scheduler of the needed steps; whatever else they depend on is finished.

        Args:
            needed: the steps, inputs first. patient: see the class.
            draw: hands out in a random order, so that many runners do not all want the same step.
            takes: whether this runner can do a step; the others are left to other runners.
        """
        found = cls({step.fingerprint: step for step in needed}, patient=patient, takes=takes or (lambda step: True))
        places = list(range(len(needed)))
        if draw is not None:
            draw.shuffle(places)
        for step, place in zip(needed, places, strict=True):
            found._ranks[step.fingerprint] = _Rank(not isinstance(step, Trained), place)
            inputs = {i.fingerprint for i in step.inputs} & found.pending.keys()
            found._lacking[step.fingerprint] = len(inputs)
            for name in inputs:
                found._users[name].append(step)
        for step in needed:
            found._offer(step)
        return found

    def next(self, loaded: str | None) -> Step | None:
        """Return a step that can start now: light steps first, then those of the model that is ``loaded``.

        Of the others those come first whose model the fewest other runners have, and of these those that make weights:
        what they make is then there while its base is loaded.
        """
        step = self._first(self._ready[None]) or (self._first(self._ready[loaded]) if loaded else None)
        step = step or (self._least_wanted() if self._elsewhere else self._first(self._groups))
        if step is not None:
            self._start(step)
        return step

    def more_of(self, group: str | None, most: int, small: Takes) -> list[Step]:
        """Return up to ``most`` further steps of a group that can start now, as long as they are small."""
        found: list[Step] = []
        while len(found) < most and (step := self._first(self._ready[group])) is not None and small(step):
            self._start(step)
            found.append(step)
        return found

    def suits(self, loaded: str | None) -> bool:
        """Return whether a step can start now that needs no other model than the one that is ``loaded``."""
        return any(self._first(self._ready[group]) is not None for group in {None, loaded})

    def finish(self, step: Step, *, by_others: bool = False) -> None:
        """Note that the step is done, here or by another runner."""
        if by_others:
            self.by_others.add(step.fingerprint)
        self._leave(step)
        self.done.add(step.fingerprint)
        for user in self._users[step.fingerprint]:
            self._lacking[user.fingerprint] -= 1
            self._offer(user)

    def lose(self, step: Step, *, busy: bool = False) -> list[Step]:
        """Note that the step failed, or is busy elsewhere, and return the steps that can therefore not run."""
        self._leave(step)
        (self.busy if busy else self.failed).add(step.fingerprint)
        return self._block(step)

    def postpone(self, step: Step) -> None:
        """Note that another runner has the step."""
        self._leave(step)
        self.waiting[step.fingerprint] = step
        self._elsewhere[step.group] += 1

    def put_back(self, step: Step) -> None:
        """Note that nobody has the step any more: it is pending again."""
        self._leave(step)
        self.pending[step.fingerprint] = step
        self._offer(step)

    def known(self, step: Step) -> bool:
        """Return whether the step is pending here, or waited for."""
        return step.fingerprint in self.pending or step.fingerprint in self.waiting

    @property
    def finished(self) -> bool:
        """Whether nothing is left to start or to wait for."""
        return not self.pending and not self.running and not self.waiting

    def _offer(self, step: Step) -> None:
        """Make a pending step ready if its inputs are done."""
        name = step.fingerprint
        if name not in self.pending or self._lacking[name]:
            return
        if not self.takes(step):
            self.postpone(step)
            return
        entry = (self._ranks[name], name)
        heapq.heappush(self._ready[step.group], entry)
        if step.group is not None:
            heapq.heappush(self._groups, entry)

    def _first(self, heap: list[tuple[_Rank, str]]) -> Step | None:
        while heap and heap[0][1] not in self.pending:
            heapq.heappop(heap)
        return self.pending[heap[0][1]] if heap else None

    def _least_wanted(self) -> Step | None:
        firsts = ((g, step) for g, heap in self._ready.items() if g and (step := self._first(heap)) is not None)
        chosen = min(firsts, key=lambda it: (self._elsewhere[it[0]], self._ranks[it[1].fingerprint]), default=None)
        return None if chosen is None else chosen[1]

    def _start(self, step: Step) -> None:
        del self.pending[step.fingerprint]
        self.running.add(step.fingerprint)

    def _leave(self, step: Step) -> None:
        """Take the step out of whatever it is in."""
        self.running.discard(step.fingerprint)
        self.pending.pop(step.fingerprint, None)
        if self.waiting.pop(step.fingerprint, None) is not None:
            self._elsewhere[step.group] -= 1
            if not self._elsewhere[step.group]:
                del self._elsewhere[step.group]

    def _block(self, step: Step) -> list[Step]:
        """Drop all steps that need ``step``, and return them."""
        found: dict[str, Step] = {}
        lost = [step]
        for one in lost:  # it grows
            users = [u for u in self._users[one.fingerprint] if self.known(u) and u.fingerprint not in found]
            found |= {user.fingerprint: user for user in users}
            lost += users
        for name, user in found.items():
            self._leave(user)
            self.blocked[name] = step.name
        return list(found.values())
