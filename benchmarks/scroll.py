"""`make bench-scroll`: scrolls through 100,000 books in Chromium, and prints what its first and last books cost."""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from local.page import PageError
from local.postgres import Server
from local.run import ROOT
from tests.api.conftest import BOOKS, Gunicorn, flask
from tests.conftest import CHROMIUM_FLAGS, find_chromium
from tests.web.conftest import preview

MANY = int(os.environ.get("BENCH_BOOKS", "100_000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "8"))
"""Both ends by turns: whatever else the machine does then meets both alike."""
ROW_PX = 64
STRETCH_PX = 30_000
STRETCH_SECONDS = 5
FORGOTTEN_MS = 25_000
"""The page forgets books out of sight after 20 seconds (queries.ts)."""
LONGEST_SECONDS = 400
TRACES = ROOT / ".build"

RECORD = """() => {
    const frames = [], tasks = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
    observer.observe({ entryTypes: ["longtask"] });
    let next = requestAnimationFrame(function frame(now) {
        frames.push(now);
        next = requestAnimationFrame(frame);
    });
    window.finish = () => {
        cancelAnimationFrame(next);
        observer.disconnect();
        return { frames: frames.slice(1).map((now, i) => now - frames[i]), tasks: tasks.length };
    };
}"""


class Turn(NamedTuple):
    """What scrolling through one stretch takes."""

    p50: float
    p95: float
    tasks: float
    work: float


class Held(NamedTuple):
    """What the page holds when it is at rest."""

    nodes: float
    heap: float


LABELS = (
    *("time of a frame, p50, ms", "time of a frame, p95, ms", "tasks of more than 50 ms"),
    *("processor time of the main thread, s", "DOM nodes", "JS heap, MB"),
)


class Tab:
    """A person who looks at the list."""

    def __init__(self, browser: Browser, url: str) -> None:
        """Open the list."""
        self.page: Page = browser.new_page()
        self.devtools = self.page.context.new_cdp_session(self.page)
        self.devtools.send("Performance.enable", {"timeDomain": "threadTicks"})  # Not what other processes take.
        self.page.goto(url)
        self.page.get_by_role("button", name="Delete").first.wait_for()
        self.page.mouse.move(300, 500)

    def go_to_end(self) -> None:
        """Scroll with the wheel to the last book, and one stretch back."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while not self.page.get_by_text(f"{MANY:,} books", exact=True).is_visible():
            self.page.mouse.wheel(0, 6_000)
            row = self.page.evaluate("scrollY") / ROW_PX
            if time.monotonic() > deadline:
                sys.exit(f"bookshelf: the list was at book {row:,.0f} after {LONGEST_SECONDS} seconds")
            if sys.stderr.isatty():
                print(f"\r{row:9,.0f} books", end="", file=sys.stderr)
        self.page.keyboard.press("End")
        self.scroll(-1)

    def scroll(self, direction: int) -> Turn:
        """Scroll evenly through one stretch: 1 is down, -1 is up."""
        self.page.evaluate(RECORD)
        before = self.metrics()["TaskDuration"]
        gesture = {"x": 300, "y": 500, "yDistance": -direction * STRETCH_PX, "speed": STRETCH_PX // STRETCH_SECONDS}
        self.devtools.send("Input.synthesizeScrollGesture", gesture | {"gestureSourceType": "mouse"})
        work = self.metrics()["TaskDuration"] - before
        seen = self.page.evaluate("finish()")
        p95 = statistics.quantiles(seen["frames"], n=20)[-1]
        return Turn(statistics.median(seen["frames"]), p95, seen["tasks"], work)

    def hold(self) -> Held:
        """What is left after a collection of garbage."""
        self.devtools.send("HeapProfiler.collectGarbage")
        metrics = self.metrics()
        return Held(metrics["Nodes"], metrics["JSHeapUsedSize"] / 1e6)

    def metrics(self) -> dict[str, float]:
        """What Chromium counts."""
        return {metric["name"]: metric["value"] for metric in self.devtools.send("Performance.getMetrics")["metrics"]}


def main() -> None:
    """Run everything, in about four minutes."""
    if not (chromium := find_chromium()):
        sys.exit("bookshelf: make bench-scroll needs Chromium or Chrome: apt install chromium")
    with tempfile.TemporaryDirectory(prefix="bookshelf-scroll-") as folder:
        scratch = Path(folder)
        server = Server(scratch / "postgres")
        server.start()
        try:
            flask(server.url(), "db", "upgrade").check_returncode()
            with (
                Gunicorn(server.url(), scratch / "gunicorn.log") as api,
                preview(api.url) as url,
                sync_playwright() as playwright,
            ):
                say(f"importing {MANY:,} books")
                add_books(api.url)
                measure(playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS)), url)
        except PageError as error:
            sys.exit(f"bookshelf: {error}")
        finally:
            server.stop()


def add_books(url: str) -> None:
    """Import MANY invented books."""
    lines = "".join(f"Book {number},Author {number % 997},{number % 2000 + 1}\n" for number in range(1, MANY + 1))
    csv = f"title,author,published_year\n{lines}".encode()
    requests.post(f"{url}{BOOKS}/import", csv, headers={"Content-Type": "text/csv"}, timeout=300).raise_for_status()


def measure(browser: Browser, url: str) -> None:
    """Scroll at both ends of the list, and print what it costs as Markdown."""
    first, last = Tab(browser, url), Tab(browser, url)
    say("scrolling to the end")
    last.go_to_end()
    TRACES.mkdir(exist_ok=True)
    for tab, name in ((first, "first"), (last, "last")):
        say(f"tracing at the {name}")
        browser.start_tracing(page=tab.page, path=TRACES / f"scroll-{name}.json")
        tab.scroll(1)
        browser.stop_tracing()
    say("measuring by turns")
    turns = [(first.scroll(direction), last.scroll(direction)) for direction in (-1, 1) * (ROUNDS // 2)]
    first.page.wait_for_timeout(FORGOTTEN_MS)
    seen = [
        (*(statistics.median(figures) for figures in zip(*turns_of, strict=True)), *tab.hold())
        for tab, turns_of in zip((first, last), zip(*turns, strict=True), strict=True)
    ]
    print(f"\n| {MANY:,} books | at the first | at the last | times |", "| --- | --- | --- | --- |", sep="\n")
    for label, start, end in zip(LABELS, *seen, strict=True):
        print(f"| {label} | {start:,.4g} | {end:,.4g} | {f'**{end / start:.2f}**' if start else ''} |")


def say(step: str) -> None:
    """Progress, apart from the results."""
    print(f"\r[{time.strftime('%H:%M:%S')}] {step} ...", file=sys.stderr, flush=True)


main()
