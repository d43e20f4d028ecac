"""The page of the report in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.evaluation.report import report_page

pytestmark = pytest.mark.slow


class Opened:
    """A page with everything that it asked for and complained of."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())


@pytest.fixture
def opened(browser: Any, report_dir: Path) -> Iterator[Any]:
    """The page on a wide screen."""
    found = Opened(browser, report_dir / "report.html", viewport={"width": 1100, "height": 900})
    yield found
    found.context.close()


def test_nothing_is_fetched_and_nothing_fails(opened: Opened, report_dir: Path) -> None:
    opened.page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    opened.page.wait_for_timeout(200)
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [(report_dir / "report.html").as_uri()]
    broken = "[...document.images].filter((picture) => !picture.naturalWidth).length"
    assert opened.page.evaluate("document.images.length") > 0
    assert opened.page.evaluate(broken) == 0


def test_every_chart_is_there_and_drawn(opened: Opened) -> None:
    charts = opened.page.evaluate(
        """[...document.querySelectorAll("svg.chart")].map((chart) => ({
            id: chart.id, width: chart.getBoundingClientRect().width, height: chart.getBoundingClientRect().height,
            title: chart.querySelector("title").textContent, text: chart.querySelector("desc").textContent,
            named: chart.getAttribute("aria-labelledby").split(" ").every((id) => document.getElementById(id)),
            drawn: [...chart.querySelectorAll("path.line:not(.guide), rect.bar")].filter((mark) => {
                const box = mark.getBBox();
                return box.width + box.height > 1;
            }).length,
        }))"""
    )
    panels = range(4)  # three sites and all of them
    wanted = {f"{kind}-{panel}" for kind in ("roc", "calibration", "decision") for panel in panels}
    wanted |= {f"scores-{model}-{panel}" for model in range(2) for panel in panels}
    wanted |= {f"froc-{panel}" for panel in panels}
    assert {chart["id"] for chart in charts} == wanted
    assert len(charts) == len(wanted)
    for chart in charts:
        assert chart["width"] > 150, chart
        assert chart["height"] > 120, chart
        assert chart["drawn"] > 0, chart
        assert chart["named"], chart
        assert chart["title"], chart
        assert chart["text"], chart
    assert opened.page.locator("svg.strip .dot").count() > 20
    assert opened.page.locator("svg.strip .box").count() > 5


def stick_out(opened: Opened) -> list[str]:
    """Verdicts that reach beyond their place in the card."""
    return opened.page.evaluate(
        """[...document.querySelectorAll(".sites .badge")].filter((badge) =>
            badge.getBoundingClientRect().right > badge.closest("li").getBoundingClientRect().right + 1
        ).map((badge) => badge.textContent)"""
    )


def test_verdicts_stay_in_their_place(opened: Opened) -> None:
    long = opened.page.locator(".sites .badge", has_text="false positive area, share of the lungs")
    assert long.count() > 0
    assert stick_out(opened) == []


def test_a_table_sorts_by_keyboard(opened: Opened) -> None:
    table = opened.page.locator("table.sort", has_text="Decisions as saved").first
    head = table.locator("th", has_text="specificity")
    column = head.evaluate("(cell) => cell.cellIndex")
    assert head.get_attribute("aria-sort") == "none"

    def values() -> list[float]:
        cells = table.locator(f"tbody tr td:nth-child({column + 1})")
        return [float(value) for value in cells.evaluate_all("(cells) => cells.map((cell) => cell.dataset.v)")]

    before = values()
    assert before != sorted(before)
    head.locator("button").focus()
    assert opened.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    opened.page.keyboard.press("Enter")
    assert values() == sorted(before)
    assert head.get_attribute("aria-sort") == "ascending"
    assert opened.page.locator("#said").text_content() == "Sorted by specificity, ascending."
    opened.page.keyboard.press("Space")
    assert values() == sorted(before, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    # Words sort as words, and the other head lets go.
    other = table.locator("th", has_text="site")
    other.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "none"
    sites = table.locator(
        f"tbody tr td:nth-child({other.evaluate('(cell) => cell.cellIndex') + 1})"
    ).all_text_contents()
    assert sites == sorted(sites)
    assert opened.complaints == []


def test_lesions_are_drawn_and_compared(opened: Opened) -> None:
    section = opened.page.locator("#lesions")
    assert section.locator("figure.case img").count() >= 4
    assert "True boxes blue" in section.text_content()
    heads = section.locator("h3").all_text_contents()
    assert heads == [
        "Images with true boxes",
        "FROC",
        "Normal images",
        "By site and subgroup",
        "Models compared",
        "Worst cases",
        "Normal images with the largest false area",
    ]
    # Both curves of a panel end at the right edge, within its frame.
    boxes = section.locator("#froc-3").evaluate(
        """(chart) => [...chart.querySelectorAll("path.line")].map((line) => {
            const box = line.getBBox();
            return { right: box.x + box.width, top: box.y };
        })"""
    )
    assert len(boxes) == 2
    for box in boxes:
        assert box["right"] == pytest.approx(328, abs=1)
        assert box["top"] >= 9


def test_everything_can_be_reached_by_keyboard(opened: Opened) -> None:
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    assert opened.page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    fold = opened.page.locator("summary", has_text="Predictive values by prevalence")
    fold.focus()
    opened.page.keyboard.press("Enter")
    assert fold.evaluate("(summary) => summary.parentElement.open") is True
    handles = "button, a[href], summary, .wide"
    assert opened.page.evaluate(f"[...document.querySelectorAll('{handles}')].every((item) => item.tabIndex >= 0)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_sideways_scrolling(browser: Any, report_dir: Path, scheme: str) -> None:
    viewport = {"width": 360, "height": 740}
    opened = Opened(browser, report_dir / "report.html", viewport=viewport, color_scheme=scheme)
    opened.page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert stick_out(opened) == []
    # The plots of the first table of subgroups can be seen without scrolling in it.
    place = "document.querySelector('td svg.strip').getBoundingClientRect().right"
    assert opened.page.evaluate(place) <= 360
    colours = "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    ink, paper = (_brightness(colour) for colour in opened.page.evaluate(colours))
    assert abs(ink - paper) > 180
    assert (paper < ink) == (scheme == "dark")
    opened.context.close()


def test_it_is_complete_without_scripts_and_on_paper(browser: Any, report_dir: Path) -> None:
    opened = Opened(browser, report_dir / "report.html", java_script_enabled=False)
    page = opened.page
    assert page.locator("table.sort th button").count() == 0
    assert page.locator("table.sort").count() > 15
    assert page.locator("svg.chart").count() == 24
    page.emulate_media(media="print")
    assert page.locator("details:not([open]) table").first.is_visible()
    assert len(page.pdf()) > 50_000
    opened.context.close()


def test_the_page_can_be_made_again_from_the_json(report_dir: Path) -> None:
    record = json.loads((report_dir / "report.json").read_text())
    page = (report_dir / "report.html").read_text()
    drawn = report_page(record)
    assert len(drawn) < len(page)
    assert drawn.split('<section id="lungs">')[0].split('<section id="classification">')[0] in page


def _brightness(colour: str) -> float:
    red, green, blue = (float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
    return 0.3 * red + 0.59 * green + 0.11 * blue
