"""Charts as SVG."""

import xml.etree.ElementTree as ET

from benchmarks.drawing import Bar, Line, Mark, bars, lines

SVG = "{http://www.w3.org/2000/svg}"


def read(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


def words(picture: ET.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def test_bars_are_as_long_as_their_values() -> None:
    picture = read(bars("Title", "ms", [Bar("a", 10, "10", "ours"), Bar("b", 40, "40")]))
    short, long = (float(bar.get("width", "")) for bar in picture.iter(f"{SVG}rect"))
    assert long == 4 * short
    assert [bar.get("class") for bar in picture.iter(f"{SVG}rect")] == ["ours", "other"]


def test_on_a_logarithmic_scale_powers_of_ten_are_evenly_spaced() -> None:
    values = (12.0, 120.0, 1200.0)
    picture = read(bars("Title", "us", [Bar("x", value, "") for value in values], logarithmic=True))
    first, second, third = (float(bar.get("width", "")) for bar in picture.iter(f"{SVG}rect"))
    assert abs((third - second) - (second - first)) < 0.2
    assert {"10", "100", "1,000"} <= set(words(picture))


def test_who_fails_has_an_error_in_place_of_a_bar() -> None:
    picture = read(bars("Title", "us", [Bar("a", 3, "3"), Bar("b <c>", None, '500: {"oh": "no"}')]))
    assert len(list(picture.iter(f"{SVG}rect"))) == 1
    assert '500: {"oh": "no"}' in words(picture)
    assert "b <c>" in words(picture)


def test_a_mark_beyond_all_bars_is_still_in_the_picture() -> None:
    picture = read(bars("Title", "MB", [Bar("a", 3, "3")], mark=Mark(80, "target")))
    mark = next(line for line in picture.iter(f"{SVG}line") if line.get("class") == "m")
    assert float(mark.get("x1", "")) < float(picture.get("viewBox", "").split()[2])


def test_charts_can_be_read_on_light_and_on_dark_pages() -> None:
    assert "prefers-color-scheme:dark" in bars("Title", "us", [Bar("a", 1, "")])


def test_linear_growth_is_a_diagonal_of_a_logarithmic_chart() -> None:
    points = [(1.0, 10.0), (10.0, 100.0), (100.0, 1000.0)]
    picture = read(lines("Title", "size", "us", [Line("a", points, (10.0).__mul__)]))
    dots = [
        (float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in list(picture.iter(f"{SVG}circle"))[:3]
    ]
    (x0, y0), (x1, y1), (x2, y2) = dots
    assert abs((x2 - x1) - (x1 - x0)) < 0.2
    assert abs((y2 - y1) - (y1 - y0)) < 0.2
