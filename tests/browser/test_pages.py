"""Every page, as a person meets it: on a desk and on a phone, by day and by night."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .conftest import SCRIPT

PAGES = ("comparison", "classification", "regression", "table", "evaluation")
WIDTHS = {"desktop": 1280, "phone": 390}
ENOUGH_CONTRAST = 4.5
"""Of text, at level AA: https://www.w3.org/TR/WCAG22/#contrast-minimum."""

FIND_FAINT_TEXT = """
const parse = (color) => {
  const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number);
  return [r, g, b, a];
};
const over = ([r, g, b, a], [R, G, B]) =>
  [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
const findGround = (element) => element === null
  ? parse(getComputedStyle(document.body).backgroundColor)
  : over(parse(getComputedStyle(element).backgroundColor), findGround(element.parentElement));
const luminance = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((v) => v / 255).map(
    (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const faint = [];
for (const element of document.body.querySelectorAll("*")) {
  const hasText = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!hasText || !element.getClientRects().length) continue;
  const ground = findGround(element);
  const ink = over(parse(getComputedStyle(element).color), ground);
  const [dark, light] = [luminance(ink), luminance(ground)].sort((a, b) => a - b);
  const contrast = (light + 0.05) / (dark + 0.05);
  if (contrast < arguments[0]) faint.push([element.textContent.trim().slice(0, 40), contrast]);
}
return faint;
"""
FIND_SCROLLABLE = """
return [...document.querySelectorAll("body *")].filter((element) =>
  ["auto", "scroll"].includes(getComputedStyle(element).overflowX) &&
  element.scrollWidth > element.clientWidth
).map((element) => [
  element.tabIndex, element.getAttribute("role"), element.getAttribute("aria-label"),
  getComputedStyle(element).backgroundAttachment]);
"""
FIND_DRAWINGS = """
return [...document.querySelectorAll(".frame img")].map((image) => {
  const { x, y, width, height } = image.getBoundingClientRect();
  return { x: x + scrollX, y: y + scrollY, width, height };
});
"""


@dataclass(frozen=True)
class View:
    """A page in a window, with what the browser had to say while it loaded."""

    page: str
    width: int
    scheme: str
    browser: WebDriver
    said: list[dict[str, Any]]
    requested: list[str]

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)


@pytest.fixture(
    scope="module",
    params=product(PAGES, WIDTHS, ("light", "dark")),
    ids="-".join,
)
def view(request: pytest.FixtureRequest, browser: WebDriver, pages: dict[str, Path]) -> View:
    page, device, scheme = request.param
    size = {"width": WIDTHS[device], "height": 900, "deviceScaleFactor": 1}
    size["mobile"] = device == "phone"
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for log in ("performance", "browser"):  # of the page before
        browser.get_log(log)
    browser.get(pages[page].as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach((d) => d.open = true)")
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requested = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return View(page, WIDTHS[device], scheme, browser, browser.get_log("browser"), requested)


def test_it_asks_for_no_other_file_and_nothing_is_wrong_with_it(view: View) -> None:
    outside = [url for url in view.requested if not url.startswith("data:")]
    assert len(outside) == 1
    assert outside[0].startswith("file://")
    assert view.said == []


def test_all_pictures_load_and_say_what_they_show(view: View) -> None:
    pictures = view.run(
        "return [...document.images].map((i) => [i.complete && i.naturalWidth, i.alt])"
    )
    assert len(pictures) >= 2
    assert all(width > 0 and alt for width, alt in pictures)


def test_nothing_is_wider_than_the_window(view: View) -> None:
    # A phone's window widens to what overflows, so its own width is looked at too.
    assert view.run("return window.innerWidth") == view.width
    assert view.run("return document.documentElement.scrollWidth") <= view.width


def test_what_scrolls_has_a_shadow_and_a_name_and_can_be_reached_by_keyboard(view: View) -> None:
    for tab_index, role, label, attachment in view.run(FIND_SCROLLABLE):
        assert attachment == "local, local, scroll, scroll"
        assert tab_index >= 0
        assert role == "region"
        assert label


def test_text_stands_out_from_its_ground(view: View) -> None:
    assert view.run(FIND_FAINT_TEXT, ENOUGH_CONTRAST) == []


def test_headings_are_in_order(view: View) -> None:
    levels = [int(h.tag_name[1]) for h in view.browser.find_elements(By.CSS_SELECTOR, "h1,h2,h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_a_script_in_a_name_is_text(view: View) -> None:
    with pytest.raises(NoAlertPresentException):
        _ = view.browser.switch_to.alert
    assert view.run("return document.scripts.length") == 0
    assert SCRIPT in view.run("return document.body.innerText")


def test_no_id_stands_twice_and_every_link_leads_somewhere(view: View) -> None:
    ids = view.run("return [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len({*ids})
    targets = view.run("return [...document.links].map((a) => a.getAttribute('href'))")
    assert {target.removeprefix("#") for target in targets if target.startswith("#")} <= {*ids}
    folder = Path(unquote(urlsplit(view.browser.current_url).path)).parent
    files = [folder / unquote(target) for target in targets if not target.startswith("#")]
    assert all(file.is_file() for file in files)
    assert bool(files) == (view.page == "comparison")


def test_no_caption_scrolls_with_its_table(view: View) -> None:
    assert view.run("return document.querySelectorAll('.scroll caption').length") == 0


def test_the_first_tab_leads_past_the_head(view: View) -> None:
    view.run("document.activeElement.blur()")
    view.browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    focused = view.browser.switch_to.active_element
    assert focused.get_attribute("href").endswith("#main")
    assert focused.location["x"] >= 0


def test_drawings_follow_the_page_into_the_dark(view: View) -> None:
    places = view.run(FIND_DRAWINGS)
    assert places
    for place in places:
        shot = {"clip": place | {"scale": 1}, "captureBeyondViewport": True}
        png = view.browser.execute_cdp_cmd("Page.captureScreenshot", shot)["data"]
        pixels = Image.open(io.BytesIO(base64.b64decode(png))).convert("L")
        is_dark = np.median(np.asarray(pixels)[:4, :80]) < 128  # above the plot
        assert is_dark == (view.scheme == "dark")


def test_answers_are_printed_although_they_are_closed(
    browser: WebDriver, pages: dict[str, Path]
) -> None:
    browser.get(pages["classification"].as_uri())
    ask = "return [...document.querySelectorAll('details > div')].map((e) => e.checkVisibility())"
    assert set(browser.execute_script(ask)) == {False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert set(browser.execute_script(ask)) == {True}
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
