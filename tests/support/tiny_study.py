"""A study so small that it runs in a second, answers written by hand, and watchers: what several test folders share."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from offdiag.manifest import manifest_of
from offdiag.methods import FineTuning, InContext, Recipe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import Plan, make_plan
from offdiag.provenance import NOTES
from offdiag.runtime import Runtime
from offdiag.steps import Generations
from offdiag.steps.jsonl import write_jsonl
from offdiag.store import Store, read_json, write_json
from offdiag.store.finished import OF_THE_STORE, checksum
from offdiag.studies.base_addition.task import AdditionDomain as Sums
from offdiag.study import Arm, Cell, Design, Evaluation, Study, StudyParams

# Small enough that a cell of six items takes several batches.
RUNTIME = Runtime(device="cpu", token_budget=200, threads=1)
RECIPE = Recipe(rank=2, alpha=4, learning_rate=1e-2, warmup_updates=0, batch_size=4)


class Params(StudyParams):
    model: ModelSpec
    base: int = 8
    n_eval: int = 6
    shots: tuple[int, ...] = (1, 2)
    recipe: Recipe = RECIPE
    seeds: tuple[int, ...] = (0,)
    max_new_tokens: int = 8


def build(p: Params) -> Design:
    """Sums for tests.

    Zero-shot, k = 1 and 2, and one LoRA arm of two updates.
    """
    domain = Sums(base=p.base)

    def asked(style: str) -> Evaluation:
        return Evaluation(domain=domain, n=p.n_eval, style=style, max_new_tokens=p.max_new_tokens)

    arms = [Arm(model=p.model, method=InContext(k=k, rationale=True), train=domain) for k in p.shots]
    tuned = [Arm(model=p.model, method=FineTuning(n=8, recipe=p.recipe), train=domain, seed=seed) for seed in p.seeds]
    zero = Arm(model=p.model, method=ZeroShot())
    cells = [
        *(Cell(arm=zero, evaluation=asked(style)) for style in ("step-by-step", "direct")),
        *(Cell(arm=arm, evaluation=asked("step-by-step")) for arm in arms),
        *(Cell(arm=arm, evaluation=asked("direct")) for arm in tuned),
    ]
    return Design(cells=tuple(cells), baseline=ZeroShot())


def tiny_study(params: Params, build: Callable[[Params], Design] = build) -> Study[Params]:
    return Study(name="tiny", title="Sums for tests.", claim="", scales={"only": params}, build=build)


def tell_context(stub: Path, context: int) -> None:
    """Let a folder that passes for a model say what shape it has, with this context in tokens."""
    shape = {"num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}
    config = {**shape, "vocab_size": 9, "max_position_embeddings": context, "quantization_config": {}}
    (stub / "config.json").write_text(json.dumps(config))


def tiny_plan(model: Path, **params: object) -> Plan:
    return make_plan(tiny_study(Params(model=ModelSpec(source=f"dir:{model}"), **params)), "only")


def answer_by_hand(
    store: Store,
    answers: Generations,
    right: Callable[[int], bool],
    change: Callable[[dict[str, object]], dict[str, object]] = dict,
) -> None:
    """Finish the step with the right answer where ``right`` says so, with another number elsewhere.

    ``change`` makes of each record what is written.
    """
    examples = answers.examples.sample()
    records = [
        {
            "index": i,
            "example": example.id,
            "prompt": example.problem,
            "completion": f"\\boxed{{{example.target if right(i) else 1}}}",
            "n_prompt": 3,
            "n_tokens": 2,
            "finish": "stop",
        }
        for i, example in enumerate(examples)
    ]
    with store.claim(answers, {}) as folder:
        assert folder is not None
        write_jsonl(folder / "answers.jsonl", [change(record) for record in records])
        store.finish(answers, {"n": len(records)})


def list_again(folder: Path) -> None:
    """Let the result of a step list its files as they are now, as if the step had made them so."""
    write_result(folder, {**read_json(folder / "result.json"), "files": manifest_of(folder, OF_THE_STORE)})


def write_result(folder: Path, result: dict[str, object]) -> None:
    """Write the result of a step as if the step had ended with it."""
    write_json(folder / "result.json", {**result, "crc32": checksum(result)})


def steps_of(plan: Plan, kind: str) -> list:
    return [step for step in plan.steps if step.kind == kind]


def contents(store: Path, *, strict: bool = True) -> dict[str, object]:
    """All records, histories, weights and results of a store, without leases and what is a matter of the clock.

    A file that should be JSON and is not stands for itself, unless ``strict``.
    """
    found: dict[str, object] = {}
    for path in sorted(store.glob("*/*/**/*")):
        if not path.is_file() or path.name.startswith("lease.json") or path.name == NOTES:
            continue
        try:
            found[path.relative_to(store).as_posix()] = _content(path)
        except ValueError:
            if strict:
                raise
            found[path.relative_to(store).as_posix()] = path.read_bytes()
    return found


def _content(path: Path) -> object:
    if path.suffix == ".jsonl":
        return [_timeless(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".json":
        return _timeless(json.loads(path.read_text(encoding="utf-8")))
    return sha256(path.read_bytes()).hexdigest()


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        clock = ("seconds", "finished", "files", "crc32")  # the last two have checksums of what has the first in it
        return {key: _timeless(item) for key, item in value.items() if key not in clock}
    return value


class Recorder:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ends: dict[str, tuple[str, str]] = {}
        self.progress: dict[str, list[tuple[int, int]]] = {}
        self.waited: list[tuple[str, str]] = []

    def started(self, step) -> None:
        self.begun.append(f"{step.kind}/{step.name}")

    def progressed(self, step, done: int, total: int) -> None:
        self.progress.setdefault(f"{step.kind}/{step.name}", []).append((done, total))

    def ended(self, step, state: str, message: str) -> None:
        self.ends[f"{step.kind}/{step.name}"] = (str(state), message)

    def waiting(self, busy) -> None:
        self.waited += [(f"{step.kind}/{step.name}", who) for step, who in busy]
