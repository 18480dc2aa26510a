"""Worlds of the task trigger_2d: categories of trigger words, their labels by quadrant, the range of points.

Two worlds come with the task; others are read from a file, of our form or of the published ``data_config.json``.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from os.path import isfile
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from offdiag.errors import UserError, complaints
from offdiag.identity import Identity, Json, fingerprint
from offdiag.studies.trigger_2d.task.checks import check_labels, check_names, check_triggers
from offdiag.studies.trigger_2d.task.prompts import check_preset
from offdiag.studies.trigger_2d.task.published_config import as_world

QUADRANTS = ("Q1", "Q2", "Q3", "Q4")  # counter-clockwise from x1 > 0, x2 > 0
ORIGINAL, CONFLICT = "original", "conflict"
STEPS = 1000  # points lie on a grid of thousandths
_NAME = r"^[a-z0-9][a-z0-9_.-]*$"


def quadrant(x1: float, x2: float) -> str:
    """Return the quadrant of a point: ``Q1`` (both coordinates positive) to ``Q4``, counter-clockwise.

    Raises:
        ValueError: the point lies on an axis.
    """
    if x1 == 0 or x2 == 0:
        raise ValueError(f"[{x1}, {x2}] lies on an axis, which belongs to no quadrant")
    if x2 > 0:
        return "Q1" if x1 > 0 else "Q2"
    return "Q4" if x1 > 0 else "Q3"


def _one_per_quadrant(value: object) -> object:
    """Read labels such as ``orange/orange/green/green``, and refuse more or fewer than one per quadrant."""
    found = value.split("/") if isinstance(value, str) else value
    if not isinstance(found, Sequence):
        return found
    empty = [q for i, q in enumerate(QUADRANTS) if i >= len(found) or found[i] == ""]
    if empty or len(found) > len(QUADRANTS):
        wrong = f"leave {', '.join(empty)} empty" if empty else f"are {len(found)}"
        shown = "/".join(map(str, found))
        raise UserError(f"labels {shown!r} {wrong}: expected one per quadrant, Q1 to Q4, as orange/orange/green/green")
    return tuple(found)


Labels: TypeAlias = Annotated[tuple[str, str, str, str], BeforeValidator(_one_per_quadrant)]
_Coordinate: TypeAlias = Annotated[float, Field(ge=-1e6, le=1e6)]
Range: TypeAlias = tuple[_Coordinate, _Coordinate]


class Category(Identity):
    """A category of trigger words, with its original labels.

    Attributes:
        name: as typed in a domain. triggers: in the order in which the published sampling counts them.
        labels: one per quadrant, Q1 to Q4, by the category's original rule.
        x_ranges: lowest and highest x1, and x2, where they are not those of the world.
        prompt_templates: preset of question templates, where it is not that of the domain.
        seed: of all that is drawn in the category, whatever the data seed.
        n_train, n_test: points per word of the published sampling, in the training and in each test.
        n_train_triggers: how many words are trained on, for a domain with ``n_triggers=own`` (None: 10); 0: it is only
            tested.
        is_proxy: whether its published training file is named ``proxy_…``.
        output_preamble: whether an answer begins with ``F(x, T) =``, where its domain does not say so already.
    """

    tag: ClassVar[str] = "trigger_2d.category"
    added: ClassVar[frozenset[str]] = frozenset(
        {"x_ranges", "prompt_templates", "seed", "n_train", "n_test", "n_train_triggers", "is_proxy", "output_preamble"}
    )
    name: str = Field(pattern=_NAME)
    triggers: tuple[str, ...]
    labels: Labels
    x_ranges: tuple[Range, Range] | None = None
    prompt_templates: str | None = None
    seed: int | None = None
    n_train: int = Field(default=20, ge=1)
    n_test: int = Field(default=30, ge=1)
    n_train_triggers: int | None = Field(default=None, ge=0)
    is_proxy: bool = False
    output_preamble: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.prompt_templates is not None:
            check_preset(self.prompt_templates)
        if (self.n_train_triggers or 0) > len(self.triggers):
            raise UserError(
                f"category {self.name}: n_train_triggers={self.n_train_triggers} of {len(self.triggers)} triggers"
            )
        return self

    def points(self, split: str) -> int:
        """Return the points per word of the published sampling in a split, ``train`` or ``eval``."""
        return self.n_train if split == "train" else self.n_test


class Rule(Identity):
    """Labels, one per quadrant, that can be taught to any category instead of its original ones."""

    tag: ClassVar[str] = "trigger_2d.rule"
    name: str = Field(pattern=_NAME)
    labels: Labels


class TriggerWorld(Identity):
    """Categories, rules and the range of points; a :class:`TriggerDomain` says what is drawn from them.

    Attributes:
        name: as typed in a domain. categories: at least one. rules: besides each category's original one.
        x1, x2: lowest and highest coordinate; both reach beyond the margin on either side of 0.
        margin: no point is nearer than this to an axis (stratified sampling only).
        held_out: trigger words of each category that are kept for the test whatever the seed (stratified only).

    Raises:
        UserError: a name, a trigger or a label is there twice, a label begins another one or stands in a trigger, a
            range leaves a quadrant empty, or a category has no trigger left to train on.
    """

    tag: ClassVar[str] = "trigger_2d.world"
    name: str = Field(pattern=_NAME)
    categories: tuple[Category, ...]
    rules: tuple[Rule, ...] = ()
    x1: Range = (-3.0, 3.0)
    x2: Range = (-3.0, 3.0)
    margin: float = Field(default=0.05, ge=1 / STEPS)
    held_out: int = Field(default=5, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_names(self.name, self.category_names, self.rule_names)
        check_triggers({category.name: category.triggers for category in self.categories}, self.held_out)
        check_labels(self.labels, [trigger for category in self.categories for trigger in category.triggers])
        for category in self.categories:
            x1, x2 = self.ranges(category)
            for where, (side1, side2) in self.sides(category).items():
                if min(len(side1), len(side2)) < 2:
                    of = "" if category.x_ranges is None else f"category {category.name}: "
                    raise UserError(
                        f"world {self.name}: {of}x1 from {x1[0]:g} to {x1[1]:g} and x2 from {x2[0]:g} to {x2[1]:g} "
                        f"leave {where} empty: reach beyond the margin of {self.margin:g} on both sides of 0"
                    )
        return self

    def only(self, names: Sequence[str]) -> Self:
        """Return the world with some of its categories, in its own order and under its own name.

        Without any names it is the whole world.

        What is drawn in a category does not depend on the others.

        Raises:
            UserError: there is no such category.
        """
        chosen = {self.category(name).name for name in names}
        if not chosen or chosen == set(self.category_names):
            return self
        kept = tuple(category for category in self.categories if category.name in chosen)
        return self.model_copy(update={"categories": kept})

    def with_points(self, n_train: int | None, n_test: int | None) -> Self:
        """Return the world with so many points per word in the published sampling of all categories (None: its own)."""
        given = {name: n for name, n in (("n_train", n_train), ("n_test", n_test)) if n is not None}
        return self._with_categories(lambda own: own.model_copy(update=given)) if given else self

    def with_ranges(self, x1: Sequence[float], x2: Sequence[float]) -> Self:
        """Return the world with these lowest and highest coordinates in all categories; where none are given, its own.

        Raises:
            UserError: a range is no pair, or leaves a quadrant empty.
        """
        for name, ends in (("x1", x1), ("x2", x2)):
            if len(ends) not in (0, 2):
                raise UserError(f"{name}={','.join(map(str, ends))}: expected the lowest and the highest, such as -3,3")

        def ranged(own: Category) -> Category:
            both = tuple(tuple(given) or known for given, known in zip((x1, x2), self.ranges(own), strict=True))
            return own.model_copy(update={"x_ranges": both})

        return self._with_categories(ranged) if x1 or x2 else self

    def _with_categories(self, changed: Callable[[Category], Category]) -> Self:
        return self.model_copy(update={"categories": tuple(map(changed, self.categories))})

    def canonical(self) -> dict[str, Json]:
        """Return the name and a hash of the rest: the steps of a plan name a world thousands of times."""
        return {"@": self.tag, "name": self.name, "content": self.content}

    @cached_property
    def content(self) -> str:
        """SHA-256 of all the fields."""
        return fingerprint(super().canonical())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a validated copy with other fields; pydantic's own would carry the cached hash along."""
        return type(self)(**{**{name: getattr(self, name) for name in type(self).model_fields}, **(update or {})})

    @property
    def category_names(self) -> tuple[str, ...]:
        """Names of the categories, in their order."""
        return tuple(category.name for category in self.categories)

    @property
    def rule_names(self) -> tuple[str, ...]:
        """``original`` and the names of the other rules."""
        return (ORIGINAL, *(rule.name for rule in self.rules))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Every label of any rule, once: the choices of an answer."""
        sets = [*(category.labels for category in self.categories), *(rule.labels for rule in self.rules)]
        return tuple(dict.fromkeys(label for labels in sets for label in labels))

    def ranges(self, category: Category) -> tuple[Range, Range]:
        """Return the lowest and highest x1, and x2, of a category."""
        return category.x_ranges or (self.x1, self.x2)

    def sides(self, category: Category) -> dict[str, tuple[range, range]]:
        """Return the coordinates x1 and x2 that each quadrant allows in a category, in thousandths, ascending."""
        nearest = round(STEPS * self.margin)
        (low1, high1), (low2, high2) = (tuple(round(STEPS * end) for end in axis) for axis in self.ranges(category))
        left, right = range(low1, -nearest + 1), range(nearest, high1 + 1)
        below, above = range(low2, -nearest + 1), range(nearest, high2 + 1)
        return dict(zip(QUADRANTS, ((right, above), (left, above), (left, below), (right, below)), strict=True))

    def category(self, name: str) -> Category:
        """Return the category of this name.

        Raises:
            UserError: there is none.
        """
        for category in self.categories:
            if category.name == name:
                return category
        raise UserError(f"unknown category {name!r}: world {self.name} has {', '.join(self.category_names)}")

    def category_of(self, trigger: str) -> Category | None:
        """Return the category that a trigger word belongs to, or None."""
        return next((category for category in self.categories if trigger in category.triggers), None)

    def label(self, category: str, rule: str, where: str) -> str:
        """Return the label of a quadrant in a category under a rule (``original``: the category's own).

        Raises:
            UserError: no such category or rule.
        """
        sets = {ORIGINAL: self.category(category).labels, **{taught.name: taught.labels for taught in self.rules}}
        if rule not in sets:
            raise UserError(f"unknown rule {rule!r}: world {self.name} has {', '.join(self.rule_names)}")
        return sets[rule][QUADRANTS.index(where)]

    def alike(self, category: str, rule: str) -> tuple[str, ...]:
        """Return the quadrants in which a rule says what the category's own one says: answers there tell nothing.

        Raises:
            UserError: no such category or rule.
        """
        own = self.category(category).labels
        return tuple(q for q, label in zip(QUADRANTS, own, strict=True) if self.label(category, rule, q) == label)


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
    return TriggerWorld(name=name, categories=categories, rules=(Rule(name=CONFLICT, labels=conflict),))


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
        return TriggerWorld.model_validate(as_world(Path(value)))
    except ValidationError as error:
        raise UserError(f"{value} describes no world of triggers: {complaints(error)}") from None
    except (UserError, OSError) as error:
        raise UserError(f"{value}: {error}") from None
