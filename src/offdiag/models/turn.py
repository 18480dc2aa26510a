r"""What a model's chat format puts around a question and its reply, found by rendering its template.

    text     <user>76+76?<assistant>   <think>\n\n</think>\n\n   \boxed{152}   <end>
             opened                    bridge                    reply         end

The opened text is what a model continues. The bridge is what the template writes between that and a reply: a blank
(Llama 2, Mistral), an empty thinking block (Qwen3), a channel (gpt-oss); it closes a thinking block that the opened
text leaves open (DeepSeek-R1), so that no reply stands inside of one. A reply is taught with its bridge and its end.

A model without a chat template gets the bare question, the task's prefix and the reply.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from offdiag.conversation import Spoken, plain, turns_of
from offdiag.errors import UserError, did_you_mean
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.template import ChatTemplate, Message

# Tags between which models think; a reply stands behind the closing one.
_THINKING = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel>thought", "<channel|>"),
)
# Variables by which templates switch the thinking.
_SWITCHES = ("enable_thinking", "thinking")

# A question and a reply by which the format is found; no template has words such as these.
_QUESTION, _REPLY = "Which-is-76+76?", "It-is-152."


@dataclass(frozen=True)
class Turn:
    """One exchange in a model's format.

    Attributes:
        template: the chat template, or None. prefix: between question and reply where there is no template.
        variables: of the template. parts: whether it reads content as a list of parts instead of a text.
        blanks: number of blanks at the end of the template's opening, which belong to the reply: a reply's first token
            holds its blank, so an opened text does not end in one.
        opening: what the model's opened text has after the template's.
        bridge: between the opened text and a reply. end: after a reply, up to the token that ends the turn; empty where
            nothing can end it. ends: texts of the tokens in ``end`` at which a generation stops.
        special: texts of tokens that control the model, which neither a question nor a reply may spell.
    """

    template: ChatTemplate | None = None
    prefix: str = ""
    variables: Mapping[str, object] = field(default_factory=dict)
    parts: bool = False
    blanks: int = 0
    opening: str = ""
    bridge: str = ""
    end: str = ""
    ends: tuple[str, ...] = ()
    special: frozenset[str] = frozenset()

    def opened(self, prompt: str) -> str:
        """Return the text that the model continues with its reply.

        Raises:
            UserError: the question is not whole in the text of the template, but for white space around it, or it
                spells a token that controls the model (a bare text may begin with one).
        """
        begun = next((token for token in self.special if prompt.startswith(token)), "")
        self.check_spelling(prompt if self.template is not None else prompt.removeprefix(begun))
        if self.template is None:
            return f"{plain(prompt)}{self.prefix}"
        text = self._render(prompt)
        for turn in turns_of(prompt):
            if turn.text.strip() not in text:
                what = "question" if turn.role == "user" else f"{turn.role} turn"
                raise UserError(f"the chat template changes the {what} {turn.text[:60]!r}: word it otherwise")
        return text[: len(text) - self.blanks] + self.opening

    def with_reply(self, prompt: str, reply: str) -> str:
        """Return the opened text with the reply, without the end of the turn.

        Raises:
            UserError: as for :meth:`opened`, of the reply, too.
        """
        self.check_spelling(reply)
        return f"{self.opened(prompt)}{self.bridge}{reply}"

    def whole(self, prompt: str, reply: str) -> str:
        """Return the text of the whole exchange, with the end of the turn.

        Raises:
            UserError: nothing can end the turn, or the question is not whole in the text.
        """
        if not self.end:
            raise UserError("the tokenizer has no end token and no chat template that ends a turn: give one of them")
        return self.with_reply(prompt, reply) + self.end

    def check_spelling(self, text: str) -> None:
        """Check that a text spells no token that controls the model.

        Raises:
            UserError: it does.
        """
        if (spelled := next((token for token in self.special if token in text), None)) is not None:
            raise UserError(
                f"the text {text[:60]!r} spells {spelled!r}, which the model would read as a token that controls it: "
                "word it otherwise"
            )

    def _render(self, prompt: str, reply: str | None = None) -> str:
        assert self.template is not None
        said = turns_of(prompt) if reply is None else [*turns_of(prompt), Spoken("assistant", reply)]
        messages = [_message(role, text, parts=self.parts) for role, text in said]
        return self.template.render(messages, add_generation_prompt=reply is None, variables=self.variables)


def bare_turn(prefix: str, end: str, special: frozenset[str] = frozenset()) -> Turn:
    """Return the format of a model without a chat template; a blank at the end of ``prefix`` belongs to the reply."""
    opened = prefix.rstrip(" ")
    return Turn(prefix=opened, bridge=prefix[len(opened) :], end=end, ends=(end,) if end else (), special=special)


def templated_turn(template: ChatTemplate, settings: ChatSettings = AS_THE_TEMPLATE) -> Turn:
    """Return the format that a chat template gives, at some settings.

    Raises:
        UserError: the template loses the question or the reply, has no such variable, or cannot think; or what stands
            before a reply, or ends it, cannot be told.
    """
    turn = _reading(Turn(template, variables=_variables(template, settings), special=template.special))
    opened, whole = turn._render(_QUESTION), turn._render(_QUESTION, _REPLY)
    before, found, after = whole.rpartition(_REPLY)
    if not found:
        raise UserError("the chat template loses the reply: give another model, or a template that renders it")
    bridge = _bridge(opened, before)
    if settings.thinking == "on" and not (_switch(template) or _left_open(opened) or bridge.strip()):
        raise UserError("this chat template has no thinking to switch on: leave thinking='on' out")
    end, ends = _end(after, template)
    turn = replace(turn, bridge=bridge, end=end, ends=ends)
    # A template without an opening of its own, or whose thinking is switched off: the model goes on behind the bridge.
    if bridge.strip() and (settings.thinking == "off" or opened == _without_opening(turn)):
        opening = bridge.rstrip(" ")
        return replace(turn, opening=opening, bridge=bridge[len(opening) :])
    blanks = len(opened) - len(opened.rstrip(" "))
    return replace(turn, blanks=blanks, bridge=" " * blanks + bridge)


def _variables(template: ChatTemplate, settings: ChatSettings) -> dict[str, object]:
    for name, _ in settings.variables:
        if name not in template.variables:
            read = sorted(template.variables)
            known = f"it reads {', '.join(read)}" if read else "it reads none"
            raise UserError(f"the chat template has no variable {name!r}: {did_you_mean(name, read)}{known}")
    if settings.thinking == "template":
        return dict(settings.variables)
    return {**dict(settings.variables), **dict.fromkeys(_switch(template), settings.thinking == "on")}


def _switch(template: ChatTemplate) -> list[str]:
    return [name for name in _SWITCHES if name in template.variables]


def _message(role: str, text: str, *, parts: bool) -> Message:
    return {"role": role, "content": [{"type": "text", "text": text}] if parts else text}


def _reading(turn: Turn) -> Turn:
    """Return the turn with the form of content that the template reads: a text, or else a list of parts."""
    errors = []
    for parts in (False, True):
        tried = replace(turn, parts=parts)
        try:
            text = tried._render(_QUESTION)
        except UserError as error:
            errors.append(error)
            continue
        # A template of texts would print the list as it is.
        if _QUESTION in text and "'type'" not in text:
            return tried
    if errors:
        raise errors[0]
    raise UserError("the chat template loses the question: give another model, or a template that renders it")


def _without_opening(turn: Turn) -> str:
    assert turn.template is not None
    message = _message("user", _QUESTION, parts=turn.parts)
    return turn.template.render([message], add_generation_prompt=False, variables=turn.variables)


def _bridge(opened: str, before: str) -> str:
    """Return what stands between the opened text and a reply, given the text before a reply of the template's own."""
    bridge = before[len(opened) :] if before.startswith(opened) else None
    tags = _left_open(opened)
    if tags is not None:
        # The template's own reply may leave the thinking out, or stand in it.
        return bridge if bridge is not None and tags[1] in bridge else f"\n{tags[1]}\n\n"
    if bridge is not None:
        if _left_open(before) is not None:
            raise UserError("the chat template puts a reply into its thinking: give another model or template")
        return bridge
    if opened.startswith(before.rstrip()):
        return ""  # the opening has a blank, a line break or a closed thinking block of its own
    tail, other = (text.rpartition(_QUESTION)[2] for text in (opened, before))
    raise UserError(f"the chat template opens a reply by {tail!r}, and writes one behind {other!r}: give another model")


def _left_open(text: str) -> tuple[str, str] | None:
    """Return the tags of the thinking block that the text behind the question leaves open; None for none."""
    tail = text.rpartition(_QUESTION)[2]
    return next((tags for tags in _THINKING if tail.rfind(tags[0]) > tail.rfind(tags[1])), None)


def _end(after: str, template: ChatTemplate) -> tuple[str, tuple[str, ...]]:
    r"""Return what a reply ends with and the texts of its end tokens, given what the template writes behind it.

    That is all up to the first tokens of their own: ``<|end|>`` of ``<|end|>\n<|endoftext|>``. A template that writes
    nothing but white space there leaves the end to the tokenizer's end token.
    """
    one = "|".join(re.escape(token) for token in sorted(template.added, key=len, reverse=True))
    found = re.search(f"(?:{one})+", after) if one else None
    if found is not None:
        return after[: found.end()], tuple(re.findall(one, found[0]))
    if after.strip():
        raise UserError(f"the chat template ends a reply by {after.strip()[:40]!r}, which is no token of its own")
    eos = template.tokens.get("eos_token", "")
    return eos, (eos,) if eos else ()
