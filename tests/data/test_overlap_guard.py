from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from common.data.guard import OverlapError, refuse_overlap


@pytest.fixture
def item(tmp_path: Path, film: Callable, save: Callable) -> Callable[..., dict[str, str]]:
    def build(seed: int, name: str, site: str = "a") -> dict[str, str]:
        return {"image": str(save(tmp_path / name, film(seed, (200, 180)))), "site": site}

    return build


def test_different_pictures_pass(item: Callable) -> None:
    training = [item(0, "0.png"), item(1, "1.png"), item(2, "CHNCXR_0001_0.png", "shenzhen")]

    refuse_overlap(training, [item(3, "3.png"), item(4, "CHNCXR_0002_0.png", "shenzhen")], progress=False)
    refuse_overlap(training, [], progress=False)


def test_the_same_file_and_the_same_picture_are_refused(item: Callable) -> None:
    training = [item(0, "0.png"), item(1, "1.png")]

    with pytest.raises(OverlapError, match=r"1 training images.*1\.png is in both lists"):
        refuse_overlap(training, [item(1, "sub/../1.png")], pictures=False)
    with pytest.raises(OverlapError, match=r"1\.png and .*copy\.jpg are the same picture"):
        refuse_overlap(training, [item(1, "copy.jpg", "b")], processes=2, progress=False)


def test_lists_that_swallow_a_test_set_are_refused_by_name(item: Callable) -> None:
    training = [item(n, f"imgs/extra/shenzhen/{n}.png", "tbx11k") for n in range(7)] + [
        item(8, "imgs/tb/t.png", "tbx11k")
    ]

    with pytest.raises(OverlapError, match=r"7 training images.*of tbx11k comes from shenzhen.*and 2 more"):
        refuse_overlap(training, [item(9, "CHNCXR_0001_0.png", "shenzhen")], pictures=False)
    refuse_overlap(training, [item(9, "MCUCXR_0001_0.png", "montgomery")], pictures=False)
