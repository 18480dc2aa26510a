"""A model behind a server: its answers, its choices where log-probabilities can be had, and what it says of itself.

Choices are compared in one of two ways. A server that returns the log-probabilities of a prompt (``echo`` of
completions, as vLLM has it) scores each choice whole, over the span that :meth:`offdiag.models.chat.Chat.compared`
takes. Of any other that lists the likeliest first tokens, choices of one token are compared by these: a choice that is
not listed has at most the log-probability of the last one that is, and one that begins with a listed token at most that
of the token. Where such a bound is above the best choice that is known, nobody can tell, and the item is an error.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from math import nan
from threading import Event
from types import MappingProxyType
from typing import Any

from offdiag.conversation import turns_of
from offdiag.errors import UserError, did_you_mean
from offdiag.models.answers import Completion, Score, TrialQuestion
from offdiag.models.chat_settings import ChatSettings
from offdiag.models.sampling import Draws, samples_of
from offdiag.models.server.client import Client, RefusedError
from offdiag.models.server.parallel import as_they_come
from offdiag.models.server.replies import ServerReply, reply_of
from offdiag.models.turn import bare_turn
from offdiag.provenance import note
from offdiag.runtime import Requests

_VERSION = re.compile(r"[-@:](\d{3,8}|\d{4}-\d{2}-\d{2}|latest|main)$")
_STOPS = 4  # texts that end an answer: the most that OpenAI takes
LISTED = 20  # likeliest tokens that are asked for: the most that OpenAI and, as it comes, vLLM give


class ServedModel:
    """A model that is asked over a network; see :class:`offdiag.models.answers.AnsweringModel`.

    Args:
        source: the full name of the model. name: that of its server. url: of the server. requests: how it is asked.
    """

    def __init__(self, source: str, name: str, url: str, requests: Requests) -> None:
        self._source, self._name, self._at_once = source, name, requests.at_once
        self._client = Client(source, url, requests)
        self._length = "max_tokens"
        self._scores_prompts: bool | None = None
        self._refuses_stops = False
        self._said: dict[str, str] = {}

    def require_listed(self) -> None:
        """Check that the server lists the model, if it lists any.

        Raises:
            UserError: there is no server, it refuses the key, or has other models.
        """
        listed = self._client.models()
        names = [str(name) for one in listed or () for name in (one.get("id"), *(one.get("aliases") or ())) if name]
        if names and self._name not in names:
            near = did_you_mean(self._name, names)
            known = f"it has {', '.join(dict.fromkeys(names[:5]))}"
            raise UserError(f"model {self._source}: its server has no model of that name: {near}{known}")

    def try_out(self, trial: TrialQuestion) -> None:
        """Ask one question.

        Raises:
            UserError: the server cannot answer questions of this kind.
        """
        if trial.choices:
            self.score([trial.prompt], [trial.choices], trial.response_prefix, trial.settings)
        else:
            self._ask(trial.prompt, trial.response_prefix, trial.settings, 1, Event())

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        skip: Container[int] = (),
        response_prefix: str,
        settings: ChatSettings,
        draws: Draws | None = None,
    ) -> Iterator[list[Completion]]:
        """Answer user turns, each as soon as it comes; every sampled answer is a request with a seed of its own.

        Up to four texts of ``stop`` are sent, as many as OpenAI takes; a server that refuses them is asked without:
        the grader leaves out what follows.

        Raises:
            UserError: the server refuses a question, does not answer, or answers as another model.
        """
        samples = samples_of(draws)
        ends = {"stop": list(stop[:_STOPS])} if stop else {}

        def answer(i: int, stopped: Event) -> Completion:
            how = ends | ({} if draws is None else _drawn(draws, *divmod(i, samples)))
            reply = self._ask(prompts[i // samples], response_prefix, settings, max_new_tokens, stopped, how=how)
            return Completion(
                i, reply.text, reply.n_prompt, reply.n_tokens, reply.finish, fingerprint=reply.fingerprint
            )

        asked = (i for i in range(len(prompts) * samples) if i not in skip)
        for completion in as_they_come(answer, asked, self._at_once):
            yield [completion]
        self._note()

    def score(
        self,
        prompts: Sequence[str],
        continuations: Sequence[Sequence[str]],
        response_prefix: str,
        settings: ChatSettings,
    ) -> list[list[Score]]:
        """Return the log-probability of each continuation after its prompt; see :meth:`score_each`."""
        scores = dict(self.score_each(prompts, continuations, response_prefix, settings))
        return [scores[i] for i in range(len(prompts))]

    def score_each(
        self,
        prompts: Sequence[str],
        continuations: Sequence[Sequence[str]],
        response_prefix: str,
        settings: ChatSettings,
    ) -> Iterator[tuple[int, list[Score]]]:
        """Score the continuations of each prompt, as far as the server tells it, and yield them as they come.

        Yields:
            The place of a prompt and its scores, as :meth:`offdiag.models.lm.LM.score` has them; NaN for all choices of
            a question whose best one cannot be told.

        Raises:
            UserError: as for :meth:`generate`, the server or the server gives no log-probabilities.
        """
        whole = settings.format == "completion" and self._reads_prompts()

        def score(i: int, stopped: Event) -> tuple[int, list[Score]]:
            if whole:
                return i, self._scored_whole(prompts[i], continuations[i], response_prefix, stopped)
            reply = self._ask(prompts[i], response_prefix, settings, 1, stopped, listed=LISTED)
            if not reply.likeliest:
                raise UserError(
                    f"model {self._source}: its server gives no log-probabilities, so choices cannot be compared: "
                    "set answering='generation', or ask another server"
                )
            blanks = bare_turn(response_prefix, "").bridge if settings.format == "completion" else ""
            return i, bounded([f"{blanks}{choice}" for choice in continuations[i]], reply.likeliest)

        yield from as_they_come(score, range(len(prompts)), self._at_once)
        self._note()

    def score_unasked(
        self, continuations: Sequence[Sequence[str]], response_prefix: str, settings: ChatSettings
    ) -> list[list[Score]]:
        """Refuse: no server scores a reply to nothing.

        Raises:
            UserError: always.
        """
        raise UserError(f"model {self._source}: its server scores no reply without a question: leave per out")

    def _ask(
        self,
        prompt: str,
        response_prefix: str,
        settings: ChatSettings,
        max_new_tokens: int,
        stopped: Event,
        *,
        listed: int = 0,
        how: Mapping[str, Any] = MappingProxyType({}),
    ) -> ServerReply:
        if settings.format == "completion":
            body: dict[str, Any] = {"prompt": bare_turn(response_prefix, "").opened(prompt), **how}
            body |= {"logprobs": listed} if listed else {}
            return self._reply("completions", body | {"max_tokens": max_new_tokens}, stopped)
        body = {
            "messages": [{"role": turn.role, "content": turn.text} for turn in turns_of(prompt)],
            **_template_settings(settings),
            **how,
        }
        body |= {"logprobs": True, "top_logprobs": listed} if listed else {}
        length = self._length  # other threads may set it
        try:
            return self._reply("chat/completions", body | {length: max_new_tokens}, stopped)
        except RefusedError as error:
            # newer models of OpenAI take the length by another name, and say so
            if length == "max_tokens" and "max_completion_tokens" in str(error):
                self._length = "max_completion_tokens"
                return self._reply("chat/completions", body | {self._length: max_new_tokens}, stopped)
            raise

    def _reply(self, path: str, body: Mapping[str, Any], stopped: Event) -> ServerReply:
        reply = self._asked(path, {"model": self._name, "temperature": 0, **body}, stopped)
        if reply.model and not _same_model(self._name, reply.model):
            raise UserError(
                f"model {self._source}: its server answers as {reply.model}: type the name of the model that you "
                "want, as the server lists it"
            )
        self._said |= {"answered_as": reply.model, "fingerprint": reply.fingerprint}
        return reply

    def _asked(self, path: str, question: dict[str, Any], stopped: Event) -> ServerReply:
        """Return the reply to a question, without its stop texts from the first time on that a server refuses them."""
        if self._refuses_stops:
            question.pop("stop", None)
        try:
            return self._client.ask(path, question, reply_of, stopped)
        except RefusedError as error:
            if "stop" not in question or "stop" not in str(error).lower():
                raise
            self._refuses_stops = True
            del question["stop"]
            return self._client.ask(path, question, reply_of, stopped)

    def _reads_prompts(self) -> bool:
        """Return whether the server gives the log-probabilities of a prompt; it is asked once."""
        if self._scores_prompts is None:
            try:
                reply = self._echo("One, two, three", Event())
                self._scores_prompts = len(reply.read) > (reply.n_prompt or len(reply.read))
            except RefusedError:
                self._scores_prompts = False
        return self._scores_prompts

    def _echo(self, text: str, stopped: Event) -> ServerReply:
        return self._reply("completions", {"prompt": text, "echo": True, "logprobs": 1, "max_tokens": 1}, stopped)

    def _scored_whole(self, prompt: str, choices: Sequence[str], response_prefix: str, stopped: Event) -> list[Score]:
        """Score each choice whole, from the first token that is not the same whatever the choice."""
        turn = bare_turn(response_prefix, "")
        texts = [turn.opened(prompt), *(turn.with_reply(prompt, choice) for choice in choices)]
        replies = [self._echo(text, stopped) for text in texts]
        stem, *rows = [list(reply.read[: reply.n_prompt]) for reply in replies]
        start = min(_common([token for token, _ in stem], [token for token, _ in row]) for row in rows)
        return [Score(sum(value or 0.0 for _, value in row[start:]), len(row) - start) for row in rows]

    def _note(self) -> None:
        """Tell the provenance of the step what the server says of itself."""
        note(served={"source": self._source, **{name: said for name, said in self._said.items() if said}})


def bounded(choices: Sequence[str], likeliest: Mapping[str, float]) -> list[Score]:
    """Score choices of one token by the likeliest first tokens.

    >>> bounded(["A", "B"], {"A": -0.1, "The": -3.0})
    [Score(logprob=-0.1, n_tokens=1, exact=True), Score(logprob=-3.0, n_tokens=1, exact=False)]
    >>> bounded(["Abel", "Cain"], {"A": -0.1, "C": -3.0})
    [Score(logprob=nan, n_tokens=1, exact=True), Score(logprob=nan, n_tokens=1, exact=True)]
    """
    least = min(likeliest.values())

    def score(choice: str) -> Score:
        if choice in likeliest:
            return Score(likeliest[choice], 1)
        begun = [value for token, value in likeliest.items() if token and choice.startswith(token)]
        return Score(max(begun, default=least), 1, exact=False)

    scores = [score(choice) for choice in choices]
    known = max((s.logprob for s in scores if s.exact), default=-float("inf"))
    if any(not s.exact and s.logprob > known for s in scores):
        return [Score(nan, 1)] * len(scores)
    return scores


def _drawn(draws: Draws, prompt: int, sample: int) -> dict[str, Any]:
    """Return how a server draws an answer; ``top_k`` is in no standard, and a server without it refuses it."""
    how, seed = draws.sampling, draws.server_seed(prompt, sample)
    cut = {"top_p": how.top_p} if how.top_p < 1 else {}
    return {"temperature": how.temperature, **cut, **({"top_k": how.top_k} if how.top_k else {}), "seed": seed}


def _template_settings(settings: ChatSettings) -> dict[str, Any]:
    """Return settings of the chat template in the form that vLLM, SGLang and llama.cpp take."""
    variables: dict[str, Any] = {**dict(settings.variables)}
    if settings.thinking != "template":
        variables["enable_thinking"] = settings.thinking == "on"
    return {"chat_template_kwargs": variables} if variables else {}


def _same_model(asked: str, answered: str) -> bool:
    """Return whether a name is the one asked for: itself, a dated version of it, or a part of the same path.

    >>> [_same_model("gpt-4o", name) for name in ("gpt-4o", "gpt-4o-2024-08-06", "org/gpt-4o", "gpt-4o-mini")]
    [True, True, True, False]
    """
    asked, answered = asked.lower(), answered.lower()
    if not _VERSION.search(asked):
        answered = _VERSION.sub("", answered)
    return asked == answered or asked.endswith(f"/{answered}") or answered.endswith(f"/{asked}")


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
