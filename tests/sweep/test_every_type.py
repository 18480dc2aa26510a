"""Ask a tiny random model of every causal type of the installed transformers, and hold its answers to the model alone.

There are three outcomes: equal on the shared path, equal on a plainer one, refused in one line. Anything else fails.
The table of outcomes in ``docs/models.md`` is written anew: ``make sweep``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from offdiag.errors import UserError
from offdiag.models.directions import check_direction
from offdiag.models.lm import LM
from offdiag.models.loading import check_fit
from offdiag.models.source import source_of
from support.architectures import TYPES, tiny_of
from support.by_itself import differences
from support.tiny import make_tiny_tokenizer

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
BEGIN, END = "<!-- table: make sweep -->", "<!-- end of table -->"

# Types of which no model is made here: loading one ends in an error, which is told in one line.
NOT_LOADED = {
    "dots3_note", "gemma3n", "gemma4_assistant", "gemma4_unified_assistant", "musicgen", "musicgen_melody",
}  # fmt: skip

# Types whose text part, saved by itself, transformers cannot load again: a released model has the whole configuration.
NOT_BY_ITSELF = {"emu3", "mllama"}

pytestmark = pytest.mark.sweep


class Outcome(NamedTuple):
    """How a type is served, and why it is not asked by the shared path or is refused."""

    kind: str
    served: str
    reason: str


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    found: list[Outcome] = []
    yield found
    if len(found) == len(TYPES):
        write_table(found)


@pytest.mark.parametrize("kind", TYPES)
def test_a_type_answers_as_it_does_alone_or_is_refused(kind: str, outcomes: list[Outcome]) -> None:
    if kind in NOT_LOADED:
        with pytest.raises(Exception) as failed:  # noqa: PT011  (whatever it is, loading tells it)
            tiny_of(kind)
        outcomes.append(Outcome(kind, "refused", f"it cannot be loaded: {' '.join(str(failed.value).split())}"))
        return
    model = tiny_of(kind)
    try:
        lm = LM(model, make_tiny_tokenizer())
    except UserError as error:
        outcomes.append(Outcome(kind, "refused", str(error)))
        if "later ones" in str(error) and kind != "reformer":  # made a decoder here: a cache of chunks is its fault
            with pytest.raises(UserError, match="attends both ways"):
                check_direction(model.config.to_diff_dict(), kind)
        return
    check_direction(model.config.to_dict(), kind)
    assert differences(lm, tiny_of(kind)) == []
    outcomes.append(Outcome(kind, f"equal, {lm.verdict.path}", lm.plain_because or ""))


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in NOT_LOADED])
def test_the_plan_refuses_no_weights_of_a_type(kind: str, tmp_path: Path) -> None:
    tiny_of(kind).save_pretrained(tmp_path)
    if kind in NOT_BY_ITSELF:
        with pytest.raises(UserError, match="Unrecognized configuration class"):
            check_fit(source_of(f"dir:{tmp_path}"), tmp_path)
        return
    check_fit(source_of(f"dir:{tmp_path}"), tmp_path)


def write_table(found: list[Outcome]) -> None:
    counts = {served: sum(o.served == served for o in found) for served in dict.fromkeys(o.served for o in found)}
    told = "; ".join(f"{n} {served}" for served, n in sorted(counts.items()))
    rows = [
        f"| {o.kind} | {MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[o.kind]} | {o.served} | {_cell(o.reason)} |" for o in found
    ]
    head = "| type | class | outcome | why |\n|---|---|---|---|\n"
    said = f"transformers {transformers.__version__}, {len(found)} types: {told}.\n\n"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{said}{head}" + "\n".join(rows) + f"\n\n{END}{after}", encoding="utf-8")


def _cell(reason: str, most: int = 240) -> str:
    text = reason.replace("|", "/")
    return text if len(text) <= most else text[: most - 2] + " …"
