"""Flame graphs of sampled stacks."""

import xml.etree.ElementTree as ET

from benchmarks.flame import boxes, draw, fold, shortened

STACKS = [
    "main (/opt/venv/bin/dragoman:8);Runner.run (asyncio/runners.py:118);answer (dragoman/app.py:3) 6",
    "main (/opt/venv/bin/dragoman:8);Runner.run (asyncio/runners.py:118);answer (dragoman/app.py:9) 2",
    "main (/opt/venv/bin/dragoman:8);Runner.run (asyncio/runners.py:118);write <& co> (dragoman/app.py:1) 2",
    "process (dragoman/ledger.py:5) 10",
    "not a stack",
    "",
]


def test_stacks_are_folded_by_function_whatever_the_line() -> None:
    root = fold(STACKS)
    assert root.count == 20
    loop = root.calls["main (/opt/venv/bin/dragoman)"].calls["Runner.run (asyncio/runners.py)"]
    assert {name: frame.count for name, frame in loop.calls.items()} == {
        "answer (dragoman/app.py)": 8,
        "write <& co> (dragoman/app.py)": 2,
    }


def test_what_is_outside_of_the_event_loop_is_left_out() -> None:
    root = fold(STACKS, "Runner.run")
    assert set(root.calls) == {"Runner.run (asyncio/runners.py)", "process (dragoman/ledger.py)"}


def test_a_frame_is_as_wide_as_its_share_and_stands_on_its_caller() -> None:
    found = {box.name: box for box in boxes(fold(STACKS, "Runner.run"))}
    loop, answer = found["Runner.run (asyncio/runners.py)"], found["answer (dragoman/app.py)"]
    assert (loop.begin, loop.width, loop.row) == (0, 0.5, 1)
    assert (answer.begin, answer.width, answer.row) == (0, 0.4, 2)


def test_frames_that_nobody_could_see_are_not_drawn() -> None:
    assert "write <& co> (dragoman/app.py)" not in {box.name for box in boxes(fold(STACKS), 0.2)}


def test_the_folders_of_an_installation_are_not_shown() -> None:
    assert shortened("run (/v/lib/python3.11/site-packages/click/core.py:7)") == "run (click/core.py)"
    assert shortened("run (/usr/lib/python3.11/asyncio/runners.py)") == "run (asyncio/runners.py)"
    assert shortened("epoll_wait") == "epoll_wait"


def test_the_picture_is_well_formed_and_names_every_frame() -> None:
    picture = ET.fromstring(draw(fold(STACKS), "A & B", "words"))  # noqa: S314 - our own
    titles = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert "write <& co> (dragoman/app.py): 10.0 %" in titles


def test_without_samples_there_is_nothing_but_a_title() -> None:
    assert boxes(fold([])) == []
    ET.fromstring(draw(fold([]), "Nothing", ""))  # noqa: S314 - our own
