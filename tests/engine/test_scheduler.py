from random import Random

from offdiag.engine.scheduler import Scheduler
from support.toys import Toy


def drain(scheduler):
    """Finish everything in the order in which it is handed out, as an engine with one model slot does."""
    order, loaded = [], None
    while (step := scheduler.next(loaded)) is not None:
        loaded = step.group or loaded
        order.append(step.label)
        scheduler.finish(step)
    return "".join(order)


def test_steps_that_share_a_model_run_one_after_the_other():
    steps = [Toy(label=name, model=model) for name, model in zip("abcdef", "xyzxyz", strict=True)]
    assert drain(Scheduler.of(steps)) == "adbecf"


def test_light_steps_come_first_and_inputs_before_what_needs_them():
    heavy = Toy(label="h", model="x")
    light = Toy(label="l")
    both = Toy(label="b", model="y", needs=(heavy, light))
    grade = Toy(label="g", needs=(both,))
    other = Toy(label="o", model="x")
    assert drain(Scheduler.of([both, grade, heavy, light, other])) == "lhobg"


def test_what_suits_a_loaded_model():
    heavy = Toy(label="h", model="x")
    scheduler = Scheduler.of([heavy, Toy(label="l", needs=(heavy,))])
    assert scheduler.suits("x")
    assert not scheduler.suits("y")
    assert not scheduler.suits(None)
    scheduler.finish(scheduler.next(None))
    assert scheduler.suits("y")


def test_a_step_waits_for_an_input_that_is_still_running():
    first = Toy(label="a")
    scheduler = Scheduler.of([first, Toy(label="b", needs=(first,))])
    assert scheduler.next(None) is first
    assert scheduler.next(None) is None
    assert not scheduler.finished
    scheduler.finish(first)
    assert scheduler.next(None).label == "b"


def test_what_a_lost_step_feeds_is_blocked_all_the_way_down():
    a = Toy(label="a")
    b = Toy(label="b", needs=(a,))
    c = Toy(label="c", needs=(b,))
    d = Toy(label="d")
    for busy in (False, True):
        scheduler = Scheduler.of([a, b, c, d])
        scheduler.next(None)
        assert scheduler.lose(a, busy=busy) == [b, c]
        assert scheduler.blocked == {b.fingerprint: "a", c.fingerprint: "a"}
        assert (scheduler.failed, scheduler.busy) == ((set(), {a.fingerprint}) if busy else ({a.fingerprint}, set()))
        assert drain(scheduler) == "d"
        assert scheduler.finished


def test_a_step_that_another_runner_has_is_waited_for():
    a = Toy(label="a")
    b = Toy(label="b", needs=(a,))
    scheduler = Scheduler.of([a, b, Toy(label="c")])
    scheduler.postpone(a)
    assert scheduler.next(None).label == "c"
    assert scheduler.next(None) is None
    assert not scheduler.finished
    scheduler.finish(a, by_others=True)
    assert scheduler.by_others == {a.fingerprint}
    assert scheduler.next(None) is b
    scheduler.postpone(b)
    scheduler.put_back(b)
    assert scheduler.next(None) is b
    assert scheduler.next(None) is None


def test_a_step_that_is_begun_elsewhere_before_its_inputs_are_done_here():
    a = Toy(label="a")
    b = Toy(label="b", needs=(a,))
    scheduler = Scheduler.of([a, b])
    scheduler.postpone(b)
    scheduler.put_back(b)
    assert scheduler.next(None) is a
    assert scheduler.next(None) is None
    scheduler.postpone(a)
    assert scheduler.lose(a) == [b]
    assert scheduler.finished


def test_the_model_that_the_fewest_others_have_comes_next():
    steps = [Toy(label=f"{model}{i}", model=model) for model in "xyz" for i in range(3)]
    scheduler = Scheduler.of(steps)
    for other in (steps[0], steps[1], steps[3]):  # two others have x, one has y
        scheduler.postpone(other)
    assert scheduler.next(None).label == "z0"
    assert scheduler.next("z").label == "z1"
    assert [scheduler.next("z").label, scheduler.next("z").label] == ["z2", "y1"]


def test_a_runner_leaves_what_it_cannot_take_to_others():
    big = Toy(label="big", model="x")
    after = Toy(label="after", needs=(big,))
    scheduler = Scheduler.of([big, after], takes=lambda step: step.group is None)
    assert scheduler.next(None) is None
    assert not scheduler.finished
    scheduler.put_back(big)
    assert scheduler.next(None) is None
    scheduler.finish(big, by_others=True)
    assert scheduler.next(None) is after


def test_many_runners_want_different_steps():
    steps = [Toy(label=str(i)) for i in range(20)]
    drawn = [Scheduler.of(steps, draw=Random(seed)).next(None).label for seed in range(20)]
    assert len(set(drawn)) > 5
    order = drain(Scheduler.of([*steps, Toy(label="x", needs=tuple(steps))], draw=Random(0)))
    assert order[-1] == "x"


def test_small_steps_of_the_same_model_are_taken_together():
    small = [Toy(label=name, model="x") for name in "abc"]
    scheduler = Scheduler.of([*small, Toy(label="d", model="y")])
    assert scheduler.next(None) is small[0]
    assert scheduler.more_of("x", 5, lambda step: False) == []
    assert scheduler.more_of("x", 1, lambda step: True) == [small[1]]
    assert scheduler.more_of("x", 5, lambda step: True) == [small[2]]
    assert scheduler.running == {step.fingerprint for step in small}


def test_the_bookkeeping_is_linear():
    """Each step is looked at a few times, however many there are."""
    pool = [Toy(label=f"e{i}") for i in range(10)]
    answers = [Toy(label=f"a{i}", model=str(i % 50), needs=(pool[i % 10],)) for i in range(700)]
    steps = [*pool, *answers, *(Toy(label=f"g{i}", needs=(one,)) for i, one in enumerate(answers))]
    looks = 0

    class Counted(dict):
        def __contains__(self, name):
            nonlocal looks
            looks += 1
            return super().__contains__(name)

    scheduler = Scheduler.of(steps)
    scheduler.pending = Counted(scheduler.pending)
    order, loaded = 0, None
    while (step := scheduler.next(loaded)) is not None:
        loaded, order = step.group or loaded, order + 1
        scheduler.finish(step)
    assert order == len(steps)
    assert looks < 10 * len(steps)
