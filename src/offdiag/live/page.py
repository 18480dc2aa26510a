"""A run as a page that refreshes itself, served to this machine alone: counts and runners above, the report below."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from markupsafe import Markup, escape

from offdiag.live.store import LiveRun, RunState
from offdiag.live.text import state_of
from offdiag.live.time_left import duration

LOOK_S = 2.0  # the store is looked at no oftener, however many browsers ask
REPORT_S = 20.0  # a report is written no oftener, as it takes seconds
HOST = "127.0.0.1"

_PAGE = Markup("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 0; display: flex; flex-direction: column; height: 100vh; }}
#live {{ padding: .6rem 1rem; max-height: 45vh; overflow: auto; border-bottom: 1px solid #8886; }}
h1 {{ font-size: 1.1rem; margin: 0 0 .2rem; }} p {{ margin: .2rem 0; }}
table {{ border-collapse: collapse; margin: .4rem 0; }}
td, th {{ padding: .05rem 1rem .05rem 0; text-align: right; font-variant-numeric: tabular-nums; font-weight: normal; }}
td:first-child, th:first-child {{ text-align: left; overflow-wrap: anywhere; }} th {{ opacity: .7; }}
.failed {{ color: light-dark(#a40000, #ff9d9d); overflow-wrap: anywhere; }}
iframe {{ flex: 1; border: 0; width: 100%; background: #fff; }}
</style></head><body>
<div id="live" role="status" aria-live="polite">{look}</div>
<iframe title="Report" sandbox="allow-scripts allow-downloads allow-popups" src="/report"></iframe>
<script nonce="{nonce}">
const live = document.getElementById("live"), report = document.querySelector("iframe");
let seen = null;
async function look() {{
  try {{
    const answer = await fetch("/look"), done = answer.headers.get("x-done");
    live.innerHTML = await answer.text();
    if (seen !== null && seen !== done && document.activeElement !== report) report.src = "/report";
    seen = done;
  }} catch (error) {{ live.firstChild.textContent = "{title} (watched no more)"; }}
}}
setInterval(look, {every});
</script></body></html>""")


@dataclass
class LivePage:
    """What the server shows, kept for as long as it may be.

    Attributes:
        title: of the run. run: that is followed. report: writes the report as the store is now, and returns its HTML.
    """

    title: str
    run: LiveRun
    report: Callable[[], str]
    _look: tuple[float, RunState] | None = None
    _report: tuple[float, int, str] | None = None
    _looking: threading.Lock = field(default_factory=threading.Lock)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> RunState:
        """Return the run as it was a moment ago."""
        with self._looking:
            if self._look is None or time.monotonic() - self._look[0] >= LOOK_S:
                self._look = (time.monotonic(), self.run.look())
            return self._look[1]

    def written(self) -> str:
        """Return the report; a new one if more is done and the last one is not too young."""
        done = self.look().done
        with self._writing:
            old = self._report
            if old is None or (old[1] != done and time.monotonic() - old[0] >= REPORT_S):
                self._report = (time.monotonic(), done, self.report())
            assert self._report is not None
            return self._report[2]

    def reported(self) -> int:
        """Return how many steps are done in the report that :meth:`written` would give."""
        old, done = self._report, self.look().done
        return done if old is None or time.monotonic() - old[0] >= REPORT_S else old[1]


def fragment(title: str, look: RunState) -> Markup:
    """Return a look as HTML; every name and message is escaped."""
    cell, row = Markup("<td>{}</td>"), Markup("<tr>{}</tr>")
    kinds = Markup("").join(
        row.format(Markup("").join(cell.format(value) for value in (
            k.kind, f"{k.done} of {k.planned}", k.busy or "", k.failed or "",
            "" if k.seconds is None else duration(k.seconds),
        )))
        for k in look.kinds
    )  # fmt: skip
    runners = Markup("").join(
        row.format(Markup("").join(cell.format(value) for value in (
            r.step, r.who, "" if r.seconds is None else duration(r.seconds),
            "" if r.done is None else f"{r.done} of {r.total}",
        )))
        for r in look.runners
    )  # fmt: skip
    failures = Markup("").join(Markup('<p class="failed">{}: {}</p>').format(f.step, f.why) for f in look.failures)
    said = Markup("<h1>{}</h1><p>{}</p>").format(title, state_of(look))
    heads = Markup("<tr><th>kind</th><th>done</th><th>at work</th><th>failed</th><th>each</th></tr>")
    said += Markup("<table>{}{}</table>").format(heads, kinds)
    at_work = Markup("<tr><th>at work</th><th>runner</th><th>since</th><th>done</th></tr>")
    return said + (Markup("<table>{}{}</table>").format(at_work, runners) if look.runners else "") + failures


def server_of(page: LivePage, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of the page on a port of this machine's own address; 0 takes a free one.

    Only requests that name this address are answered, so that no page of somebody else can read it by another name.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            own = {f"{name}:{server.server_port}" for name in (HOST, "localhost")}
            if self.headers.get("host") not in own:
                self._send(403, "this page is for this machine alone")
            elif self.path == "/":
                nonce = secrets.token_hex(8)
                shown = _PAGE.format(
                    title=escape(page.title), look=fragment(page.title, page.look()), nonce=nonce,
                    every=round(1000 * LOOK_S),
                )  # fmt: skip
                self._send(200, shown, f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; "
                           "connect-src 'self'; frame-src 'self'")  # fmt: skip
            elif self.path == "/look":
                self._send(200, fragment(page.title, page.look()), "default-src 'none'", done=page.reported())
            elif self.path == "/report":
                self._send(200, page.written(), "sandbox allow-scripts allow-downloads allow-popups")
            else:
                self._send(404, "nothing is here")

        def _send(self, status: int, text: str, policy: str = "default-src 'none'", done: int | None = None) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(content)))
            self.send_header("content-security-policy", policy)
            self.send_header("cache-control", "no-store")
            self.send_header("x-content-type-options", "nosniff")
            if done is not None:
                self.send_header("x-done", str(done))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Say nothing: the terminal has the address alone."""

    server = ThreadingHTTPServer((HOST, port), Handler)
    server.daemon_threads = True
    return server
