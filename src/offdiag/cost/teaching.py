"""What trainings cost, and the memory of each recipe while it learns."""

from dataclasses import dataclass, field

from offdiag.cost.contexts import check_fits
from offdiag.cost.cost import Line
from offdiag.cost.known_sizes import Sizes, operations
from offdiag.cost.memory import TRAINING_SHARE, Memory, is_four_bits, training
from offdiag.cost.rehearsal import Rehearsal, mean_length
from offdiag.cost.sizes import size_of
from offdiag.methods.fine_tuning import FineTuned
from offdiag.methods.policy_optimisation import PolicyOptimised
from offdiag.models import ModelSpec
from offdiag.steps import Pretrained
from offdiag.training import Recipe

FEWER_TOKENS = "use a smaller max_new_tokens or a model with a longer context"
SHORTER = "choose shorter examples or a model with a longer context"


@dataclass
class Teaching:
    """Counts one training after the other."""

    rehearsal: Rehearsal
    sizes: Sizes
    token_budget: int
    _taught: dict[tuple[ModelSpec, Recipe], int] = field(default_factory=dict)

    def memory(self) -> list[Memory]:
        """Of each recipe while it learns; recipes that need the same are told once."""
        found = (training(spec, size_of(spec), recipe, batch_tokens=n) for (spec, recipe), n in self._taught.items())
        return list(dict.fromkeys(found))

    def fine_tuned(self, step: FineTuned) -> Line:
        """Prompts and responses, each time that they are seen."""
        spec, recipe = step.start.spec, step.recipe
        size = self.sizes.of(spec)
        lessons = self.rehearsal.lessons(step)
        prompt = sum(size.chat) + mean_length(lessons.prompts)
        texts = zip(lessons.prompts, lessons.responses, strict=True)
        lengths = (sum(size.chat) + len(asked) + len(answered) for asked, answered in texts)
        check_fits(step.name, self.rehearsal.sample(step.examples), lengths, size, SHORTER)
        if recipe.objective == "choices":
            choices = self.rehearsal.choices(step.examples)
            length = sum(prompt * len(own) + sum(map(len, own)) for own in choices) / len(choices)
        else:
            length = prompt + lessons.response_tokens
        tokens = round(examples_seen(recipe, step.rows) * length)
        self._remember(spec, recipe, round(length))
        per_token = 6 if recipe.adapter == "full" or is_four_bits(spec, recipe) else 4
        flops = operations(per_token, size, tokens)
        return Line(kind=step.kind, steps=1, trained_tokens=tokens, flops_expected=flops, flops_most=flops)

    def policy_optimised(self, step: PolicyOptimised) -> Line:
        """Completions are sampled, read by the reference and by the old policy where needed, and learnt from."""
        spec, recipe, how = step.start.spec, step.recipe, step.reinforcement
        size = self.sizes.of(spec)
        lessons = self.rehearsal.lessons(step)
        prompt = sum(size.chat) + mean_length(lessons.prompts)
        lengths = (sum(size.chat) + len(asked) + how.max_new_tokens for asked in lessons.prompts)
        check_fits(step.name, self.rehearsal.sample(step.examples), lengths, size, FEWER_TOKENS)
        completions = recipe.updates(step.examples.n) * recipe.batch_size * how.group_size
        generated = [min(how.max_new_tokens, lessons.response_tokens), how.max_new_tokens]
        self._remember(spec, recipe, round(prompt) + how.max_new_tokens)
        readings = 2 * (1 + (how.kl > 0) + (how.passes > 1)) + how.passes * (6 if is_four_bits(spec, recipe) else 4)
        expected, most = (operations(readings, size, completions * (prompt + new)) for new in generated)
        return Line(
            kind=step.kind,
            steps=1,
            prompt_tokens=round(completions * prompt),
            prefill_tokens=round(completions * prompt),
            generated_expected=round(completions * generated[0]),
            generated_most=completions * how.max_new_tokens,
            trained_tokens=round(how.passes * completions * (prompt + generated[0])),
            flops_expected=expected,
            flops_most=most,
        )

    def pretrained(self, step: Pretrained) -> Line:
        """The rows of the stream without what fills them up."""
        rows = step.recipe.updates * step.recipe.batch_size
        tokens = round(rows * self.rehearsal.row_tokens(step.stream))
        flops = 6.0 * step.decoder.parameters(step.stream.vocabulary, step.stream.columns) * tokens
        return Line(kind=step.kind, steps=1, trained_tokens=tokens, flops_expected=flops, flops_most=flops)

    def _remember(self, spec: ModelSpec, recipe: Recipe, longest: int) -> None:
        batch = max(self.token_budget // TRAINING_SHARE, longest)
        self._taught[spec, recipe] = max(batch, self._taught.get((spec, recipe), 0))


def examples_seen(recipe: Recipe, n: int) -> int:
    """Examples of all updates, each time that they are seen.

    >>> examples_seen(Recipe(batch_size=16, epochs=2), 40)
    80
    >>> examples_seen(Recipe(batch_size=16, epochs=9, max_updates=7), 40)
    96
    """
    epochs, updates = divmod(recipe.updates(n), recipe.updates_per_epoch(n))
    return epochs * n + updates * recipe.batch_size
