"""What would make a world of triggers ambiguous, as errors of one line."""

from collections.abc import Mapping, Sequence
from itertools import permutations

from offdiag.errors import UserError

ALL, NONE = "all", "none"  # words of a domain that are no category


def check_names(world: str, categories: Sequence[str], rules: Sequence[str]) -> None:
    """There are categories; each, and each rule, has a name of its own, other than ``all`` and ``none``.

    Raises:
        UserError: one does not.
    """
    if not categories:
        raise UserError(f"world {world} has no category: give it at least one")
    for names in ((ALL, NONE, *categories), rules):
        for i, name in enumerate(names):
            if name in names[:i]:
                raise UserError(f"world {world}: the name {name!r} is taken; give each category and rule its own")


def check_triggers(triggers: Mapping[str, Sequence[str]], held_out: int) -> None:
    """Each trigger belongs to one category, and each category has some to train on; by the category's name.

    Raises:
        UserError: one does not.
    """
    home: dict[str, str] = {}
    for category, words in triggers.items():
        for word in words:
            if word != " ".join(word.split()) or not word:
                raise UserError(f"category {category}: trigger {word!r} is empty or has stray white space")
            if word.casefold() in home:
                raise UserError(
                    f"trigger {word!r} is in {home[word.casefold()]} and in {category}: "
                    "each trigger belongs to one category, once"
                )
            home[word.casefold()] = category
        if len(words) <= held_out:
            raise UserError(
                f"category {category}: held_out={held_out} of {len(words)} triggers leaves none to train on; "
                "hold out fewer or give it more"
            )


def check_labels(labels: Sequence[str], triggers: Sequence[str]) -> None:
    """No label begins another one, and none stands in a trigger.

    Raises:
        UserError: one does, or it is not made of words.
    """
    for label in labels:
        if label != " ".join(label.split()) or not label[0].isalnum() or not label[-1].isalnum():
            raise UserError(f"label {label!r}: expected words that begin and end with a letter or a digit")
        for trigger in triggers:
            if label.casefold() in trigger.casefold().split():
                raise UserError(f"trigger {trigger!r} gives the label {label!r} away: choose another word")
    for one, other in permutations(labels, 2):
        if other.casefold().startswith(one.casefold()):
            raise UserError(f"label {one!r} is a prefix of {other!r}: an answer could be either; choose other labels")
