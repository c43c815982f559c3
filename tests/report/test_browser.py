# SPDX-License-Identifier: GPL-2.0-only
"""The report in a real browser: headless Chromium opens the file and clicks through it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.report.conftest import Sample
from tests.wrapper.support import Project

pytestmark = pytest.mark.needs_browser

PATIENCE = 10.0  # seconds for anything to happen


class Page:
    """The report of the sample's two runs, on a screen."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        self.address = address

    def open(self, fragment: str = "") -> None:
        """Load it anew."""
        self.system("light")
        self.driver.get("about:blank")
        self.driver.get(self.address + fragment)

    def system(self, scheme: str) -> None:
        """Let the system be "light" or "dark"; nothing moves, so that a click hits."""
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": name, "value": value} for name, value in features.items()]},
        )

    def one(self, selector: str) -> WebElement:
        """The first that matches."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """All that match."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def shown(self, selector: str) -> list[str]:
        """Texts of those that match and can be seen."""
        return [item.text for item in self.all(selector) if item.is_displayed()]

    def press(self, *keys: str) -> None:
        """Press keys wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def fragment(self) -> str:
        """The part of the address behind #."""
        return urlsplit(self.driver.current_url).fragment

    def style(self, selector: str, name: str) -> str:
        """A computed property of the first that matches."""
        return self.one(selector).value_of_css_property(name)

    def wait_for_view(self, selector: str) -> None:
        """Wait until the first that matches is on the screen."""
        script = (
            "const r = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return r.bottom > 0 && r.top < innerHeight;"
        )
        WebDriverWait(self.driver, PATIENCE).until(
            lambda driver: driver.execute_script(script, selector), f"{selector} is not in view"
        )


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    """Chromium without a screen, and without a network."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    # no-sandbox: CI runs as root, where Chromium refuses to start with it.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1400,1000")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService("/usr/bin/chromedriver")
    with webdriver.Chrome(options=options, service=service) as driver:
        driver.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        yield driver


@pytest.fixture(scope="module")
def address(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the report, in a folder by itself."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    runs = [str(run) for run in sample.runs]
    result = Project(sample.root).lp("report", "--quiet", "-o", str(path), "--stats", *runs)
    assert result.status == 0, result.err
    return path.as_uri()


@pytest.fixture
def page(driver: webdriver.Chrome, address: str) -> Iterator[Page]:
    """The page, just opened. No script may have failed at the end, and nothing been missing."""
    page = Page(driver, address)
    page.open()
    yield page
    assert driver.get_log("browser") == []


def test_summary_is_seen_first(page: Page) -> None:
    """The share, and the picture of where requests went."""
    assert "finished in Elite" in page.one(".tile.big").text
    assert page.one("#deopts .flow .elite .huge").is_displayed()
    assert len(page.shown("#deopts .flow .deopt .count")) >= 5
    assert page.one(".stages").text.count("not yet") == 0


def test_ribbon_leads_to_its_line(page: Page) -> None:
    """By a click into the picture."""
    ribbon = page.one("#deopts .flow a")
    target = (ribbon.get_dom_attribute("href") or "").partition("#")[2]
    ribbon.find_element(By.CSS_SELECTOR, "text").click()
    assert page.fragment() == target
    page.wait_for_view(f"#{target}")
    assert "here" in (page.one(f"#{target}").get_attribute("class") or "")
    assert page.one(f"#{target} .h b").text


def test_each_run_has_a_picture(page: Page) -> None:
    """And all together; chosen by mouse or by arrow keys."""
    tabs = page.all('[role="tab"]')
    assert [tab.text for tab in tabs] == ["all runs", "first.json", "second.json"]
    tabs[1].click()
    assert [panel.get_attribute("id") for panel in page.all(".panel") if panel.is_displayed()] == [
        "run-1"
    ]
    page.press(Keys.ARROW_RIGHT)
    assert page.one("#run-2").is_displayed()
    assert not page.one("#run-1").is_displayed()


def test_functions_are_filtered_by_name(page: Page) -> None:
    """The slash leads to the filter, Enter to the first that is left."""
    page.press("/")
    page.press("parse_req")
    assert [text.split()[0] for text in page.shown("#functions li")] == ["parse_request"]
    page.press(Keys.ENTER)
    page.wait_for_view(f"#{page.fragment()}")
    assert "parse_request" in page.one(f"#{page.fragment()} code").text
    page.press(Keys.ESCAPE)
    assert len(page.shown("#functions li")) > 10


def test_functions_are_filtered_by_file_and_state(page: Page) -> None:
    """Files with nothing left disappear; nothing at all is told."""
    page.one("#find").send_keys("commands.c")
    everything = page.shown("#functions li")
    page.one('#states input[value="other"]').click()
    elite = page.shown("#functions li")
    assert "run_get" in [text.split()[0] for text in elite]
    assert "run_stats" in set(everything) - set(elite)
    assert [text.split()[0] for text in page.shown("#functions summary")] == ["commands.c"]
    page.one("#find").send_keys("no such thing")
    assert page.shown("#none") == ["No function of this name."]


def test_functions_with_deopts_only(page: Page) -> None:
    """Each shows how many."""
    page.one('#states input[value="hits"]').click()
    shown = page.shown("#functions li")
    assert shown
    assert all(any(letter.isdigit() for letter in text.split()[-1]) for text in shown)


def test_cold_arms_are_greyed_out(page: Page) -> None:
    """And hot lines are not."""
    assert float(page.style(".l.cold:not(.left) > code", "opacity")) < 0.7
    assert float(page.style(".l.hot > code", "opacity")) == 1


def test_path_of_a_class_is_shown_in_the_source(page: Page) -> None:
    """Until it is cleared."""
    button = page.one(".show")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert "class 1" in page.one("#path").text
    taken = len(page.all(".l.taken"))
    assert 0 < taken < len(page.all(".l[data-a]"))
    page.one("#path button").click()
    assert not page.one("#path").is_displayed()
    assert page.all(".l.taken") == []


def test_elite_functions_can_be_sorted(page: Page) -> None:
    """By any column, both ways."""

    def sizes() -> list[int]:
        cells = page.all("#elite .sortable tbody td:nth-child(3)")
        return [int(cell.get_attribute("data-v") or 0) for cell in cells]

    assert sizes() == sorted(sizes(), reverse=True)
    head = page.one("#elite .sortable th:nth-child(3) button")
    head.click()
    head.click()
    assert sizes() == sorted(sizes())


def test_keys_walk_through_the_deopts(page: Page) -> None:
    """n for the next line where Elite was left, p for the one before."""
    first = page.all(".l.left")[0].get_attribute("id")
    page.press("n")
    assert page.fragment() == first
    page.press("n")
    second = page.fragment()
    assert second != first
    page.press("p")
    assert page.fragment() == first


def test_keys_are_explained(page: Page) -> None:
    """By a question mark, in a dialog that Escape closes."""
    page.press("?")
    assert page.one("#help").is_displayed()
    page.press(Keys.ESCAPE)
    assert not page.one("#help").is_displayed()


def test_link_into_a_fold_opens_it(page: Page) -> None:
    """As a link that somebody sends around."""
    line = page.one("details.fold .l").get_attribute("id")
    page.open(f"#{line}")
    page.wait_for_view(f"#{line}")
    assert page.one(f"#{line}").is_displayed()


def test_light_and_dark(page: Page) -> None:
    """As the system has it, unless the reader says otherwise."""

    def background() -> str:
        return page.style("body", "background-color")

    page.system("light")
    light = background()
    page.system("dark")
    dark = background()
    assert light != dark
    page.press("t")
    assert background() == light
    page.press("t")
    page.system("light")
    assert background() == dark
    page.press("t")
    assert background() == light


def test_keyboard_reaches_everything_in_order(page: Page) -> None:
    """The first stop skips the navigation; what has the focus can be seen."""
    page.press(Keys.TAB)
    focused = page.driver.switch_to.active_element
    assert focused.text == "Skip to the report"
    assert focused.value_of_css_property("outline-style") != "none"
    page.press(Keys.ENTER)
    assert page.fragment() == "main"


def test_narrow_screen_has_no_sideways_scrolling(page: Page) -> None:
    """But in tables and source, which scroll by themselves."""
    metrics = {"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        width = page.driver.execute_script("return document.documentElement.scrollWidth")
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width <= 420


def test_everything_is_there_without_scripts(driver: webdriver.Chrome, address: str) -> None:
    """Pictures, tables and source are in the file, not made by it."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get("about:blank")
        driver.get(address)
        text = driver.find_element(By.TAG_NAME, "main").text
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "Classes of requests" in text
    assert "parse_request" in text
    assert Path(urlsplit(address).path).stat().st_size < 2_000_000
