"""``offdiag watch``: show a study that runs, from its store alone."""

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from offdiag.cli.options import Keyword, Scale, Sets, StoreFolder, StudyName, command, planned
from offdiag.cli.tables import say, terminal_width
from offdiag.errors import UserError

if TYPE_CHECKING:
    from offdiag.live import LiveRun, RunState
    from offdiag.planning import Plan
    from offdiag.store import Store

LOOK_S = 2.0  # between two looks at the store


def watch(
    study: StudyName, scale: Scale = "quick", sets: Sets = None, keyword: Keyword = None, store: StoreFolder = None,
    once: Annotated[bool, typer.Option("--once", help="Show it as it is now, and leave.")] = False,
    html: Annotated[bool, typer.Option("--html", help="Serve it as a page, to this machine alone.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port of the page; 0 takes a free one.")] = 0,
    every: Annotated[float, typer.Option(min=0.1, metavar="S", help="Seconds between two lines of a log.")] = 30.0,
) -> int:  # fmt: skip
    """Show a run while it runs: done, at work, failed, time left.

    The store is read and nothing else: it makes no difference who runs the study, and where. Leave with Ctrl-C; the
    run goes on. It ends with 0 when everything is done, and with 1 when all that is left has failed.
    """
    from offdiag.api import open_store
    from offdiag.live import LiveRun, saying

    with saying(f"planning {study}"):
        plan, place = planned(study, scale, sets, keyword), open_store(store)
        run = LiveRun(plan, place)
    if html:
        return _serve(plan, place, run, port)
    look = _follow(plan, run, once=once, every=every)
    if look.done == look.planned:
        say(f"Everything is done. Next: {command('report', plan, place)}")
        return 0
    if once:
        return 0
    say(f"What is left has failed: type {command('status', plan, place, keyword)}")
    return 1


def _serve(plan: "Plan", store: "Store", run: "LiveRun", port: int) -> int:
    """Serve the run as a page until Ctrl-C."""
    from tempfile import TemporaryDirectory

    from offdiag.api import make_report
    from offdiag.live.page import HOST, LivePage, server_of

    with TemporaryDirectory(prefix="offdiag-watch-") as folder:

        def report() -> str:
            return make_report(plan, store, folder).page.read_text(encoding="utf-8")

        try:
            server = server_of(LivePage(f"{plan.study.name} · {plan.scale}", run, report), port)
        except OSError as error:
            raise UserError(f"--port {port}: {error.strerror}; give another one, or leave it out") from None
        with server:
            _say_now(f"http://{HOST}:{server.server_port}/ (leave with Ctrl-C)")
            with suppress(KeyboardInterrupt):
                server.serve_forever()
    return 0


def _follow(plan: "Plan", run: "LiveRun", *, once: bool, every: float) -> "RunState":
    """Show the run until it has ended, and return its last look."""
    from offdiag.live.text import Log, on_a_terminal

    title = f"{plan.study.name} · {plan.scale}"
    if once or not sys.stdout.isatty():
        log, look = Log(_say_now, every), run.look()
        if once:
            say(*on_a_terminal(title, look, terminal_width()))
            return look
        while not look.ended:
            log.tell(look)
            time.sleep(min(LOOK_S, every))
            look = run.look()
        log.tell(look)
        return look
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console, look = Console(), run.look()
    with Live(console=console, auto_refresh=False) as shown:
        while True:
            shown.update(Text("\n".join(on_a_terminal(title, look, console.width, console.height))), refresh=True)
            if look.ended:
                return look
            time.sleep(LOOK_S)
            look = run.look()


def _say_now(line: str) -> None:
    say(line)
    sys.stdout.flush()
