"""What ``offdiag.load`` returns: the results of a study, or of others, for people who look at them in Python."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import ValidationError

from offdiag.analyses import ANALYSES, StudyAnalysis
from offdiag.analyses.precision import Precision
from offdiag.analyses.sanity import confusion_or_note
from offdiag.columns import TEXTS, names
from offdiag.comparison import comparison
from offdiag.errors import UserError, complaints, did_you_mean, some
from offdiag.figures import FIGURES, StudyFigure, drawn
from offdiag.markup import card, tag
from offdiag.notebook.pairs import compared
from offdiag.notebook.progress import shell
from offdiag.notebook.square import MatrixFrame, square
from offdiag.registry import Registry
from offdiag.reporting import write_report
from offdiag.results import Results
from offdiag.seeds import stream
from offdiag.study import Design

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CELLS = 400  # of a report that says what its cells can resolve; `offdiag power` says it of more
_READ_FIRST = ("example", *names(TEXTS), "target", "parsed", "status", "correct")


class Samples(pd.DataFrame):
    """Some records of a cell, each with its prompt and completion, which a notebook shows whole."""

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        whole = "text-align:left;vertical-align:top;white-space:pre-wrap;max-width:40em"
        head = tag("tr", *(tag("th", name, style="text-align:left") for name in self.columns))
        rows = [tag("tr", *(tag("td", value, style=whole) for value in row)) for row in self.itertuples(index=False)]
        return str(tag("table", head, *rows))


class LoadedResults:
    """Results as far as they have got; in a notebook it shows itself as the matrix.

    Attributes:
        frames: what analyses and figures read: see :class:`offdiag.results.Results`, whose attributes this has, too.
        design: the study's analyses and figures. command: what makes these results again.
    """

    def __init__(self, frames: Results, design: Design | None = None, *, command: str = "") -> None:
        self.frames, self.design, self.command = frames, design or Design(cells=()), command

    def __getattr__(self, name: str) -> Any:
        """Return what the frames have: ``measurements``, ``measured``, ``steps``, ``notices``, ``params`` and so on."""
        if name.startswith("_") or name == "frames":
            raise AttributeError(name)
        return getattr(self.frames, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in dir(self.frames) if not name.startswith("_"))})

    @property
    def cells(self) -> pd.DataFrame:
        """One row per cell, with accuracy, interval and the difference to the baseline (docs/columns.md)."""
        return self.frames.cells

    @cached_property
    def records(self) -> pd.DataFrame:
        """One row per answered example, with texts ``prompt_text`` and ``completion``, read on first use."""
        held = self.frames.held
        records = held.of(held.sizes)
        if records.empty:
            return records.assign(**dict.fromkeys(names(TEXTS)))
        texts = [
            (cell, record["example"], record.get("prompt"), record.get("completion"))
            for cell in held.sizes
            for record in self.frames.read_records(cell)
        ]
        # (as objects: pandas' own texts cannot hold half a character, which a completion may have)
        found = pd.DataFrame(texts, columns=["cell", "example", *names(TEXTS)], dtype=object)
        return records.merge(found, on=["cell", "example"], how="left", validate="one_to_one")

    def matrix(self, value: str = "accuracy") -> MatrixFrame:
        """Return the train x eval matrix of ``value``, see :func:`offdiag.notebook.square.square`."""
        return square(self.frames, value)

    def compare(self, arm_a: str | Mapping[str, Any], arm_b: str | Mapping[str, Any]) -> pd.DataFrame:
        """Compare two learners item by item wherever both were asked, see :func:`offdiag.notebook.pairs.compared`."""
        return compared(self.frames, arm_a, arm_b)

    def table(self, table: str | StudyAnalysis, **settings: Any) -> pd.DataFrame:
        """Return a table: a frame, a measurement, an analysis of the study, or any other analysis with ``settings``.

        Names: ``cells``, ``records``, ``steps``, ``confusion``, ``precision``, and those of measurements and analyses.
        One that would be empty has a ``note`` that says why.

        Raises:
            UserError: there is none of that name, or a setting is missing or wrong.
        """
        if not isinstance(table, str):
            return self.frames.rows_or_note(table)
        if table in ("cells", "records", "steps"):
            found: pd.DataFrame = getattr(self, table)
            return found
        if table == "confusion":
            return confusion_or_note(self.frames)
        if table in self.frames.measurements:
            return self.frames.measured(table)
        own = {analysis.name: analysis for analysis in self.design.analyses}
        listed = ("cells", "records", "steps", "confusion", *self.frames.measurements)
        return self.frames.rows_or_note(_named("table", table, own, ANALYSES, settings, listed))

    def figure(self, figure: str | StudyFigure, **settings: Any) -> "Figure":
        """Return a figure of the study, or any other with ``settings``: ``figure("transfer", method="in-context")``.

        Raises:
            UserError: there is none of that name, or a setting is missing or wrong.
        """
        own = {one.name: one for one in self.design.figures}
        found: StudyFigure = _named("figure", figure, own, FIGURES, settings) if isinstance(figure, str) else figure
        _show_figures()
        return found.plot(self.frames)

    def sample(self, cell: str, n: int = 5, seed: int = 0) -> Samples:
        """Return ``n`` records of a cell with prompt and completion, drawn by ``seed``, in the order of the items.

        Args:
            cell: its name, or words of which one cell's name has all.

        Raises:
            UserError: no cell or several cells fit, or it has no records yet.
        """
        name = self._cell(cell)
        records = self.frames.read_records(name)
        if not records:
            state = self.cells.set_index("cell")["state"][name]
            raise UserError(f"{name} has no records ({state}): type offdiag run, or sample a cell that is done")
        chosen = sorted(stream(seed, "sample", name).permutation(len(records))[:n].tolist())
        frame = pd.DataFrame([records[i] for i in chosen], dtype=object).rename(columns={"prompt": names(TEXTS)[0]})
        return Samples(frame[[column for column in _READ_FIRST if column in frame]])

    @cached_property
    def report_tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables of a report besides those of cells, records and measurements.

        One that reads what was not planned has a note alone.
        """
        tables = {analysis.name: self.frames.table_or_note(analysis) for analysis in self.design.analyses}
        if 0 < len(self.cells) <= MOST_CELLS and "precision" not in tables:
            tables["precision"] = self.frames.table_or_note(Precision(name="precision"))
        return tables

    def report(self, folder: str | Path | None = None) -> Path:
        """Write tables, figures and the page, as far as the results have got, and return the path of the page.

        Args:
            folder: made if it is not there; by default ``offdiag-report/STUDY-SCALE``.
        """
        frames, design = self.frames, self.design
        figures = [(figure, *drawn(figure, frames)) for figure in design.figures]
        return write_report(
            frames,
            Path(folder or Path("offdiag-report") / "-".join(filter(None, (frames.study, frames.scale)))),
            [(figure.name, figure.caption, plot) for figure, plot, _ in figures],
            {**self.report_tables, **({"published": comparison(design, frames)} if design.published else {})},
            scatters={figure.name: scatter for figure, _, scatter in figures if scatter is not None},
            command=self.command or None,
        )

    def _cell(self, text: str) -> str:
        every = self.cells["cell"].astype(str).tolist()
        fitting = [name for name in every if name == text] or [
            name for name in every if all(word in name for word in text.split())
        ]
        if len(fitting) == 1:
            return fitting[0]
        said = f"{len(fitting)} cells have these words: " if fitting else did_you_mean(text, every)
        shown = ", ".join((fitting or every)[:4])
        raise UserError(f"cell {text!r}: {said}give the name of one, such as {shown}")

    def __repr__(self) -> str:
        states = self.cells["state"].value_counts().items() if len(self.cells) else ()
        counts = ", ".join(f"{n} {state}" for state, n in states) or "none"
        n_records = sum(self.frames.held.sizes.values())
        return (
            f"<Results of {self.frames.study}: {some(len(self.cells), 'cell')} ({counts}), {some(n_records, 'record')}>"
        )

    def _repr_html_(self) -> str:
        lacking = ", ".join(f"{n} {state}" for state, n in self.frames.lacking().items())
        facts = {"state": lacking or "complete"} | ({"measured": ", ".join(self.frames.measurements)}
                                                    if self.frames.measurements else {})  # fmt: skip
        drawn = self.matrix()._repr_html_() if len(self.cells) else ""
        return card(f"{self.frames.title} ({self.frames.named})", "", facts) + drawn


def _named(
    kind: str,
    name: str,
    own: Mapping[str, Any],
    registry: Registry[Any],
    settings: Mapping[str, Any],
    listed: tuple[str, ...] = (),
) -> Any:
    """Return an analysis or a figure: the study's own of that name with other settings, or the registered one."""
    if name not in own and name not in registry:
        known = [*listed, *own, *registry.names()]
        raise UserError(f"no {kind} {name!r}: {did_you_mean(name, known)}there are {', '.join(known)}")
    given = {**({} if name not in own else dict(own[name])), "name": name, **settings}
    made = type(own[name]) if name in own else registry.get(name)
    try:
        return made(**given)
    except ValidationError as error:
        raise UserError(f"{kind} {name!r}: {complaints(error)}: give settings as results.{kind}({name!r}, NAME=VALUE)"
                        ) from None  # fmt: skip


def _show_figures() -> None:
    """Let the notebook that this runs in, if it does, show figures of matplotlib as pictures."""
    if (found := shell()) is not None:
        from IPython.core.pylabtools import select_figure_formats

        select_figure_formats(found, {"png"})  # type: ignore[no-untyped-call]
