"""Cells that do what a test wants, without a model; worker processes import them from here."""

import errno
import os
import signal
import time
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from offdiag.drain import Drained
from offdiag.methods import ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import Plan
from offdiag.steps import Examples, Generations, Grades, Step, Trained, Weights, in_order, load_examples
from offdiag.steps.jsonl import append_jsonl, recover_jsonl, write_jsonl
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from support.tiny_study import Params, tiny_study

HUB = ModelSpec(source="hub:org/name")
DOMAIN = AdditionDomain(base=8)
ANSWERS = Generations(
    weights=Weights(spec=HUB),
    examples=Examples(domain=DOMAIN, split="eval", n=1),
    style="direct",
    max_new_tokens=1,
)


class Toy(Grades):
    """A cell that needs other cells and then does ``act``, unless the file ``healed`` beside the store is there."""

    answers: Generations = ANSWERS
    label: str
    needs: tuple[Step, ...] = ()
    act: str = "write"
    model: str | None = None

    @property
    def name(self) -> str:
        return self.label

    @property
    def group(self) -> str | None:
        return self.model

    @cached_property
    def inputs(self) -> tuple[Step, ...]:
        return self.needs

    def run(self, work):
        if not (work.folder.parents[2] / "healed").exists():
            misbehave(self.act, work.folder.parents[1])
        while self.act == "hold" and not (work.folder.parents[2] / "go").exists():  # until a test lets it go on
            work.progress(1, 2)
            time.sleep(0.05)
        text = "".join((work.output(step) / "text").read_text() for step in self.needs)
        if self.act == "gpu":
            text += f"{os.environ.get('CUDA_VISIBLE_DEVICES')} "
        (work.folder / "text").write_text(f"{text}{self.label} ")
        return {"pid": os.getpid(), "threads": work.runtime.threads, "gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}


class ToyTraining(Trained):
    """A training of ``updates`` updates that learns nothing, keeps each update, and may be killed once, after some."""

    tag: ClassVar[str] = "toy-training"
    label: str
    updates: int = 6
    killed_after: int = 0
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.label

    def cost(self, probe):
        return None

    def run(self, work):
        history = work.folder / "history.jsonl"
        kept = recover_jsonl(history)[: max(self.killed_after - 1, 0)]  # the checkpoint is of the update before
        write_jsonl(history, kept)
        for update in range(len(kept) + 1, self.updates + 1):
            time.sleep(self.seconds)
            row = {"update": update, "loss": 1 / update, "text_loss": None, "seconds": time.monotonic()}
            append_jsonl(history, [row])
            if update == self.killed_after and not kept:
                raise Drained
            work.progress(update, self.updates)
        (work.folder / "text").write_text("t")
        return {"updates": self.updates}


class ToyAnswers(Generations):
    """Answers without a model, one after the other and slowly; every third is wrong."""

    tag: ClassVar[str] = "toy"

    @property
    def group(self) -> None:
        return None

    def models(self) -> tuple[ModelSpec, ...]:
        return ()

    def check(self) -> None:
        return

    def cost(self, probe):
        return None

    def run(self, work):
        examples = load_examples(work.output(self.examples))
        partial = work.folder / "answers.partial.jsonl"
        for i in range(len(recover_jsonl(partial)), len(examples)):
            time.sleep(0.002)
            said = f"\\boxed{{{1 if i % 3 == 0 else examples[i].target}}}"
            record = {"index": i, "example": examples[i].id, "prompt": examples[i].problem, "completion": said}
            append_jsonl(partial, [record | {"n_prompt": 3, "n_tokens": 2, "finish": "stop"}])
            work.progress(i + 1, len(examples))
        write_jsonl(work.folder / "answers.jsonl", recover_jsonl(partial))
        partial.unlink()
        return {"n": len(examples)}


def answered_plan(cells: int = 3, n: int = 12) -> Plan:
    """A plan of cells whose answers need no model, and whose records are those of any cell."""
    study, arm, found = tiny_study(Params(model=HUB)), Arm(model=HUB, method=ZeroShot()), {}
    for base in range(8, 8 + cells):
        asked = Evaluation(domain=AdditionDomain(base=base), n=n)
        examples = Examples(domain=asked.domain, split="eval", n=n)
        answers = ToyAnswers(weights=Weights(spec=HUB), examples=examples, style="direct", max_new_tokens=1)
        found[Cell(arm=arm, evaluation=asked)] = Grades(answers=answers)
    return Plan(
        study, "only", study.scales["only"], Design(cells=tuple(found)), found, (), in_order(found.values()), {}
    )


def misbehave(act: str, store: Path) -> None:
    match act:
        case "raise":
            raise ValueError("bad\nthings \ud83d")
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        case "full inside":
            try:
                raise OSError(errno.EDQUOT, "Quota exceeded")
            except OSError:
                raise RuntimeError("could not save") from None
        case "wait":  # until another step has failed, and the engine has heard of it
            while not list(store.glob("*/*/error.txt")):
                time.sleep(0.01)
            time.sleep(0.3)
        case "meet":  # until two are at work side by side
            while len(list(store.glob("cells/*/cell.json"))) < 2:
                time.sleep(0.01)
        case "slow":
            time.sleep(0.05)
        case "sleep":
            time.sleep(1.1)
        case "nap":
            time.sleep(0.5)
        case "denied":
            raise PermissionError(errno.EACCES, "Permission denied")


def toy_plan(*toys: Toy) -> Plan:
    study = tiny_study(Params(model=HUB))
    arm = Arm(model=HUB, method=ZeroShot())
    cells = {Cell(arm=arm, evaluation=Evaluation(domain=DOMAIN, n=i + 1)): toy for i, toy in enumerate(toys)}
    design = Design(cells=tuple(cells))
    return Plan(study, "only", study.scales["only"], design, cells, (), in_order(toys), {})


def text_of(store, toy: Toy) -> str:
    path: Path = store.folder(toy) / "text"
    return path.read_text() if path.exists() else ""
