"""Checks that the names, triggers and labels of a world of triggers are unambiguous."""

from collections.abc import Mapping, Sequence
from itertools import permutations

from offdiag.errors import UserError

ALL, NONE = "all", "none"  # words of a domain that are no category


def check_names(world: str, categories: Sequence[str], rules: Sequence[str]) -> None:
    """Refuse a world without categories, and names of categories or rules that are taken.

    Raises:
        UserError: there is no category, or a name comes twice or is ``all`` or ``none``.
    """
    if not categories:
        raise UserError(f"world {world} has no category: give it at least one")
    for names in ((ALL, NONE, *categories), rules):
        for i, name in enumerate(names):
            if name in names[:i]:
                raise UserError(f"world {world}: the name {name!r} is taken; give each category and rule its own")


def check_triggers(triggers: Mapping[str, Sequence[str]], held_out: int) -> None:
    """Refuse a trigger that belongs to two categories, and a category without triggers to train on.

    Args:
        triggers: the trigger words by category. held_out: words of each category that are kept for the test.

    Raises:
        UserError: a trigger is malformed or comes twice, or a category has too few of them.
    """
    category_of: dict[str, str] = {}
    for category, words in triggers.items():
        for word in words:
            if word != " ".join(word.split()) or not word:
                raise UserError(f"category {category}: trigger {word!r} is empty or has stray white space")
            if word.casefold() in category_of:
                raise UserError(
                    f"trigger {word!r} is in {category_of[word.casefold()]} and in {category}: "
                    "each trigger belongs to one category, once"
                )
            category_of[word.casefold()] = category
        if len(words) <= held_out:
            raise UserError(
                f"category {category}: held_out={held_out} of {len(words)} triggers leaves none to train on; "
                "hold out fewer or give it more"
            )


def check_labels(labels: Sequence[str], triggers: Sequence[str]) -> None:
    """Refuse labels with which an answer could not be read, or would be given away by the question.

    Raises:
        UserError: a label begins another one, stands in a trigger, or is not made of words.
    """
    for label in labels:
        if label != " ".join(label.split()) or not label[0].isalnum() or not label[-1].isalnum():
            raise UserError(f"label {label!r}: expected words that begin and end with a letter or a digit")
        for trigger in triggers:
            if label.casefold() in trigger.casefold().split():
                raise UserError(f"trigger {trigger!r} gives the label {label!r} away: choose another word")
    for short, long in permutations(labels, 2):
        if long.casefold().startswith(short.casefold()):
            raise UserError(f"label {short!r} is a prefix of {long!r}: an answer could be either; choose other labels")
