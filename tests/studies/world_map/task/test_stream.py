import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.world_map.task import NAMES, WorldMapDomain
from offdiag.studies.world_map.task.stream import BLOCK, BOS, EOS, PAD, TOKENS
from offdiag.tasks import StreamPart, get_task, parse_domain
from offdiag.tasks.stream import NO_TARGET

TASK = get_task("world_map")
SMALL = {"count": 40, "new_count": 8, "id_digits": 2, "per_degree": 1}


def domain(geometry="all", cities="real"):
    return WorldMapDomain(geometry=geometry, cities=cities, **SMALL)


def stream(*parts, loss="answer", data_seed=0):
    return TASK.stream(
        [p if isinstance(p, StreamPart) else StreamPart(domain=p) for p in parts], loss=loss, data_seed=data_seed
    )


def texts(batch):
    """Each row's text up to its padding, and the text of its targets."""
    shown = ["".join(TOKENS[i] for i in row if i != PAD) for row in batch.ids]
    learnt = ["".join(TOKENS[i] for i in row if i != NO_TARGET) for row in batch.targets]
    return list(zip(shown, learnt, strict=True))


def answered(text, cities="real"):
    """The target that the task itself gives to the question of a row."""
    problem = text.removeprefix("<bos>").partition("=")[0]
    return TASK.parse_problem(domain(cities=cities), problem).target


def test_rows_are_questions_with_their_answers_in_all_geometries():
    batch = stream(domain()).batch(0, 0, 70)
    for shown, learnt in texts(batch):
        assert learnt == f"{answered(shown)}<eos>"
        assert shown.endswith(f"={answered(shown)}")
    calls = [shown.removeprefix("<bos>").partition("(")[0] for shown, _ in texts(batch)]
    assert sorted(calls.count(part.question.call) for part in domain().single) == [10] * len(NAMES)


def test_targets_stand_one_place_before_what_they_are():
    batch = stream(domain("distance")).batch(3, 5, 8)
    ids = np.concatenate([batch.ids, np.full((8, 1), PAD)], axis=1)
    learnt = batch.targets != NO_TARGET
    following = np.where(ids[:, 1:] == PAD, EOS, ids[:, 1:])
    assert (batch.targets[learnt] == following[learnt]).all()
    assert (batch.ids[:, 0] == BOS).all()
    assert (learnt.sum(axis=1) >= 2).all()  # a digit and the end


def test_the_whole_text_can_be_learnt():
    shown, learnt = texts(stream(domain("compass"), loss="text").batch(0, 0, 1))[0]
    assert learnt == f"{shown.removeprefix('<bos>')}<eos>"


def test_batches_are_a_pure_function_and_smaller_ones_show_the_same_rows():
    s = stream(domain())
    whole = texts(s.batch(1, 0, 60))
    assert texts(s.batch(1, 0, 60)) == whole
    assert sorted(texts(s.batch(1, 0, 30)) + texts(s.batch(1, 1, 30))) == sorted(whole)
    assert texts(s.batch(2, 0, 60)) != whole


def test_rows_go_on_behind_a_block():
    s = stream(domain("distance"))
    last, first = s.batch(0, BLOCK // 64 - 1, 64), s.batch(0, BLOCK // 64, 64)
    across = s.batch(0, (BLOCK - 32) // 32, 32), s.batch(0, BLOCK // 32, 32)
    assert texts(last)[32:] == texts(across[0])
    assert texts(first)[:32] == texts(across[1])


def test_a_set_of_rows_is_gone_through_once_an_epoch():
    parts = (
        StreamPart(domain=domain("distance+compass", "atlantis"), rows=20, name="target"),
        StreamPart(domain=domain("distance"), rows=7, name="replay"),
        StreamPart(domain=domain("all", "atlantis"), rows=2, name="elicitation"),
    )
    s = stream(*parts)
    n = 2 * 20 + 7 + 7 * 2
    epoch = [row for i in range(n) for row in texts(s.batch(4, i, 1))]
    again = [row for i in range(n, 2 * n) for row in texts(s.batch(4, i, 1))]
    assert sorted(epoch) == sorted(again)
    assert epoch != again
    assert texts(s.batch(4, 1, 40)) == (epoch + again)[40:80]  # batches run over the end of an epoch
    assert sum("dist(" in shown for shown, _ in epoch) == 20 + 7 + 2
    assert sum("cross(" in shown for shown, _ in epoch) == 2
    assert sorted(epoch) != sorted(row for i in range(n) for row in texts(stream(*parts, data_seed=1).batch(4, i, 1)))
    assert s.label == "40+8clustered.target20.replay7.elicitation2"


def test_no_evaluated_tuple_is_ever_learnt():
    asked = {TASK.key(domain("distance"), e) for e in TASK.examples(domain("distance"), "eval", 60, 0)}
    rows = [shown for shown, _ in texts(stream(domain("distance")).batch(0, 0, 3000))]
    keys = {
        TASK.key(domain("distance"), TASK.parse_problem(domain("distance"), t.removeprefix("<bos>").partition("=")[0]))
        for t in rows
    }
    assert len(keys) > 600
    assert not keys & asked


def test_models_of_one_world_have_room_for_all_of_its_questions():
    assert stream(domain("distance")).columns == stream(domain()).columns
    for name in NAMES:
        ids = stream(domain(name, "atlantis")).batch(0, 0, 500).ids
        assert (ids[:, -1] == PAD).all()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "without parts"),
        ([StreamPart(domain=domain(), rows=3), StreamPart(domain=domain())], "give all of them rows, or none"),
        ([domain(), WorldMapDomain(geometry="all", count=41, new_count=8, id_digits=2)], "several worlds"),
    ],
)
def test_impossible_mixtures_are_refused(parts, message):
    with pytest.raises(UserError, match=message):
        stream(*parts)


def test_tasks_in_words_cannot_be_learnt_from_scratch():
    with pytest.raises(UserError, match="base_addition is worded for pretrained models"):
        get_task("base_addition").stream([StreamPart(domain=AdditionDomain(base=8))], loss="answer", data_seed=0)


def test_a_domain_can_ask_for_several_geometries():
    assert parse_domain(TASK, "geometry=all").geometries == NAMES
    assert str(parse_domain(TASK, "geometry=all")) == "geometry=all,cities=real"
    both = parse_domain(TASK, "geometry=compass+distance,count=40")
    assert both.geometry == "distance+compass"
    single = [one.geometry for one in both.single]
    assert single == ["distance", "compass"]
    found = TASK.examples(both, "eval", 9, 0)
    assert [e.problem.partition("(")[0] for e in found] == ["dist", "compass"] * 4 + ["dist"]
    assert found[::2] == TASK.examples(both.single[0], "eval", 5, 0)
    assert TASK.grade(both, found[1], found[1].target).correct
    assert TASK.grade(both, found[0], str(int(found[0].target) + 3)).error == 3
    for wrong, message in (("size", "geometry=size: expected all, or names of"), ("angle+angle", "comes twice")):
        with pytest.raises(UserError, match=message):
            parse_domain(TASK, f"geometry={wrong}")


def test_domains_that_have_been_taken_apart_are_still_equal():
    first, second = domain("distance"), domain("distance")
    assert first.single == (first,)
    assert second.single == (second,)
    assert first == second
    assert len({first, second, domain("compass")}) == 2
