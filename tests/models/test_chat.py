from offdiag.methods.in_context import few_shot_prompt
from offdiag.models.chat import render, tokenise
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


def test_by_default_a_reply_stands_on_a_line_of_its_own():
    assert render(bare(), "7+7?", "14") == "7+7?\n14<|end|>"
    assert render(bare(), "7+7?") == "7+7?\n"


def test_a_template_alone_says_what_stands_before_a_reply():
    tokenizer = make_tiny_tokenizer()
    for reply in (None, "14"):
        assert tokenise(tokenizer, "7+7?", reply, " ") == tokenise(tokenizer, "7+7?", reply)
