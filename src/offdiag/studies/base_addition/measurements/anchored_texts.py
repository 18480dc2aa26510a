r"""Texts of the anchoring score: an anchor is a worked example in one of three forms, a query has no answer.

    form        anchor                              matched query
    equation    76+76=174                           57+14=
    answer      <question> \boxed{174}              <question>
    rationale   <question> <worked solution>        <question>

A matched query is an anchor without its answer. The original study asked with the full step-by-step question whatever
the form of the anchors, so that under ``equation`` the distance was mostly one between a paragraph and a formula;
``prompt`` does as it did.
"""

from typing import Literal, TypeAlias

from offdiag.tasks import Domain, Example, PromptStyle, get_task

AnchorForm: TypeAlias = Literal["equation", "answer", "rationale"]
QueryForm: TypeAlias = Literal["matched", "prompt"]


def anchor_text(domain: Domain, example: Example, form: AnchorForm, style: PromptStyle) -> str:
    """Return a worked example; ``style`` is that of its question, where it has one."""
    if form == "equation":
        return f"{example.problem}={example.target}"
    task = get_task(domain.task)
    response = task.response(domain, example, rationale=form == "rationale")
    return f"{task.prompt(domain, example, style)} {response}"


def query_text(domain: Domain, example: Example, form: AnchorForm, query_form: QueryForm, style: PromptStyle) -> str:
    """Return an example without its answer, in the form of the anchors or as the full question."""
    if form == "equation" and query_form == "matched":
        return f"{example.problem}="
    return get_task(domain.task).prompt(domain, example, style)


def usual_style(form: AnchorForm, query_form: QueryForm) -> PromptStyle:
    """Return the style that asks for what the anchors show; step by step for full questions, as in the original."""
    return "direct" if form == "answer" and query_form == "matched" else "step-by-step"
