"""Graders of the task ``files``, each named by a text.

exact                  the reply is the target, up to white space; exact:case+punctuation forgives more
choice                 the reply is the right choice, by its text or its letter
number                 the reply's number is the target; number:0.01 and number:1% have a tolerance
regex:PATTERN          what the pattern finds last (its group, if it has one) is the target
contains               the target stands in the reply as whole words
span                   the reply is the target but for case, punctuation and articles, as SQuAD compares them
f1                     the words that reply and target share, 0 to 1, as SQuAD counts them
rouge                  ROUGE-L of reply and target, 0 to 1; rouge:1, rouge:2 and rouge:Lsum are others (extra rouge)
judge                  a model judges; which one, and in which words, is said where the data are asked
my_file.py:name        a function of yours: name(completion, target) or name(completion, target, example)
"""

from collections.abc import Sequence
from functools import lru_cache

from offdiag.errors import UserError, did_you_mean
from offdiag.tasks.files.function import GraderFunction
from offdiag.tasks.files.graders import Choice, Contains, Exact, Grader, NumberWithin, Own, Regex
from offdiag.tasks.files.scored_graders import ByJudge, Rouge, Span, TokenF1

_BUILT_IN: tuple[type[Grader], ...] = (Exact, Choice, NumberWithin, Regex, Contains, Span, TokenF1, Rouge, ByJudge)
GRADERS: dict[str, type[Grader]] = {cls.name: cls for cls in _BUILT_IN}


def grader_of(text: str) -> Grader:
    """Return the grader of a text such as ``exact:case`` or ``my_file.py:grade``.

    Raises:
        UserError: there is no such grader, or its function cannot be loaded.
    """
    path, colon, function = text.rpartition(":")
    if colon and path.endswith(".py"):
        return Own(GraderFunction.load(path, function))
    name, _, setting = text.partition(":")
    if text.endswith(".py"):
        raise UserError(f"grader {text!r} names a file and no function in it: type {text}:grade, or as it is called")
    if name not in GRADERS:
        near = did_you_mean(name, GRADERS)
        known: Sequence[str] = [*GRADERS, "my_file.py:function"]
        raise UserError(f"no grader {text!r}; {near}there are {', '.join(known)}")
    return _built_in(name, setting)


@lru_cache(maxsize=64)
def _built_in(name: str, setting: str) -> Grader:
    return GRADERS[name].of(setting)
