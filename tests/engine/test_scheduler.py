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
