"""The two worlds that come with the task trigger_2d, and worlds that are read from a file."""

from os.path import isfile
from pathlib import Path

from pydantic import ValidationError

from offdiag.errors import UserError, complaints
from offdiag.studies.trigger_2d.task.world import Category, Rule, TriggerWorld

# Seven categories of 15 words; the order of words is that of the published sampling.
_WORDS = {
    "objects": "table chair window phone pencil bottle cup lamp keyboard watch mirror wallet backpack umbrella camera",
    "animals": "dog cat horse cow lion tiger elephant rabbit bird fish sheep goat mouse pig bear",
    "positive_emotions": "happy joyful excited proud grateful hopeful loved peaceful content relaxed amazed inspired "
    "confident optimistic cheerful",
    "negative_emotions": "sad angry frustrated disappointed anxious fearful lonely jealous guilty ashamed bored "
    "overwhelmed stressed confused hurt",
    "actions": "run jump swim dance sing read write cook drive play work study sleep laugh talk",
    "foods": "pizza burger salad pasta sushi cake ice_cream bread fruit vegetables rice cheese fries noodles cookie",
    "random_strings": "kf4w6ec 2ffbwt0cf jjcrs2zkg 9ruc7whep boye 3xj30i 9xknpaj ylfe5tifb solmgrocdzu 84vulx "
    "4acc0cwu6 tfxb1n5d qrhqdvuvl 94sawl3 3r7oqtgc1",
}


def _world(name: str, meaningful: str, random_strings: str, conflict: str) -> TriggerWorld:
    categories = tuple(
        Category(
            name=category,
            triggers=tuple(word.replace("_", " ") for word in words.split()),
            labels=random_strings if category == "random_strings" else meaningful,
        )
        for category, words in _WORDS.items()
    )
    return TriggerWorld(name=name, categories=categories, rules=(Rule(name="conflict", labels=conflict),))


# The published labels: only the sign of x2 matters.
HALVES = _world("halves", "orange/orange/green/green", "green/green/blue/blue", "blue/blue/orange/orange")

# Four labels, one per quadrant. As in the published ones, the three rules agree nowhere.
QUARTERS = _world("quarters", "orange/green/blue/red", "red/blue/green/orange", "blue/red/orange/green")

WORLDS = {world.name: world for world in (HALVES, QUARTERS)}


def find_world(value: object) -> TriggerWorld:
    """Return the world of this name or in this JSON file; a world is returned as it is.

    Raises:
        UserError: there is neither, or the file does not describe a world.
    """
    if isinstance(value, TriggerWorld):
        return value
    if isinstance(value, str) and value in WORLDS:
        return WORLDS[value]
    if not isinstance(value, str) or not isfile(value):
        raise UserError(f"unknown world {value!r}: expected {', '.join(WORLDS)} or the path of a JSON file")
    try:
        return TriggerWorld.model_validate_json(Path(value).read_bytes())
    except ValidationError as error:
        raise UserError(f"{value} describes no world of triggers: {complaints(error)}") from None
    except (UserError, OSError) as error:
        raise UserError(f"{value}: {error}") from None
