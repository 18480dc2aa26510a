r"""Measurement of the anchoring score: density of worked examples in embedding space, distance of the queries.

An anchor is a worked example in one of three forms, a query has no answer:

    form        anchor                              matched query
    equation    76+76=174                           57+14=
    answer      <question> \boxed{174}              <question>
    rationale   <question> <worked solution>        <question>

A matched query is an anchor without its answer. The original study asked with the full step-by-step question whatever
the form of the anchors, so that under ``equation`` the distance was mostly one between a paragraph and a formula;
``prompt`` does as it did.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models import ModelSpec
from offdiag.models.finite import finite_items, require_finite
from offdiag.models.sentence import SentenceModel
from offdiag.stats.means import mean_interval
from offdiag.steps import CostLine, CostProbe, Examples, Measurement, Weights, Work, load_examples
from offdiag.studies.base_addition.measurements.anchoring_score import ScoreParts, anchoring
from offdiag.tasks import Domain, Example, PromptStyle, Scalar, get_task

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


Pooling: TypeAlias = Literal["mean", "last"]


class Anchoring(Measurement):
    """Density of the anchors, mismatch of the queries and their score S, by pooling, k and layer.

    Each distinct text is embedded once, for all layers, poolings and k; texts are embedded as they are, outside of any
    chat, and never cut. The first k of the anchors are those of k, so with the same ``seed`` they are the fixed
    demonstrations of an in-context arm.

    The mean over tokens is taken over all of them. In most decoders the first token's state is orders of magnitude
    longer than the others from some early layer on (Sun et al. 2024, arXiv 2402.17762), and then so is that of the
    mean: differences between texts all but vanish there and densities are huge. ``last`` does not suffer from it. In
    bfloat16 the rounding of one state alone puts texts some 1e-6 apart: densities around 1e6 say nothing there.

    Attributes:
        embedder: hidden states of these weights at every layer, or the output of a sentence embedder.
        anchors: worked examples. queries: what is asked.
        shots: numbers of anchors, ascending; the largest is ``anchors.n``.
        form: of an anchor. query_form: of a query. See :mod:`anchored_texts`.
        style: wording of the questions; None for one that asks for what the anchors show.
        poolings: over the tokens of a text. alpha, beta, gamma: weights in S.
    """

    table: ClassVar[str] = "anchoring"
    embedder: Weights | SentenceModel
    anchors: Examples
    queries: Examples
    shots: tuple[int, ...] = Field(min_length=1)
    form: AnchorForm = "equation"
    query_form: QueryForm = "matched"
    style: PromptStyle | None = None
    poolings: tuple[Pooling, ...] = Field(default=("mean", "last"), min_length=1)
    alpha: float = 1.0
    beta: float = 1.0
    gamma: float = 1.0

    @classmethod
    def of(
        cls,
        embedder: ModelSpec | Weights | SentenceModel,
        domain: Domain,
        shots: Sequence[int],
        *,
        n: int,
        asked: Domain | None = None,
        seed: int = 0,
        **options: Any,
    ) -> "Anchoring":
        """Take anchors from the training examples of ``domain``, ``n`` queries from the evaluation set of ``asked``.

        Args:
            embedder: an untrained model, trained weights, or ``SentenceModel()``.
            domain: of the anchors. asked: of the queries; the same by default. shots: numbers of anchors.
            n: queries. seed: of the drawn anchors. options: further fields.
        """
        if isinstance(embedder, ModelSpec):
            embedder = Weights.of(embedder)
        if isinstance(embedder, SentenceModel):
            options = {"poolings": ("mean",), **options}
        return cls(
            embedder=embedder,
            anchors=Examples(domain=domain, split="train", n=max(shots), seed=seed),
            queries=Examples(domain=asked or domain, split="eval", n=n),
            shots=tuple(sorted(shots)),
            **options,
        )

    @model_validator(mode="after")
    def _consistent(self) -> "Anchoring":
        shots = self.shots
        if list(shots) != sorted(set(shots)) or shots[0] < 1 or shots[-1] != self.anchors.n:
            raise UserError(
                f"anchoring: shots={','.join(map(str, shots))} of {self.anchors.n} anchors: expected ascending numbers "
                f"from 1, of which the last is {self.anchors.n}"
            )
        if isinstance(self.embedder, SentenceModel) and self.poolings != ("mean",):
            raise UserError("anchoring: a sentence embedder pools by the mean over tokens: set poolings=('mean',)")
        return self

    @property
    def wording(self) -> PromptStyle:
        """The prompt style of the questions."""
        return self.style or usual_style(self.form, self.query_form)

    @property
    def name(self) -> str:
        taught, asked = self.anchors, self.queries
        forms = self.form if self.query_form == "matched" else f"{self.form}-to-{self.query_form}"
        worded = "" if self.wording == usual_style(self.form, self.query_form) else f".{self.wording}"
        shown = f"{forms}{worded}.k{taught.n}.{taught.domain}.s{taught.seed}"
        return f"anchoring.{self.embedder.label}.{shown}--{asked.domain}.n{asked.n}"

    @property
    def group(self) -> str:
        if isinstance(self.embedder, SentenceModel):
            return f"sentence embedder {self.embedder.distribution}"
        return self.embedder.base_key

    def canonical(self) -> dict[str, Json]:
        versions: dict[str, Json] = {
            step.domain.task: get_task(step.domain.task).prompt_version for step in (self.anchors, self.queries)
        }
        return {**super().canonical(), "style": self.wording, "prompt_version": versions}

    def factors(self) -> Mapping[str, Scalar]:
        """Domains as in the table of cells; ``embedder`` is the kind of the embedding, ``model`` what embeds."""
        taught, asked = self.anchors, self.queries
        sentence = isinstance(self.embedder, SentenceModel)
        return {
            "task": asked.domain.task,
            "model": self.embedder.label if isinstance(self.embedder, SentenceModel) else self.embedder.spec.short_name,
            "learner": self.embedder.label,
            "embedder": "sentence" if sentence else "hidden states",
            "form": self.form,
            "query_form": self.query_form,
            "prompt": self.wording,
            "seed": taught.seed,
            "train": str(taught.domain),
            "eval": str(asked.domain),
            **{f"train_{name}": value for name, value in taught.domain.factors().items()},
            **{f"eval_{name}": value for name, value in asked.domain.factors().items()},
        }

    def texts(self, anchors: Sequence[Any], queries: Sequence[Any]) -> tuple[list[str], list[str]]:
        """The texts to embed: those of the anchors, then those of the queries."""
        taught, asked = self.anchors.domain, self.queries.domain
        return (
            [anchor_text(taught, example, self.form, self.wording) for example in anchors],
            [query_text(asked, example, self.form, self.query_form, self.wording) for example in queries],
        )

    def cost(self, probe: CostProbe) -> CostLine:
        """Every text is read once, for all layers and k; repeated texts are not told apart."""
        embedder = self.embedder.parameters if isinstance(self.embedder, SentenceModel) else self.embedder
        texts = self.texts(probe.sample(self.anchors), probe.sample(self.queries))
        counts = (self.anchors.n, self.queries.n)
        return probe.read(self, embedder, sum(n * probe.tokens(side) for n, side in zip(counts, texts, strict=True)))

    def measure(self, work: Work) -> Iterator[dict[str, Scalar]]:
        """Yield one row per pooling, k and layer.

        Columns: ``pooling, k, layer`` (0: the embeddings), ``n_layers`` (the last layer's index), ``density`` (rho),
        ``mismatch`` (mean d over queries), ``score`` (mean S over queries) with ``score_low, score_high``: the 95 %
        t-interval over queries, the anchors held fixed; ``score_sd`` over queries; ``anchors_se``, the standard error
        that comes from the draw of the anchors (jackknife; from three anchors on), mostly the larger part;
        ``k50_ratio`` (mean d / rho), ``n_queries``, ``n_undefined`` (queries without a
        score, or without a finite state) and ``note`` (why). What is not defined is null.

        Raises:
            UserError: a text does not fit the embedder's context, or the sentence embedder is not installed.
            ValueError: an embedding is zero.
            OffdiagError: the state of an anchor, or of all queries but one, is not finite.
        """
        anchors, queries = self.texts(
            load_examples(work.output(self.anchors)), load_examples(work.output(self.queries))
        )
        distinct = list(dict.fromkeys([*anchors, *queries]))
        at = {text: i for i, text in enumerate(distinct)}
        states, layers = self._embed(work, distinct)
        shown, asked = states[[at[text] for text in anchors]], states[[at[text] for text in queries]]
        require_finite(shown, "hidden states of the anchors")
        finite = finite_items(asked, "hidden states of the queries")
        asked, lost = asked[finite], int((~finite).sum())
        for i, pooling in enumerate(self.poolings):
            parts = anchoring(
                shown[:, i].swapaxes(0, 1),
                asked[:, i].swapaxes(0, 1),
                self.shots,
                alpha=self.alpha,
                beta=self.beta,
                gamma=self.gamma,
            )
            common: dict[str, Scalar] = {"pooling": pooling, "n_layers": layers[-1]}
            yield from ({**common, **row} for row in _rows(parts, self.shots, layers, lost))

    def _embed(self, work: Work, texts: list[str]) -> tuple[NDArray[np.float32], list[int]]:
        """Return embeddings ``[n, poolings, layers, d]`` and the indices of their layers."""
        if isinstance(self.embedder, SentenceModel):
            from offdiag.models.sentence import SentenceEmbedder

            sentences = SentenceEmbedder(self.embedder.folder(), work.runtime)
            return sentences.embed(texts, work.progress)[:, None, None], [sentences.depth]
        model = work.model(self.embedder)
        layers = list(range(model.depth + 1))
        return model.hidden_states(texts, layers, self.poolings, chat=False, on_progress=work.progress), layers


def _rows(parts: ScoreParts, shots: Sequence[int], layers: Sequence[int], lost: int) -> Iterator[dict[str, Scalar]]:
    """Yield the numbers of each k and layer; ``parts`` has the axes layers, k and queries without the ``lost``."""
    score, n_queries = mean_interval(parts.score), parts.score.shape[-1] + lost
    left_out = f"{lost} queries have no finite state" if lost else ""
    columns = {
        "density": parts.density,
        "mismatch": parts.mismatch.mean(-1),
        "score": score.mean,
        "score_low": score.low,
        "score_high": score.high,
        "score_sd": score.sd,
        "anchors_se": parts.anchors_se,
        "k50_ratio": parts.k50.mean(-1),
    }
    for j, k in enumerate(shots):
        for i, layer in enumerate(layers):
            numbers = {name: _known(values[i, j]) for name, values in columns.items()}
            undefined = n_queries - int(score.n[i, j])
            note = "; ".join(filter(None, [str(parts.undefined[i, j]), left_out]))
            yield {"k": k, "layer": layer, **numbers, "n_queries": n_queries, "n_undefined": undefined, "note": note}


def _known(value: float) -> float | None:
    """Return a plain number, or None for NaN, which JSON has no word for."""
    return None if np.isnan(value) else float(value)
