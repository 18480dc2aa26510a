"""The source ``api``: a model that answers over a network, by its name and the address of its server."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.answers import TrialQuestion
from offdiag.models.source import ModelSource
from offdiag.runtime import Requests

if TYPE_CHECKING:
    from offdiag.models.server.model import ServedModel

_NAME = re.compile(r"(?P<model>[^@\s]+)(?:@(?P<revision>[^@\s/:]+))?@(?P<url>https?://\S+)")


class Api(ModelSource):
    """A model behind a server with OpenAI's interface (vLLM, llama.cpp, ``transformers serve``, a vendor).

    ``api:NAME@URL``, such as ``api:smollm2@http://127.0.0.1:8080/v1``; an address without a path means ``/v1``. What a
    server has under a name can change, and two servers may compute one model differently, so name and address are the
    identity. Who knows better says which version it is, in words of their own, ``api:NAME@REVISION@URL``: name and
    revision are the identity then, and the address may change.

    The key comes from the environment alone, see :func:`offdiag.models.server.client.key_of`.
    """

    scheme: ClassVar[str] = "api"
    served: ClassVar[bool] = True

    def __init__(self, rest: str) -> None:
        super().__init__(rest)
        found = _NAME.fullmatch(rest)
        if found is None:
            raise UserError(
                f"model api:{rest}: expected api:NAME@URL, such as api:smollm2@http://127.0.0.1:8080/v1, or "
                "api:NAME@REVISION@URL"
            )
        self.location, self.revision = found["model"], found["revision"]
        self.url = _plain(urlsplit(found["url"]), rest)

    @property
    def name(self) -> str:
        return f"api:{'@'.join(filter(None, [self.location, self.revision, self.url]))}"

    @property
    def short_name(self) -> str:
        """The name with the revision, or with the server, so that the same name elsewhere is another model."""
        return f"{super().short_name}@{self.revision or urlsplit(self.url).netloc}"

    def identity(self) -> Mapping[str, Json]:
        return {"source": f"api:{self.location}@{self.revision}" if self.revision else self.name}

    def folder(self) -> Path:
        raise UserError(f"model {self.name} answers over a network: its weights cannot be loaded here")

    def connect(self, requests: Requests) -> "ServedModel":
        from offdiag.models.server.model import ServedModel

        return ServedModel(self.name, self.location, self.url, requests)

    def try_out(self, trials: Sequence[TrialQuestion], requests: Requests) -> None:
        model = self.connect(replace(requests, attempts=min(2, requests.attempts)))
        model.require_listed()
        for trial in trials:
            model.try_out(trial)

    def remedy(self) -> str:
        return "only the methods zero-shot and in-context work with a model behind a server"

    @property
    def described(self) -> str:
        return f"the model `{self.location}` of a server"


def _plain(url: SplitResult, rest: str) -> str:
    """Return an address in one form.

    Raises:
        UserError: it holds a password, a query or no host; a key belongs into the environment.
    """
    if url.username or url.password or url.query or url.fragment or not url.hostname:
        named = rest.partition("@")[0]
        raise UserError(
            f"the address of model api:{named}@… must be scheme, host, port and path, without user, password or query; "
            "give a key as the environment variable OFFDIAG_API_KEY"
        )
    return urlunsplit((url.scheme.lower(), url.netloc.lower(), url.path.rstrip("/") or "/v1", "", ""))
