"""The columns of the frames of results, and of the CSV files of a report.

The page ``docs/columns.md`` is made of this file: ``python -m offdiag.columns > docs/columns.md``.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["text", "integer", "number", "boolean"]
DTYPES: Mapping[Kind, str] = {"text": "string", "integer": "Int64", "number": "Float64", "boolean": "boolean"}


class Column(NamedTuple):
    """One column of a frame: its name, type, unit ("" for none) and meaning."""

    name: str
    kind: Kind
    unit: str
    says: str


FRACTION, POINTS, ERROR = "fraction, 0 to 1", "fraction, −1 to 1", "of the task"

IMPORTED = "imported"  # the study of results that other programs made

FACTORS = (
    Column("study", "text", "", "Name of the study."),
    Column("scale", "text", "", "Name of the scale: a preset of the study's parameters."),
    Column("cell", "text", "", "Name of the cell; no other cell of the plan has it."),
    Column("arm", "text", "", "Name of the arm: model, method, training domain and seed."),
    Column("task", "text", "", "Name of the task that is evaluated."),
    Column("model", "text", "", "Short name of the model."),
    Column("method", "text", "", "Name of the method: how the model meets the training domain."),
    Column("seed", "integer", "", "Seed of the arm; NA where nothing is learnt."),
    Column("train", "text", "", "Training domain; NA where nothing is learnt."),
    Column("eval", "text", "", "Evaluation domain."),
    Column("split", "text", "", "Split of the evaluation domain that is asked."),
    Column("prompt", "text", "", "Style of the evaluation prompt: `direct` or `step-by-step`."),
    Column("matched", "boolean", "", "Whether the arm was taught or shown that style; NA where it was taught nothing."),
)
SOME_FACTORS = (
    Column("first_draw", "text", "", "The first arm that differs in seed or draw of training data alone, if not this."),
    Column("tested_on", "text", "", "Evaluation domain without what it leaves out because it was taught."),
    Column("answering", "text", "", "`choice` where the most likely choice is the answer; NA where it is written."),
    Column("per", "text", "", "What scores of choices are divided by, or `unconditional`; NA for their plain sums."),
    Column("format", "text", "", "`completion` where the bare text is asked, without a chat template; NA for a chat."),
    Column("thinking", "text", "", "`off` or `on` where the model's thinking is switched."),
    Column("template", "text", "", "Variables of the chat template that are set."),
    Column("turns", "boolean", "", "True where demonstrations are turns of the chat template."),
    Column("system", "text", "", "System turn before each prompt, if the evaluation sets one."),
    Column("temperature", "number", "", "Of sampled answers; NA where the likeliest tokens are taken."),
    Column("top_p", "number", FRACTION, "Sum of the probabilities that answers are drawn from; NA for all."),
    Column("top_k", "integer", "tokens", "Likeliest tokens that answers are drawn from; NA for all."),
    Column("samples", "integer", "answers", "Sampled answers to each example."),
    Column("sampling_seed", "integer", "", "Seed of the random streams of the answers; NA for 0."),
    Column(
        "metric",
        "text",
        "",
        "What an example is scored by: `f1`, `pass@4`, `majority`, `mean` (of samples) …; NA for right or wrong.",
    ),
    Column("judge", "text", "", "The model that grades the answers; NA where the task's own grader does."),
    Column("taught_format", "text", "", "As `format`, while the arm was trained."),
    Column("taught_thinking", "text", "", "As `thinking`, while the arm was trained."),
    Column("taught_template", "text", "", "As `template`, while the arm was trained."),
    Column("after", "text", "", "The arm whose weights this one starts from."),
    Column("update", "integer", "updates", "How long the arm had been trained when it was looked at; NA at the end."),
    Column("k", "integer", "examples", "Demonstrations before each question."),
    Column("rationale", "boolean", "", "Whether what was taught or shown has a worked solution."),
    Column("demonstrations", "text", "", "Whether all questions share their demonstrations, or each has its own."),
    Column("adapter", "text", "", "Kind of the adapter that was trained."),
    Column("n_train", "integer", "examples", "Size of the training set."),
    Column("data_seed", "integer", "", "Seed of the draw of the training set."),
    Column("noise", "number", FRACTION, "Share of random labels among what is learnt from."),
    Column("layers", "text", "", "Layers of the hidden states that a probe reads."),
    Column("group_size", "integer", "completions", "Completions that policy optimisation compares for each prompt."),
    Column("width", "integer", "dimensions", "Width of a decoder that is trained from scratch."),
    Column("updates", "integer", "updates", "Optimiser updates of a training from scratch."),
    Column("loss", "text", "", "Which tokens the loss of a training from scratch sees."),
    Column("proxy", "text", "", "Domain of the proxy data that are trained on besides."),
    Column("n_proxy", "integer", "examples", "How many of them."),
    Column("strategy", "text", "", "How training uses the proxy data."),
    Column("strength", "number", "", "Strength of that strategy."),
)
STATE = Column(
    "state", "text", "", "`done`, `partial`, `missing`, `damaged` or `failed`; only what is done has an accuracy."
)
COUNTS = (
    Column("n_planned", "integer", "examples", "Examples that the evaluation asks."),
    Column("n", "integer", "examples", "Examples that are answered and graded."),
    Column("n_correct", "integer", "examples", "Right answers; NA where an example is more than right or wrong."),
    Column("n_unparsed", "integer", "answers", "Answers in which nothing was found to grade; they count as wrong."),
    Column(
        "n_errors",
        "integer",
        "examples",
        "Examples without finite numbers, or on which the grader failed.",
    ),
    Column(
        "n_shortened", "integer", "examples", "Examples asked with fewer demonstrations, as the context holds no more."
    ),
    Column("n_paired", "integer", "examples", "Examples that the baseline answered too."),
)
MEASURES = (
    Column("accuracy", "number", FRACTION, "Mean score of the examples; n_correct / n where they are right or wrong."),
    Column(
        "ci_low", "number", FRACTION, "Lower end of its 95 % interval, of this very model (Wilson, or by --interval)."
    ),
    Column(
        "ci_high", "number", FRACTION, "Upper end of its 95 % interval, of this very model (Wilson, or by --interval)."
    ),
    Column("unparsed_rate", "number", FRACTION, "n_unparsed / (n · samples)."),
    Column("difference", "number", POINTS, "Accuracy minus that of the baseline, on the examples that both answered."),
    Column("diff_low", "number", POINTS, "Lower end of its 95 % interval (Tango's score interval for pairs)."),
    Column("diff_high", "number", POINTS, "Upper end of its 95 % interval (Tango's score interval for pairs)."),
    Column("p_value", "number", FRACTION, "Test of the difference, two-sided (McNemar, mid-p; of scores, paired t)."),
    Column("p_holm", "number", FRACTION, "`p_value` adjusted for all cells of the study (Holm)."),
)
SANITY = (
    Column(
        "chance", "number", FRACTION, "Accuracy of guessing among the possible answers; NA where they are not given."
    ),
    Column("majority_rate", "number", FRACTION, "Accuracy of always giving the commonest right answer."),
    Column("top_answer", "text", "", "The commonest answer given; its letter where the choices differ by example."),
    Column("top_rate", "number", FRACTION, "Share of the examples that got it."),
    Column(
        "one_answer", "boolean", "", "Whether it is at least 95 % of at least five answers, more than can be right."
    ),
)
SEED_VARIANCE = (
    Column("seed_share", "number", "of p (1 − p)", "Variance between seeds that arms have in common."),
    Column("seed_residual", "number", "of p (1 − p)", "Variance that neither the seed nor the example explains."),
    Column("seed_freedom", "number", "", "Degrees of freedom of `seed_share`."),
    Column("seed_arms", "number", "arms", "Learners of several draws behind it, which differ in what they are taught."),
    Column("seed_p_equal", "number", FRACTION, "Bartlett's test that they vary alike; below 0.05 each stands alone."),
)
ERRORS = (
    Column("mean_error", "number", ERROR, "Mean error of the parsed answers."),
    Column("median_error", "number", ERROR, "Median error of the parsed answers."),
    Column("median_low", "number", ERROR, "Lower end of the median's 95 % interval."),
    Column("median_high", "number", ERROR, "Upper end of the median's 95 % interval."),
)
LOSSES = (
    Column("mean_target_loss", "number", "nats", "Mean of the records' `target_loss`: the loss on this test set."),
    Column("target_loss_low", "number", "nats", "Lower end of its 95 % interval, of this very model (t)."),
    Column("target_loss_high", "number", "nats", "Upper end of its 95 % interval, of this very model (t)."),
)
BASELINE = Column("baseline", "text", "", "Name of the cell that this one is compared with; NA for none.")
FOLDER = Column("folder", "text", "", "Folder of the step, below the store.")
CELLS = (*FACTORS, STATE, *COUNTS, *MEASURES, *SANITY, BASELINE, FOLDER)

RECORDS = (
    Column("example", "text", "", "Id of the example, unique within its task, domain and split."),
    Column("problem", "text", "", "The bare problem."),
    Column("target", "text", "", "The right answer, as the grader compares it."),
    Column("parsed", "text", "", "The answer that was found in the completion; NA if none was."),
    Column("status", "text", "", "`parsed` or `unparsed`; `not-finite`, `ungraded`: in `cells.n_errors` alone."),
    Column("flags", "text", "", "Remarks of the grader that change nothing, with commas between."),
    Column("correct", "boolean", "", "Whether the parsed answer is the target; NA where it is more than that."),
    Column("score", "number", FRACTION, "What the example is worth: 1 or 0 where it is right or wrong."),
    Column("n_tokens", "integer", "tokens", "Length of the completion, or of the chosen answer."),
    Column("finish", "text", "", "What ended the completion: `stop` or `length`; `choice` where none is written."),
)
TEXTS = (
    Column("prompt_text", "text", "", "The prompt as it was put, demonstrations and all."),
    Column("completion", "text", "", "What the model wrote, or the choice that it found most likely."),
)
OPTIONS = (
    Column("right_option", "text", "", "The target; its letter where the choices differ by example."),
    Column("given_option", "text", "", "The answer found, likewise; NA if none was."),
)
CLUSTER = Column("cluster", "text", "", "Examples of one value count as one: repeats, or as the study says.")
RECORD_CONFIDENCE = Column(
    "confidence", "number", FRACTION, "Share of the chosen answer among the chances of all choices (softmax of scores)."
)
RECORD_LOSS = Column(
    "target_loss", "number", "nats", "Loss of the right answer after the prompt: −log-probability of all its tokens."
)
RECORD_ERROR = Column("error", "number", ERROR, "How far the parsed answer is off; NA if none was found.")

STEPS = (
    Column("kind", "text", "", "Kind of the step, which is its folder in the store."),
    Column("name", "text", "", "Name of the step."),
    Column("fingerprint", "text", "", "SHA-256 of its identity, 64 hexadecimal digits."),
    Column("state", "text", "", "`done`, `missing`, `stale`, `failed`, `busy` or `not needed`."),
    Column("note", "text", "", "Why it is stale, or the last line of its error."),
    FOLDER,
)
MEASUREMENTS = (
    Column("measurement", "text", "", "Name of the measurement."),
    Column("state", "text", "", "`done`, `missing` or `failed`; one that is not done is one row without values."),
)


def names(columns: Iterable[Column]) -> tuple[str, ...]:
    """Return the names of some columns."""
    return tuple(column.name for column in columns)


def page() -> str:
    """Return the text of ``docs/columns.md``."""
    parts = [
        "# Columns of the results",
        "`offdiag.load` returns these frames, and a report keeps them in `tables/` as CSV files. What is not known or\n"
        "does not apply is NA. The page is made by `python -m offdiag.columns`.",
        "## Factors of cells and records",
        "In both `cells` and `records`. A factor that is a number has an integer column where all values are whole.",
        _table(FACTORS),
        "Where some arm or evaluation of the study has them:",
        _table(SOME_FACTORS),
        "Besides there are each parameter of the training domain as `train_NAME`, of the evaluation domain as\n"
        "`eval_NAME` and of proxy data as `proxy_NAME`, the rows of each part of a mixture under the part's name, and\n"
        "whatever factors another method has.",
        "## `cells`: one row per cell",
        "The factors and:",
        _table((STATE, *COUNTS, *MEASURES, *SANITY, BASELINE, FOLDER)),
        "Where the task grades by error:",
        _table(ERRORS),
        "Where the plain log-probabilities of choices are known (`per` is NA, and no server answers):",
        _table(LOSSES),
        "Where a learner has several draws:",
        _table(SEED_VARIANCE),
        "## `records`: one row per example and cell",
        "The factors, a column for each property that the task splits results by, and:",
        _table(RECORDS),
        "In Python, and in what `offdiag.export` writes, the whole texts, too:",
        _table(TEXTS),
        "Where the task grades by error:",
        _table((RECORD_ERROR,)),
        "Where the most likely choice is the answer:",
        _table((RECORD_CONFIDENCE,)),
        "Where their plain log-probabilities are known:",
        _table((RECORD_LOSS,)),
        "Where examples repeat, or the study names what they share:",
        _table((CLUSTER,)),
        "## `steps`: one row per step of the plan",
        _table(STEPS),
        "## `measurements`: one frame per kind",
        "The factors of each measurement, the columns that it measured, and:",
        _table(MEASUREMENTS),
    ]
    return "\n\n".join(parts) + "\n"


def _table(columns: Iterable[Column]) -> str:
    rows = [f"| `{name}` | {kind} | {unit} | {says} |" for name, kind, unit, says in columns]
    return "\n".join(["| column | type | unit | what it says |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    print(page(), end="")
