"""How long the rest of a run will take, with its spread, from how long its finished steps took."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REMEMBERED = 30  # steps of a kind whose times count: the last ones, as a run goes from small steps to large ones
DRAWS = 400  # futures that are drawn
MOST = 300  # steps, or equal parts of the steps of a kind, that are scheduled in each of them
# What is taken for granted before steps have ended: their times differ by a factor of 1.6 (a standard deviation of the
# logarithm), as if two steps had shown it.
SCALE, WEIGHT = 0.5, 2
FAR = 0.15  # the same for a step that says how far it is


class UnderWay(NamedTuple):
    """A step at work: its kind, seconds since it began, and those that it needs by its own progress, if known."""

    kind: str
    elapsed: float
    rest: float | None = None


class TimeLeft(NamedTuple):
    """Seconds that a run still needs, and its 95 % interval; docs/scaling.md says how often that holds."""

    seconds: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it in words: ``12 min left [9.1 min to 16 min]``."""
        low, high = duration(self.low), duration(self.high)
        return f"{duration(self.seconds)} left" + (f" [{low} to {high}]" if low != high else "")


class StepTimes:
    """How long the steps of each kind took, in seconds."""

    def __init__(self) -> None:
        self._took: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def took(self, kind: str, seconds: float) -> None:
        """Note that a step took so long."""
        self._took[kind].append(max(seconds, 1e-3))

    def mean(self, kind: str) -> float | None:
        """Return the mean of a kind's last steps; None where none has ended."""
        took = self._took.get(kind)
        return sum(took) / len(took) if took else None

    def left(self, to_go: Mapping[str, int], under_way: Iterable[UnderWay], runners: int) -> TimeLeft | None:
        """Return how long the rest takes.

        Futures are drawn: the times of a kind are log-normal, with mean and scale as uncertain as its few finished
        steps leave them, and each step goes to the runner that is free first. What steps wait for is left out.

        Args:
            to_go: the number of steps of each kind that nobody has begun. under_way: those at work.
            runners: how many work.

        Returns:
            None where nobody works, or no step of a kind that is to go has ended or says how far it is.
        """
        at_work = list(under_way)
        guessed = {step.kind: step.elapsed + step.rest for step in at_work if step.rest is not None}
        known = {kind: [seconds] for kind, seconds in guessed.items() if seconds > 0}
        known |= {kind: list(took) for kind, took in self._took.items() if took}
        lacking = [w.kind for w in at_work if w.rest is None] + [kind for kind, n in to_go.items() if n]
        if not runners or any(kind not in known for kind in lacking):
            return None
        import numpy as np

        from offdiag.seeds import stream

        draws = _Draws(stream(0, "time left"), {kind: np.log(took) for kind, took in known.items()})
        columns = [draws.rest(step) for step in at_work]
        for kind, n in to_go.items():
            columns += draws.steps(kind, n)
        busy, every = np.zeros((DRAWS, runners)), np.arange(DRAWS)
        for column in columns:
            busy[every, busy.argmin(axis=1)] += column
        low, middle, high = np.quantile(busy.max(axis=1), [0.025, 0.5, 0.975])
        return TimeLeft(float(middle), float(low), float(high))


class _Draws:
    """Drawn times of steps, each an array of ``DRAWS`` seconds; ``logs`` has the logarithms of those that ended."""

    def __init__(self, rng: "np.random.Generator", logs: "Mapping[str, NDArray[np.float64]]") -> None:
        self.rng = rng
        self._of = {kind: self._parameters(took) for kind, took in logs.items()}

    def _parameters(self, logs: "NDArray[np.float64]") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        """Return draws of mean and scale of the logarithm: those of normal data with an inverse chi-squared prior."""
        n = len(logs)
        degrees = WEIGHT + n - 1
        squares = WEIGHT * SCALE**2 + float(((logs - logs.mean()) ** 2).sum())
        scale = (squares / self.rng.chisquare(degrees, DRAWS)) ** 0.5
        return logs.mean() + scale / n**0.5 * self.rng.standard_normal(DRAWS), scale

    def one(self, kind: str) -> "NDArray[np.float64]":
        """Return the time of one step."""
        import numpy as np

        mean, scale = self._of[kind]
        drawn: NDArray[np.float64] = np.exp(mean + scale * self.rng.standard_normal(DRAWS))
        return drawn

    def rest(self, step: UnderWay) -> "NDArray[np.float64]":
        """Return what a step at work still needs: by its progress, or what is over of a time longer than it has had."""
        import numpy as np

        if step.rest is not None:
            noisy: NDArray[np.float64] = step.rest * np.exp(FAR * self.rng.standard_normal(DRAWS))
            return noisy
        whole = self.one(step.kind)
        for _ in range(8):  # by then hardly any is too short, or the step is one that nothing prepared for
            whole = np.where(whole > step.elapsed, whole, self.one(step.kind))
        return np.where(whole > step.elapsed, whole - step.elapsed, step.elapsed / 2)

    def steps(self, kind: str, n: int) -> "list[NDArray[np.float64]]":
        """Return the times of ``n`` steps, of many of them those of equal parts."""
        import numpy as np

        parts = min(n, MOST)
        if parts == n:
            return [self.one(kind) for _ in range(n)]
        mean, scale = self._of[kind]
        scale = np.minimum(scale, 2.0)
        each = np.exp(mean + scale**2 / 2)
        spread = each * np.sqrt(np.expm1(scale**2))
        size = n / parts
        return [
            np.maximum(size * each + size**0.5 * spread * self.rng.standard_normal(DRAWS), 0.0) for _ in range(parts)
        ]


def duration(seconds: float) -> str:
    """Return a time in words of two digits: ``45 s``, ``12 min``, ``3.5 h``, ``2.1 days``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    for unit, size in (("min", 60.0), ("h", 3600.0), ("days", 86400.0)):
        value = seconds / size
        if value < 100 or unit == "days":
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    raise AssertionError
