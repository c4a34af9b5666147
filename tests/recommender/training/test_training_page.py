"""The page of a training's report: complete in every state, readable by everybody, loading nothing."""

import re
from html.parser import HTMLParser

import pytest

from recommender.recommendations.replay import Hits
from recommender.training.gate import Refusal
from recommender.training.learning_curve import CurvePoint
from recommender.training.render.page import training_page
from recommender.training.report import DayVolume, TrainingReport
from tests.recommender.training.reports import bare_report, comparison, full_report

REFUSED = (Refusal("quality", "HR@20 would fall."), Refusal("volume", "Events of 2025-11-21 are missing."))
FIRST = comparison(current=None, current_version=None, hit_rate_difference=None, mrr_difference=None)
STATES = {
    "published": full_report(),
    "refused": full_report(result="refused", refusals=REFUSED),
    "written": full_report(result="written"),
    "first": full_report(comparison=FIRST, history=()),
    "without gate": full_report(refusals=REFUSED, margin=None),
    "bare": bare_report(),
}


class Page(HTMLParser):
    """Collects what matters of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Remember the text, with plain spaces."""
        self.texts.append(data.replace("\N{NO-BREAK SPACE}", " "))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each such element."""
        return [attributes for name, attributes in self.elements if name == tag]

    def plots(self) -> set[str]:
        """Return the names of the plots."""
        return {(one["aria-labelledby"] or "").split("-title")[0] for one in self.all("svg")}


@pytest.fixture(params=list(STATES.values()), ids=list(STATES))
def report(request: pytest.FixtureRequest) -> TrainingReport:
    """Return a report of each state."""
    found: TrainingReport = request.param
    return found


def test_the_page_needs_nothing_from_outside(report: TrainingReport) -> None:
    """No script, no source, no link; a content security policy has the browser hold it to that."""
    text = training_page(report)
    page = Page(text)
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in page.elements}
    assert "url(" not in text
    assert set(re.findall(r"https?://[^\"]*", text)) <= {"http://www.w3.org/2000/svg"}
    policies = [one["content"] for one in page.all("meta") if "http-equiv" in one]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_the_page_can_be_read_without_seeing(report: TrainingReport) -> None:
    """A language, a main part, named plots, captions, headed cells; every identifier once, no figure that is none."""
    page = Page(training_page(report))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("main")) == len(page.all("h1")) == 1
    identifiers = [one["id"] for _, one in page.elements if "id" in one]
    assert len(identifiers) == len(set(identifiers))
    for plot in page.all("svg"):
        assert plot["role"] == "img"
        assert set((plot["aria-labelledby"] or "").split()) <= set(identifiers)
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("scope" in one for one in page.all("th"))
    assert not {"nan", "None", "inf"} & set(re.findall(r"\w+", " ".join(page.texts)))


def test_the_verdict_comes_first_and_its_reasons_next(report: TrainingReport) -> None:
    """Before any figure, in the page and in the browser's tab."""
    text = training_page(report)
    page = Page(text)
    verdict = next(part for part in page.texts if part.startswith(("Published", "Refused", "Written")))
    assert f"Kabin training: {verdict}" in page.texts
    tone = "refused" if report.refusals else report.result
    assert f'class="verdict {tone}"' in text
    places = [text.index(refusal.detail) for refusal in report.refusals]
    assert all(text.index("verdict ") < place < text.index('class="facts"') for place in places)


def test_everything_known_is_drawn() -> None:
    """Quality against the current model and night by night, volume, learning curve, coverage, popularity, sizes, time."""
    assert Page(training_page(full_report())).plots() == {
        "comparison",
        "coverage",
        "history-hit_rate",
        "history-mrr",
        "volume",
        "learning-hit_rate",
        "learning-mrr",
        "popularity",
        "calibration",
        "stages",
    }


def test_what_is_not_known_is_left_out() -> None:
    """No empty plot, no empty table, no heading over nothing."""
    page = Page(training_page(bare_report()))
    assert not page.plots()
    assert len(page.all("table")) == 1
    first = Page(training_page(STATES["first"])).plots()
    assert not {"comparison", "history-mrr"} & first
    assert "volume" in first


def test_the_day_of_the_training_is_no_outage() -> None:
    """At half past three a day has little to show; what is told of is the last one that is over."""
    text = " ".join(Page(training_page(full_report())).texts)
    assert "2025-11-21 brought 12,100 interactions, 106 % of the median day's." in text
    assert "3 visitors with 9,000 interactions were left out as bots." in text
    only_today = full_report(volumes=(DayVolume("2025-11-22", 150, 60, False),))
    assert "2025-11-22 brought 150 interactions" in training_page(only_today)


@pytest.mark.parametrize(
    ("rates", "means"),
    [
        ((0.30, 0.40), "more than chance alone does: more history would help"),
        ((0.395, 0.40), "which chance alone may do: more history would bring little"),
        ((0.50, 0.40), "older history does harm"),
    ],
)
def test_the_learning_curve_is_read_for_its_reader(rates: tuple[float, float], means: str) -> None:
    """What the last doubling brought, held against what chance does on so many cases."""
    curve = tuple(
        CurvePoint(share, int(1000 * share), Hits(rate, rate / 2, 5_000))
        for share, rate in zip((0.5, 1.0), rates, strict=True)
    )
    assert means in training_page(full_report(learning_curve=curve))


def test_texts_are_escaped() -> None:
    """Notes and reasons with tags are text."""
    hostile = "<script>x</script>&"
    text = training_page(
        full_report(
            result="refused", refusals=(Refusal("unreadable", hostile),), notes=(hostile,), engine=hostile
        )
    )
    assert not Page(text).all("script")
    assert "".join(Page(text).texts).count(hostile) >= 3


def test_a_current_model_that_found_nothing_is_no_error() -> None:
    """Relative differences to zero do not exist: the table says what there is to say."""
    lost = comparison(current=Hits(0.0, 0.0, 5_000))
    page = Page(training_page(full_report(comparison=lost)))
    assert "comparison" not in page.plots()
    assert "+52.0 points" in page.texts
