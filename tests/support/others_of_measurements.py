"""What is measured besides answers: identities with another value for each of their fields."""

from offdiag.measurements import TrainingHistory
from offdiag.models import ModelSpec
from offdiag.models.sentence import SentenceModel
from offdiag.steps import Examples, HiddenStates, LoglikelihoodChoices, Pretrained, Weights
from offdiag.studies.base_addition.episodes import Episodes
from offdiag.studies.base_addition.measurements.anchoring import Anchoring
from offdiag.studies.base_addition.measurements.episode_curves import EpisodeCurves
from offdiag.studies.easy_to_hard.measurements.average_hardness import AverageHardness
from offdiag.studies.easy_to_hard.measurements.choice_hardness import ChoiceHardness
from offdiag.studies.easy_to_hard.measurements.item_hardness import ItemHardness
from offdiag.studies.easy_to_hard.measurements.state_sizes import StateSizes
from offdiag.studies.easy_to_hard.measurements.text_hardness import TextHardness
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.studies.trigger_2d.measurements.ablation import TriggerAblation
from offdiag.studies.trigger_2d.measurements.category_similarity import CategorySimilarity
from offdiag.studies.trigger_2d.measurements.patching import ActivationPatching
from offdiag.studies.trigger_2d.task import QUARTERS, TriggerDomain
from offdiag.studies.world_map.measurements.alignment import CityAlignment
from offdiag.studies.world_map.measurements.coordinate_map import CityMap
from offdiag.studies.world_map.measurements.coordinate_probe import CityProbe
from offdiag.studies.world_map.measurements.representations import LabelledStates, Representations
from offdiag.studies.world_map.task import World
from support.identities import DOMAIN, HUB, OTHER_DOMAIN, SCRATCH, TRAIN, TUNED, WEIGHTS, Others

ANCHORED = Anchoring.of(HUB, DOMAIN, (2, 4), n=3, form="rationale", poolings=("mean",))
ANIMALS, FOODS = (TriggerDomain(category=name, triggers="ood") for name in ("animals", "foods"))
OTHER_TRIGGERS: dict[str, object] = {
    "weights": Weights(spec=HUB, trained=TUNED),
    "examples": Examples(domain=ANIMALS, split="eval", n=5),
    "against": TriggerDomain(category="actions"),
    "style": "step-by-step",
}
CITIES = Representations(weights=WEIGHTS, world=World(count=20), layers=(0, 1))
ENCODED = LabelledStates(representations=CITIES, factors=(("seed", 0),))
OTHER_ENCODED = LabelledStates(representations=CITIES, factors=(("seed", 1),))
ITEMS = Examples(domain=HardnessDomain(n_train=0), split="eval", n=3)
CHOSEN = (LoglikelihoodChoices(weights=WEIGHTS, examples=ITEMS, style="direct"),)
ELSEWHERE = Weights(spec=ModelSpec(source="hub:org/other"))
READ, READ_ELSEWHERE = (TextHardness(of="question_nll", weights=w, examples=ITEMS) for w in (WEIGHTS, ELSEWHERE))
STATES = HiddenStates(weights=WEIGHTS, examples=ITEMS)

OF_MEASUREMENTS: list[Others] = [
    (SentenceModel(), {"distribution": "other", "release": "0.2.0"}),
    (
        ANCHORED,
        {
            "embedder": SentenceModel(),
            "anchors": Examples(domain=OTHER_DOMAIN, split="train", n=4),
            "queries": TRAIN,
            "shots": (4,),
            "form": "answer",
            "query_form": "prompt",
            "style": "direct",
            "poolings": ("last",),
            "alpha": 2.0,
            "beta": 2.0,
            "gamma": 2.0,
        },
    ),
    (CategorySimilarity(), {"embedder": WEIGHTS, "world": QUARTERS, "of": "triggers"}),
    (TriggerAblation.of(WEIGHTS, ANIMALS, FOODS, n=4), {**OTHER_TRIGGERS, "placeholder": "word"}),
    (ActivationPatching.of(WEIGHTS, ANIMALS, FOODS, n=4), {**OTHER_TRIGGERS, "least": 2.0}),
    (ItemHardness(domain=HardnessDomain(hardness="num_steps")), {"domain": HardnessDomain(hardness="question_words")}),
    (
        ChoiceHardness(of="probe_mdl", answers=CHOSEN),
        {"of": "finetuned_mdl", "answers": (CHOSEN[0].model_copy(update={"per": "tokens"}),)},
    ),
    (READ, {"of": "answer_nll", "weights": ELSEWHERE, "examples": ITEMS.model_copy(update={"n": 4})}),
    (
        AverageHardness(parts=(READ, READ_ELSEWHERE)),
        {"parts": (READ_ELSEWHERE, READ)},
    ),
    (StateSizes(states=STATES), {"states": STATES.model_copy(update={"layers": ("last",)})}),
    (EpisodeCurves(model=SCRATCH, n=3), {"model": Pretrained(stream=Episodes(), seed=1), "n": 4, "seed": 1}),
    (
        CITIES,
        {
            "weights": Weights(spec=HUB, trained=TUNED),
            "world": World(count=21),
            "geometry": "angle",
            "layers": (1,),
            "places": ("digit",),
        },
    ),
    (ENCODED, {"representations": CITIES.model_copy(update={"geometry": "angle"}), "factors": (("seed", 1),)}),
    (CityProbe(states=ENCODED), {"states": OTHER_ENCODED, "n_folds": 5, "penalty": 1.0, "seed": 1}),
    (CityMap(states=ENCODED, layer=1), {"states": OTHER_ENCODED, "layer": 0, "n_folds": 5, "penalty": 1.0, "seed": 1}),
    (
        CityAlignment(first=ENCODED, second=OTHER_ENCODED),
        {"first": OTHER_ENCODED, "second": ENCODED, "new_cities": True, "seed": 1},
    ),
    (TrainingHistory(training=TUNED, arm=(("seed", 0),)), {"training": SCRATCH, "arm": (("seed", 1),)}),
]
