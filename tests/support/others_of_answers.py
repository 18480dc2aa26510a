"""Who answers what: identities with another value for each of their fields."""

from offdiag.models import ModelSpec
from offdiag.models.chat_settings import ChatSettings
from offdiag.models.sampling import Sampling
from offdiag.steps import (
    ConvertedModel,
    Grades,
    HiddenStates,
    Judge,
    Judgements,
    LoglikelihoodChoices,
    Probe,
    ProbeChoices,
    ProbeFits,
    ProbeGrid,
    ProbeTrainingSet,
    Weights,
)
from support.identities import ANSWERS, DOMAIN, EVAL, HUB, OTHER_DOMAIN, SHOWN, TRAIN, TUNED, WEIGHTS, Others

STATES = HiddenStates(weights=WEIGHTS, examples=EVAL)
TRAINING_SET = ProbeTrainingSet(train=DOMAIN, n=8)
FITS = ProbeFits(states=(STATES,), grid=ProbeGrid.of(TRAINING_SET))
JUDGED = Judgements.of(Judge(model=HUB), ANSWERS)
PROBE = Probe(fits=FITS, training_set=TRAINING_SET)

OF_ANSWERS: list[Others] = [
    (ChatSettings(), {"thinking": "off", "variables": (("reasoning_effort", "low"),), "format": "completion"}),
    (DOMAIN, {"base": 9, "digits": 3}),
    (
        HUB.model_copy(update={"dtype": "float16"}),
        {
            "source": "hub:org/name@main",
            "dtype": "bfloat16",
            "quantization": "nf4",
            "token_budget": 8192,
            "chat": ChatSettings(thinking="off"),
        },
    ),
    (EVAL, {"domain": OTHER_DOMAIN, "split": "train", "n": 4, "seed": 1}),
    (ConvertedModel(distribution="a", release="1"), {"distribution": "b", "release": "2", "scheme": "other"}),
    (
        WEIGHTS,
        {
            "spec": ModelSpec(source="hub:org/other"),
            "converted": ConvertedModel(distribution="a", release="1"),
            "trained": TUNED,
        },
    ),
    (
        ANSWERS,
        {
            "weights": Weights(spec=HUB, trained=TUNED),
            "examples": TRAIN,
            "context": SHOWN,
            "style": "step-by-step",
            "max_new_tokens": 9,
            "chat": ChatSettings(thinking="off"),
            "system": "Be terse.",
            "sampling": Sampling(),
        },
    ),
    (Sampling(), {"temperature": 0.7, "top_p": 0.9, "top_k": 5, "samples": 2, "seed": 1}),
    (
        LoglikelihoodChoices(weights=WEIGHTS, examples=EVAL, style="direct"),
        {
            "weights": Weights(spec=HUB, trained=TUNED),
            "examples": TRAIN,
            "context": SHOWN,
            "style": "step-by-step",
            "per": "tokens",
            "chat": ChatSettings(thinking="off"),
            "system": "Be terse.",
        },
    ),
    (
        Grades(answers=ANSWERS),
        {"answers": ANSWERS.model_copy(update={"max_new_tokens": 9}), "score": "pass@2", "judged": JUDGED},
    ),
    (
        JUDGED,
        {
            "judge": Judge(model=HUB, scale=(1, 5)),
            "weights": Weights(spec=ModelSpec(source="hub:org/other")),
            "answers": ANSWERS.model_copy(update={"max_new_tokens": 9}),
        },
    ),
    (
        Judge(model=HUB),
        {
            "model": ModelSpec(source="hub:org/other"),
            "template": "{answer}?",
            "scale": (1, 5),
            "max_new_tokens": 9,
            "chat": ChatSettings(thinking="off"),
        },
    ),
    (
        SHOWN,
        {
            "domain": OTHER_DOMAIN,
            "k": 3,
            "seed": 1,
            "fixed": TRAIN,
            "rationale": False,
            "style": "step-by-step",
            "noise": 0.1,
            "turns": True,
        },
    ),
    (
        STATES,
        {
            "weights": Weights(spec=HUB, trained=TUNED),
            "examples": TRAIN,
            "style": "step-by-step",
            "layers": ("last",),
            "needed": (EVAL,),
        },
    ),
    (TRAINING_SET, {"train": OTHER_DOMAIN, "n": 9, "noise": 0.1, "seed": 1}),
    (FITS.grid, {"trains": (OTHER_DOMAIN,), "sizes": (8, 9), "noises": (0.1,), "seeds": (1,)}),
    (
        FITS,
        {
            "states": (HiddenStates(weights=WEIGHTS, examples=TRAIN),),
            "grid": ProbeGrid(trains=(DOMAIN,), sizes=(9,)),
            "style": "step-by-step",
            "l2": 0.1,
        },
    ),
    (PROBE, {"fits": FITS.model_copy(update={"l2": 0.1}), "training_set": ProbeTrainingSet(train=DOMAIN, n=9)}),
    (
        ProbeChoices(weights=WEIGHTS, examples=EVAL, style="direct", probe=PROBE),
        {
            "weights": Weights(spec=HUB, trained=TUNED),
            "examples": TRAIN,
            "context": SHOWN,
            "style": "step-by-step",
            "probe": Probe(fits=FITS, training_set=ProbeTrainingSet(train=DOMAIN, n=9)),
            "chat": ChatSettings(thinking="off"),
            "system": "Be terse.",
        },
    ),
]
