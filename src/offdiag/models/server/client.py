"""Requests to one server: repeated with growing pauses, counted, and never with a key in a message or a file."""

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from offdiag.errors import UserError
from offdiag.models.server.replies import NoReplyError
from offdiag.runtime import Requests

if TYPE_CHECKING:
    import openai

T = TypeVar("T")


class RefusedError(UserError):
    """A server refuses a question: to ask again would not help."""


# Statuses that may pass; all others are about what is asked, and asking again would not help.
_PASSING = frozenset({408, 409, 425, 429})
_LONGEST_PAUSE = 60.0  # seconds, where a server does not say how long
_LONGEST_WAIT = 900.0  # seconds that a server may ask for before it is given up


def key_of(url: str) -> str | None:
    """Return the key for a server from the environment.

    ``OFFDIAG_API_KEY_`` and the host in capitals (``OFFDIAG_API_KEY_API_OPENAI_COM``) is for that server alone,
    ``OFFDIAG_API_KEY`` for any, and ``OPENAI_API_KEY`` goes to OpenAI's own and nowhere else.
    """
    host = urlsplit(url).hostname or ""
    names = [f"OFFDIAG_API_KEY_{re.sub('[^A-Z0-9]', '_', host.upper())}", "OFFDIAG_API_KEY"]
    names += ["OPENAI_API_KEY"] if host == "api.openai.com" else []
    return next((key for key in map(os.environ.get, names) if key), None)


class Client:
    """The connection to one server.

    Args:
        model: its full name, for messages. url: of the server. requests: how often, how long and how many at once.

    Raises:
        UserError: the package ``openai`` is not installed.
    """

    def __init__(self, model: str, url: str, requests: Requests) -> None:
        try:
            import openai
        except ImportError as error:
            raise UserError(f"model {model}: type: pip install 'offdiag[api]'") from error
        self._model, self._url, self._requests, self._key = model, url, requests, key_of(url)
        self._openai = openai
        key = self._key or "none"
        self._client = openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=requests.timeout)

    def models(self) -> list[Mapping[str, Any]] | None:
        """Return what the server lists as its models; None where it has no such list.

        Raises:
            UserError: there is no server, or it refuses the key.
        """
        try:
            listed = self._once(lambda: self._client.models.with_raw_response.list().text)
        except self._openai.APIStatusError as error:
            if error.status_code in (401, 403):
                raise self._refused(error) from None
            return None
        except self._openai.APIConnectionError as error:
            raise self._failed(self._said(error.__cause__ or error)) from None
        found = _object(listed).get("data")
        return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else None

    def ask(self, path: str, body: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T], stopped: Event) -> T:
        """Post a question until there is a reply that can be read.

        Args:
            path: such as ``chat/completions``. body: the question. read: makes the reply of JSON, or raises
                ``NoReplyError``. stopped: ends the waiting where another question has failed for good.

        Raises:
            RefusedError: the server refuses the question.
            UserError: it has not answered after so many attempts, or the budget is spent.
        """
        openai, told = self._openai, ""
        for attempt in range(self._requests.attempts):
            wait = None
            try:
                return read(_object(self._once(lambda: self._post(path, body))))
            except NoReplyError as error:
                told = self._said(error)
            except openai.APITimeoutError:
                told = f"no answer in {self._requests.timeout:g} s"
            except openai.APIConnectionError as error:
                told = self._said(error.__cause__ or error)
            except openai.APIStatusError as error:
                wait = _asked_to_wait(error.response.headers.get("retry-after"))
                told = f"status {error.status_code}: {self._said(error)}"
                if not _passes(error) or (wait or 0) > _LONGEST_WAIT:
                    raise self._refused(error) from None
            pause = min(self._requests.pause * 2**attempt, _LONGEST_PAUSE) if wait is None else wait
            if attempt + 1 == self._requests.attempts or stopped.wait(pause):
                break
        raise self._failed(told)

    def _post(self, path: str, body: Mapping[str, Any]) -> str:
        at = self._client.chat.completions if path.startswith("chat/") else self._client.completions
        named = {name: body[name] for name in ("model", "messages", "prompt") if name in body}
        others = {name: value for name, value in body.items() if name not in named}
        return str(at.with_raw_response.create(**named, extra_body=others).text)

    def _once(self, send: Callable[[], str]) -> str:
        if not self._requests.spent.take(self._requests.most):
            raise UserError(
                f"model {self._model}: the budget of {self._requests.most} requests is spent; the answers so far are "
                "kept: run again with a larger --requests"
            )
        return send()

    def _refused(self, error: "openai.APIStatusError") -> RefusedError:
        advice = {401: "set OFFDIAG_API_KEY", 403: "set OFFDIAG_API_KEY", 404: "look at the address and at the name"}
        said = f"model {self._model}: the server refuses (status {error.status_code}): {self._said(error)}"
        return RefusedError(f"{said}: {advice.get(error.status_code, 'change what is asked, or ask another server')}")

    def _failed(self, told: str) -> UserError:
        return UserError(f"model {self._model}: no answer from {self._url} ({told}): see that it runs, then run again")

    def _said(self, error: BaseException) -> str:
        """Return the message of an error in one short line, without the key."""
        said = _reason(error) if isinstance(error, self._openai.APIStatusError) else ""
        text = " ".join((said or str(error)).split()) or type(error).__name__
        return (text.replace(self._key, "(key)") if self._key else text)[:300]


def _reason(error: "openai.APIStatusError") -> str:
    """Return what a server says of its refusal: the message of its JSON, whose place differs; else an empty text."""
    try:
        said: object = error.response.json()
        for name in ("error", "detail", "message"):
            said = said.get(name, said) if isinstance(said, dict) else said
    except (ValueError, RuntimeError):  # no JSON, or it was not read
        return ""
    return str(said)


def _passes(error: "openai.APIStatusError") -> bool:
    """Return whether the same request may succeed later; a quota that is used up does not come back in minutes."""
    return (error.status_code in _PASSING or error.status_code >= 500) and error.code != "insufficient_quota"


def _asked_to_wait(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``, which gives them or a date; None where there is none to be read."""
    try:
        return max(0.0, float(header or ""))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header or "").timestamp() - time.time())
    except ValueError:
        return None


def _object(text: str) -> Mapping[str, Any]:
    """Return the JSON object of an answer.

    Raises:
        NoReplyError: it is none, such as a page of HTML, or is cut off.
    """
    try:
        found = json.loads(text)
    except ValueError:
        raise NoReplyError(f"the answer is no JSON: {' '.join(text.split())[:60]!r}") from None
    if not isinstance(found, dict):
        raise NoReplyError(f"the answer is no JSON object: {text[:60]!r}")
    return found
