import shutil

import pytest

from offdiag.cli import main
from offdiag.errors import UserError
from offdiag.sharing import find_training, model_card
from offdiag.store import Store
from support.stand_in import REPO


@pytest.mark.parametrize("way", ["name", "folder", "hash", "beginning", "pattern"])
def test_an_adapter_by_name_hash_beginning_or_pattern(shared, first, way):
    folder = shared.first
    texts = {"name": first.step.name, "folder": folder, "hash": folder[-8:], "beginning": folder[:-3]}
    assert find_training(shared.store, texts.get(way, f"*{folder[-10:]}"), [shared.study]) == first


def test_what_it_stands_on(shared, first, second):
    assert first.before == ()
    assert second.before == ((first.step, shared.store.folder(first.step)),)
    assert first.spec == second.spec


@pytest.mark.parametrize(
    ("arm", "answer"),
    [
        ("no-such-arm", "no training 'no-such-arm' in .*; the nearest: tiny"),
        ("*", r"'\*' matches 4 trainings: tiny"),
        ("above", "stands on the whole model .*, which no hub has"),
    ],
)
def test_names_that_select_no_adapter(shared, arm, answer):
    with pytest.raises(UserError, match=answer):
        find_training(shared.store, shared._asdict().get(arm, arm), [shared.study])


def test_the_nearest_name_comes_first(shared, first):
    with pytest.raises(UserError) as told:
        find_training(shared.store, first.step.name[:-1] + "9")
    assert str(told.value).partition("nearest: ")[2].startswith(first.step.name)


def test_an_empty_store(tmp_path):
    with pytest.raises(UserError, match="no training is in the store"):
        find_training(Store(tmp_path / "nothing"), "x")


@pytest.fixture
def copied(shared, tmp_path):
    shutil.copytree(shared.store.root, tmp_path / "store")
    return Store(tmp_path / "store")


def test_an_unfinished_training_is_not_pushed(copied, shared):
    (copied.root / "training" / shared.first / "result.json").unlink()
    with pytest.raises(UserError, match=r"is not finished \(missing\): type `offdiag run '.*two stages.py' --scale"):
        find_training(copied, shared.first, [shared.study])
    with pytest.raises(UserError, match="which is no longer in the store"):
        find_training(copied, shared.second, [shared.study])


def test_the_command_uploads_nothing_without_a_yes(shared, first, capsys):
    def push(*words):
        with pytest.raises(SystemExit) as ended:
            main(["push", shared.first, REPO, *words, "--store", str(shared.store.root), "--study", shared.study])
        return ended.value.code, *capsys.readouterr()

    code, _, told = push()
    assert code == 2
    assert told == f"offdiag: nothing was uploaded: --yes sends {first.step.name} to {REPO} (private), --dry-run " + (
        "prints its card\n"
    )
    code, card, _ = push("--dry-run", "--yes")
    assert not code
    assert card == model_card(first, REPO, shared.store)
