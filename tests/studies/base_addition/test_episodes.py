import itertools

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.studies.base_addition.episodes import (
    VOCABULARY,
    Episodes,
    Trial,
    draw_trials,
    ideal_correct,
    predictive,
    spelled,
)
from offdiag.studies.base_addition.episodes.draws import deciding
from offdiag.studies.base_addition.episodes.episodes import add, encode
from offdiag.studies.base_addition.task.numerals import from_base, to_base

KNOWN = Episodes()


def sums_of(episodes: Episodes, ids: np.ndarray) -> np.ndarray:
    """Left, right and total of each addition but the last, ``[rows, additions - 1, 3]``; one digit each."""
    chunks = ids[:, : episodes.width * episodes.demonstrations].reshape(len(ids), -1, episodes.width)
    return np.stack([chunks[..., 0], chunks[..., 2], 10 * chunks[..., 4] + chunks[..., 5]], axis=-1)


@pytest.mark.parametrize(("base", "digits"), [(7, 1), (10, 3), (16, 2), (36, 4)])
def test_columns_are_added_as_numbers_are(base, digits):
    left, right = np.random.default_rng(0).integers(0, base, (2, 50, digits))
    for a, b, total in zip(left, right, add(left, right, base), strict=True):
        value = from_base(spelled(a), base) + from_base(spelled(b), base)
        assert spelled(total) == to_base(value, base).rjust(digits + 1, "0")


def test_an_addition_is_spelled_with_a_place_for_the_carry():
    three, five = np.array([3]), np.array([5])
    assert [spelled(encode(three, five, add(three, five, base))) for base in (8, 10)] == ["3+5=10", "3+5=08"]


def test_a_batch_is_a_pure_function_of_seed_and_index():
    once = KNOWN.batch(0, 5, 8)
    KNOWN.batch(1, 0, 8)
    again = KNOWN.batch(0, 5, 8)
    assert np.array_equal(once.ids, again.ids)
    assert np.array_equal(once.targets, again.targets)
    assert not np.array_equal(once.ids, KNOWN.batch(0, 6, 8).ids)
    assert not np.array_equal(once.ids, KNOWN.batch(1, 5, 8).ids)


def test_sequences_have_one_addition_more_than_demonstrations_and_learn_their_sums_only():
    ids, targets = KNOWN.batch(0, 0, 4)
    assert ids.shape == targets.shape == (4, KNOWN.columns) == (4, 14 * 6 - 1)
    assert ids.max() < VOCABULARY == KNOWN.vocabulary
    text = spelled(ids[0])
    for addition in range(14):
        place = 6 * addition + 3  # of "=", where the sum's first digit is to be said
        assert text[place] == "="
        assert (targets[0, place - 3 : place] == -100).all()
        assert (targets[0, place : place + 2] >= 0).all()
    assert np.array_equal(np.where(targets[:, :-1] >= 0, ids[:, 1:], -100), targets[:, :-1])


def test_the_shares_are_those_asked_for():
    quiet = Episodes(rho=0, demonstrations=30)
    rows = 4000
    sums = sums_of(quiet, quiet.batch(0, 0, rows).ids)
    plain = sums[..., 0] + sums[..., 1]
    telling = plain >= 10  # written 10 + rest in each base, so the base is plain - rest
    base = np.where(telling, plain - (sums[..., 2] - 10), 0).max(axis=1)
    assert (base > 0).mean() > 0.99
    shares = np.array([(base == b).mean() for b in quiet.bases])
    assert np.abs(shares - quiet.shares).max() < 4 * np.sqrt(0.25 / rows)


def test_the_noise_is_a_share_rho_and_comes_from_all_other_bases_alike():
    truth = np.full(4000, 2)
    shown = KNOWN.shown(np.random.default_rng(0), truth, 10)
    counts = np.bincount(shown.ravel(), minlength=4) / shown.size
    assert counts == pytest.approx([0.1, 0.1, 0.7, 0.1], abs=4 * np.sqrt(0.21 / shown.size))


def test_operands_stay_in_their_range_and_reach_its_ends():
    sums = sums_of(KNOWN, KNOWN.batch(3, 1, 200).ids)
    assert set(np.unique(sums[..., :2])) == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("digits", [1, 2])
def test_questions_decide_between_all_bases_by_their_last_digit(digits):
    episodes = Episodes(digits=digits, lowest=1)
    for trial in draw_trials(episodes, 40, 0):
        answers = [add(trial.asked_left, trial.asked_right, base) for base in episodes.bases]
        for one, other in itertools.combinations(answers, 2):
            assert np.array_equal(one[..., :-1], other[..., :-1])
            assert (one[..., -1] != other[..., -1]).all()


def test_with_one_digit_the_deciding_sums_are_those_that_carry_in_every_base():
    left, right = np.divmod(np.arange(36), 6)
    kept = deciding(KNOWN, left[:, None] + 1, right[:, None] + 1)
    assert np.array_equal(kept, left + right + 2 >= 10)


def test_trials_do_not_depend_on_the_shares():
    for one, other in zip(draw_trials(KNOWN, 20, 0), draw_trials(KNOWN.rotated(1), 20, 0), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    shorter = draw_trials(KNOWN, 20, 0)[0]
    assert not np.array_equal(shorter.left, draw_trials(KNOWN, 20, 1)[0].left)


def brute_force(episodes: Episodes, trial: Trial, row: int, k: int) -> list[float]:
    """P(each base's sum is shown for the question) by enumerating the episode's base and all sources of its sums."""
    bases, n = episodes.bases, len(episodes.bases)

    def text(left, right, base):
        return to_base(int(left[0]) + int(right[0]), base)

    def source(shown_by, truth):
        return 1 - episodes.rho if shown_by == truth else episodes.rho / (n - 1)

    total, joint = 0.0, [0.0] * n
    for truth, share in enumerate(episodes.shares):
        weight = share
        for t in range(k):
            seen = text(trial.left[row, t], trial.right[row, t], bases[trial.shown[row, t]])
            weight *= sum(source(c, truth) for c in range(n)
                          if text(trial.left[row, t], trial.right[row, t], bases[c]) == seen)  # fmt: skip
        total += weight
        asked = trial.asked_left[row, k], trial.asked_right[row, k]
        for y in range(n):
            joint[y] += weight * sum(source(c, truth) for c in range(n)
                                     if text(*asked, bases[c]) == text(*asked, bases[y]))  # fmt: skip
    return [value / total for value in joint]


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
def test_the_ideal_observer_is_the_exact_posterior(rho):
    episodes = Episodes(bases=(6, 8, 9), shares=(0.2, 0.5, 0.3), highest=5, rho=rho, demonstrations=4)
    for trial in draw_trials(episodes, 6, 0):
        found = predictive(episodes, trial)
        for row, k in itertools.product(range(6), range(5)):
            assert found[row, k] == pytest.approx(brute_force(episodes, trial, row, k), rel=1e-9)


def test_the_ideal_observer_of_the_known_setting():
    curves = [ideal_correct(KNOWN, trial).mean(axis=0) for trial in draw_trials(KNOWN, 2000, 0)]
    assert [curve[0] for curve in curves] == [0, 0, 0, 1]  # the commonest base, until something else is seen
    assert curves[1][[1, 2, 4]] == pytest.approx([0.30, 0.46, 0.62], abs=0.03)


def test_ties_are_shared():
    even = Episodes(shares=(0.25, 0.25, 0.25, 0.25))
    for trial in draw_trials(even, 10, 0):
        assert ideal_correct(even, trial)[:, 0] == pytest.approx(0.25)


def test_rotation_moves_the_shares_and_nothing_else():
    assert KNOWN.rotated(1).shares == (0.60, 0.04, 0.12, 0.24)
    assert KNOWN.rotated(4) == KNOWN
    assert fingerprint(KNOWN.rotated(1)) != fingerprint(KNOWN)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"bases": (8,), "shares": (1.0,)}, "at least two"),
        ({"bases": (8, 7, 9, 10)}, "increasing"),
        ({"bases": (7, 8, 9, 40)}, "from 2 to 36"),
        ({"shares": (0.5, 0.5)}, "2 shares for 4 bases"),
        ({"shares": (0.1, 0.2, 0.3, 0.5)}, "sum to 1.1"),
        ({"shares": (0.0, 0.2, 0.3, 0.5)}, "positive"),
        ({"highest": 7}, "< 7, the smallest base"),
        ({"highest": 4}, "highest >= 5"),
        ({"digits": 2, "lowest": 3}, "lowest < 3"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(fields, words):
    with pytest.raises(UserError, match=words) as caught:
        Episodes(**fields)
    assert "\n" not in str(caught.value)
