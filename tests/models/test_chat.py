from offdiag.methods.in_context import few_shot_prompt
from offdiag.models.chat import chat_of, render, tokenise
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.tasks import get_task
from support.tiny import make_tiny_tokenizer

TASK, DOMAIN = get_task("easy_to_hard"), HardnessDomain(dataset="synthetic")


def bare():
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = None
    return tokenizer


def test_without_a_template_a_reply_follows_its_question_as_in_the_demonstrations():
    *shown, query = TASK.examples(DOMAIN, "train", 3, 0)

    def solved(example):
        answer = TASK.response(DOMAIN, example, rationale=False)
        return f"{TASK.prompt(DOMAIN, example, 'direct')} {answer}"

    prompt = few_shot_prompt(
        list(map(solved, shown)), TASK.prompt(DOMAIN, query, "direct"), TASK.preamble, TASK.separator
    )
    whole = few_shot_prompt([*map(solved, shown)], solved(query), TASK.preamble, TASK.separator)
    tokenizer = bare()
    assert render(tokenizer, prompt, query.target, TASK.response_prefix) == f"{whole}<|end|>"
    assert render(tokenizer, prompt, response_prefix=TASK.response_prefix) == prompt == prompt.rstrip()
    asked = tokenise(tokenizer, prompt, query.target, TASK.response_prefix)
    assert tokenizer.decode(asked.ids[: asked.n_prompt]) == prompt
    assert tokenizer.decode(asked.ids[asked.n_prompt :]) == f" {query.target}<|end|>"


def harness_pair(tokenizer, context, continuation):
    """Return the tokens of a context and of its continuation, split as lm-evaluation-harness splits them."""
    blanks = len(context) - len(context.rstrip())
    context, continuation = context[: len(context) - blanks], context[len(context) - blanks :] + continuation
    ids, before = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (context + continuation, context))
    return tuple(ids[: len(before)]), tuple(ids[len(before) :])


def test_spans_of_choices_are_those_of_the_harness():
    """Also where a blank is a token of its own, as before a digit."""
    tokenizer = bare()
    questions = [(TASK.prompt(DOMAIN, e, "direct"), e.choices) for e in TASK.examples(DOMAIN, "eval", 8, 0)]
    for prompt, choices in [*questions, ("Answer:", ("10", "ten", "x"))]:
        rows = chat_of(tokenizer, TASK.response_prefix).compared(prompt, choices)
        found = [(row.ids[: row.n_prompt], row.ids[row.n_prompt :]) for row in rows]
        assert found == [harness_pair(tokenizer, prompt, f"{TASK.response_prefix}{choice}") for choice in choices]


def test_by_default_a_reply_stands_on_a_line_of_its_own():
    assert render(bare(), "7+7?", "14") == "7+7?\n14<|end|>"
    assert render(bare(), "7+7?") == "7+7?\n"


def test_a_template_alone_says_what_stands_before_a_reply():
    tokenizer = make_tiny_tokenizer()
    for reply in (None, "14"):
        assert tokenise(tokenizer, "7+7?", reply, " ") == tokenise(tokenizer, "7+7?", reply)
