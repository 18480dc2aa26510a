"""What makes weights: identities with another value for each of their fields."""

from offdiag.methods import GradientProjection, KLPenalty, Mixing, Recipe, Reinforcement, UpWeighting
from offdiag.methods.policy_optimisation import PolicyOptimised
from offdiag.models import ModelSpec
from offdiag.models.chat_settings import ChatSettings
from offdiag.steps import Merged, Pretrained, Snapshot, Weights
from offdiag.studies.base_addition.episodes import Episodes
from offdiag.training import Decoder, PretrainingRecipe
from support.identities import BESIDE, DOMAIN, EVAL, HUB, KEEPING, SCRATCH, TRAIN, TUNED, WEIGHTS, Others

REWARDED = PolicyOptimised(
    start=WEIGHTS, examples=TRAIN, style="direct", recipe=Recipe(), reinforcement=Reinforcement(), seed=0
)
KEPT = Snapshot(training=Pretrained(stream=Episodes(), recipe=KEEPING), update=0)

OF_TRAININGS: list[Others] = [
    (
        SCRATCH,
        {
            "stream": Episodes(rho=0.2),
            "decoder": Decoder(depth=1),
            "recipe": PretrainingRecipe(updates=7),
            "seed": 1,
            "start": Weights(spec=HUB, trained=SCRATCH),
        },
    ),
    (
        Episodes(),
        {
            "bases": (7, 8, 9, 11),
            "shares": (0.1, 0.2, 0.3, 0.4),
            "rho": 0.2,
            "lowest": 2,
            "highest": 5,
            "digits": 2,
            "demonstrations": 4,
        },
    ),
    (Decoder(), {"architecture": "gpt2", "width": 32, "depth": 1, "heads": 2, "expansion": 4, "initial_std": 0.02}),
    (
        PretrainingRecipe(schedule="linear"),
        {
            "updates": 7,
            "batch_size": 2,
            "learning_rate": 1e-4,
            "schedule": "constant",
            "beta2": 0.999,
            "weight_decay": 0.0,
            "max_grad_norm": 2.0,
            "warmup_updates": 3,
            "base_width": 32,
            "snapshots": (0, 5),
        },
    ),
    (Merged(adapter=Weights(spec=HUB, trained=TUNED)), {"adapter": WEIGHTS}),
    (KEPT, {"training": Pretrained(stream=Episodes(), recipe=KEEPING, seed=1), "update": 3}),
    (
        TUNED,
        {
            "start": Weights(spec=ModelSpec(source="hub:org/other")),
            "examples": EVAL,
            "rationale": True,
            "style": "step-by-step",
            "recipe": Recipe(rank=2),
            "seed": 1,
            "proxy": BESIDE.drawn(0),
            "noise": 0.1,
            "chat": ChatSettings(thinking="off"),
        },
    ),
    (BESIDE, {"domain": DOMAIN, "n": 5, "strategy": UpWeighting(weight=2)}),
    (BESIDE.drawn(0), {"examples": TRAIN, "strategy": KLPenalty(beta=0.1)}),
    (Mixing(), {}),
    (UpWeighting(weight=2), {"weight": 3}),
    (KLPenalty(beta=0.1), {"beta": 0.2}),
    (GradientProjection(), {}),
    (
        REWARDED,
        {
            "start": Weights(spec=ModelSpec(source="hub:org/other")),
            "examples": EVAL,
            "style": "step-by-step",
            "recipe": Recipe(rank=2),
            "reinforcement": Reinforcement(group_size=2),
            "seed": 1,
        },
    ),
    (
        Reinforcement(),
        {
            "group_size": 2,
            "temperature": 0.5,
            "top_p": 0.5,
            "max_new_tokens": 9,
            "clip": 0.1,
            "kl": 0.0,
            "passes": 2,
            "format_reward": 0.0,
        },
    ),
    (
        Recipe(),
        {
            "adapter": "full",
            "rank": 2,
            "alpha": 3,
            "dropout": 0.5,
            "targets": ("q_proj",),
            "learning_rate": 1e-3,
            "schedule": "cosine",
            "warmup_updates": 1,
            "batch_size": 2,
            "epochs": 2,
            "max_updates": 30,
            "weight_decay": 0.1,
            "max_grad_norm": 0.0,
            "optimizer": "adamw_8bit",
            "objective": "choices",
            "rslora": True,
            "snapshots": (0, 5),
        },
    ),
]
