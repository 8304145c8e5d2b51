"""HTML and script in names, labels and files: pages show them as text, and nothing is executed."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

from comparison.fake_contenders import compare, write_contender
from kerasrecipes.comparison.page import render_comparison
from kerasrecipes.report import choose_plots, make_report
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.runs import RunWriter
from kerasrecipes.trained import TrainedRun
from report.fake_runs import (
    LAYERS,
    draw_shapes,
    write_classification,
    write_evaluation,
    write_regression,
    write_table,
)

pytestmark = [
    pytest.mark.reliability("hostile"),
    pytest.mark.filterwarnings("ignore:constrained_layout:UserWarning"),  # of long names
]

RUN = "window.executed=1;document.title='executed'"
ATTACKS = (
    f"<script>{RUN}</script>",
    f'"><img src=x onerror="{RUN}">',
    f"'><svg onload={RUN}>",
    f'x" onmouseover="{RUN}" autofocus onfocus="{RUN}',
    f"</title></style></textarea></pre><script>{RUN}</script>",
    f"--><script>{RUN}</script><!--",
    f"]]><script>{RUN}</script>",
    f"javascript:{RUN}",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"{{{{ self.__init__.__globals__ }}}}{{% raw %}}<script>{RUN}</script>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f'<meta http-equiv="refresh" content="0;url=javascript:{RUN}"><base href="http://127.0.0.1/">',
    f"\u202e<a href=javascript:{RUN} id=x>x</a>\u2028",
)
FIND_ACTIVE = """
return [...document.querySelectorAll("*")].filter((element) =>
  ["SCRIPT", "IFRAME", "OBJECT", "EMBED", "BASE", "FORM"].includes(element.tagName) ||
  [...element.attributes].some((attribute) => attribute.name.startsWith("on")) ||
  (element.tagName === "META" && element.httpEquiv.toLowerCase() === "refresh") ||
  (element.tagName === "A" && !/^(#|\\.\\.\\/)/.test(element.getAttribute("href")))
).map((element) => element.outerHTML);
"""


def write_pages(folder: Path, attack: str) -> list[Path]:
    """Write a page of each kind, with an attack in the place of every text."""
    facts = {
        "name": attack,
        "description": attack,
        "command": attack,
        "device": attack,
        "git_commit": attack,
        "started_at": attack,
        "versions": {attack: attack, "kerasrecipes": attack},
        "optimizer": attack,
        "loss": attack,
        "warnings": [attack],
        "stopped_by": attack,
        "seconds": {attack: 1.0, "fit": 2.0},
        "layers": [{**LAYERS[0], "name": attack, "type": attack, "arithmetic": attack}],
    }
    classes = write_classification(
        folder / "classes", (attack, "b"), n_samples=60, images=draw_shapes(2), **facts
    )
    regression = write_regression(
        folder / "regression", n_samples=60, status="failed", error=attack, **facts
    )
    regression.update(dataset=regression.info["dataset"] | {"target_unit": attack, "name": attack})
    regression.write_history({"loss": [2.0, 1.0], attack: [2.0, 1.0], f"val_{attack}": [2.0, 1.0]})
    regression.write_metrics({attack: {attack: 1.0}, "test": {"loss": 1.0, attack: 2.0}})
    columns = (make_column(attack, reason=attack), make_column("x", "date", parts=(attack,)))
    table = write_table(folder / "table", ("y", attack), columns, ((attack, attack),), **facts)
    evaluation = write_evaluation(classes, f"{attack}.csv")
    for run in (classes, regression, table, evaluation):
        run.write_recipe(f"name: {attack}\n")
        names = choose_plots(
            {"task": run.info["dataset"]["task"], "is_image": run.samples is not None}
        )
        make_report(run, [*names, attack])
    contenders = [
        write_contender(folder / str(i), name, kind, n_seeds=2)
        for i, (name, kind) in enumerate([(attack, "adam"), (f"{attack} 2", "sgd")])
    ]
    for contender in contenders:
        for run in contender.runs:
            RunWriter(run.path).update(**{**facts, "name": contender.name, "seconds": {"fit": 1.0}})
    page = folder / "comparison.html"
    found = replace(compare(contenders), page=folder / "a" / "b" / "c.html", command=attack)
    page.write_text(render_comparison(found)[0], encoding="utf-8")
    reports = (run.report_path for run in (classes, regression, table, evaluation))
    return [*reports, page]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("injection")
    several = [write_pages(folder / str(i), attack) for i, attack in enumerate(ATTACKS[:2])]
    return [page for pages in several for page in pages]


def open_page(browser: WebDriver, page: Path) -> None:
    browser.get(page.as_uri())
    with pytest.raises(NoAlertPresentException):
        browser.switch_to.alert.dismiss()


def was_executed(browser: WebDriver) -> bool:
    return bool(browser.execute_script("return window.executed")) or browser.title == "executed"


def check_pages(browser: WebDriver, pages: list[Path]) -> None:
    for page in pages:
        open_page(browser, page)
        assert browser.execute_script(FIND_ACTIVE) == [], page
        assert not was_executed(browser), page


def test_nothing_on_a_page_can_act(browser: WebDriver, pages: list[Path], record_property) -> None:
    record_property("cases", len(pages))
    check_pages(browser, pages)


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS[2:])
def test_nothing_on_a_page_can_act_in_other_ways(
    browser: WebDriver, tmp_path: Path, record_property, attack: str
) -> None:
    pages = write_pages(tmp_path, attack)
    record_property("cases", len(pages))
    check_pages(browser, pages)


def test_nothing_in_a_drawing_can_act(
    browser: WebDriver, pages: list[Path], tmp_path: Path, record_property
) -> None:
    file, n_drawings = tmp_path / "drawing.svg", 0
    for page in pages[:5]:
        html = page.read_text(encoding="utf-8")
        for drawing in re.findall(r'"data:image/svg\+xml;base64,([^"]+)"', html):
            file.write_bytes(base64.b64decode(drawing))
            open_page(browser, file)
            assert browser.execute_script("return document.documentElement.tagName") == "svg"
            assert browser.execute_script("return document.querySelector('script, a')") is None
            assert not browser.execute_script("return window.executed")
            n_drawings += 1
    record_property("cases", n_drawings)


@pytest.fixture
def requests() -> Iterator[tuple[str, list[str]]]:
    """A server, and the paths that are asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_the_policy_stops_what_escaping_would_let_through(
    browser: WebDriver, pages: list[Path], tmp_path: Path, requests: tuple[str, list[str]]
) -> None:
    address, asked = requests
    injected = (
        f'<script>{RUN}</script><img src=x onerror="{RUN}"><svg onload="{RUN}"></svg>'
        f"<iframe src='data:text/html,<script>parent.{RUN}</script>'></iframe>"
        f"<script src='{address}/script.js'></script><img src='{address}/image.png'>"
        f"<link rel='stylesheet' href='{address}/style.css'><base href='{address}/'>"
        f"<form action='{address}/form'><button id='send'>x</button></form>"
        f"<a id='link' href=\"javascript:{RUN}\">x</a><object data='{address}/object'></object>"
        f"<style>@import '{address}/import.css'; body {{background: url({address}/b.png)}}</style>"
    )
    for i, page in enumerate(pages[:5]):
        html = page.read_text(encoding="utf-8")
        assert html.count("<main") == 1
        file = tmp_path / f"{i}.html"
        file.write_text(html.replace("<main", f"{injected}<main"), encoding="utf-8")
        open_page(browser, file)
        for name in ("link", "send"):
            browser.execute_script("arguments[0].click()", browser.find_element(By.ID, name))
        assert not was_executed(browser)
        assert asked == []
        assert unquote(browser.current_url).startswith("file://")
        without = re.sub("<meta http-equiv[^>]*>", "", html)
        file.write_text(without.replace("<main", f"{injected}<main"), encoding="utf-8")
        open_page(browser, file)
        assert was_executed(browser)  # the policy, and nothing else, stopped it
        asked.clear()


def test_a_frame_in_a_notebook_runs_no_script(browser: WebDriver, tmp_path: Path) -> None:
    run = write_regression(tmp_path / "run", n_samples=30, name=ATTACKS[1])
    script = f"document.body.textContent='executed';parent.{RUN}"
    run.write_report(f"<!doctype html><body>whole<script>{script}</script>")
    file = tmp_path / "notebook.html"
    file.write_text(f"<!doctype html><title>x</title>{TrainedRun(run.path)._repr_html_()}")
    open_page(browser, file)
    assert not was_executed(browser)
    frame = browser.find_element(By.TAG_NAME, "iframe")
    assert frame.get_attribute("sandbox") == ""
    browser.switch_to.frame(frame)
    assert browser.find_element(By.TAG_NAME, "body").text == "whole"
    browser.switch_to.default_content()
