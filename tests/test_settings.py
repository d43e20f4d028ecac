"""Values that would fail late, or run and give wrong results."""

from __future__ import annotations

import re
from typing import Any

import pytest

from common.errors import UsageError
from common.settings import RULES, check_settings

NAN = float("nan")
SWITCH = "True or False is needed"
COUNT = "a whole number above 0 is needed"
COUNT_OR_NONE = "a whole number above 0, or null, is needed"
NATURAL = "a whole number from 0 on is needed"
SHARE = "a number from 0 to 1 is needed"
BELOW_ONE = "a number from 0 to below 1 is needed"
OPEN_SHARE = "a number between 0 and 1 is needed"
POSITIVE = "a number from 0 on is needed"
SIDES = "two whole numbers above 0 that are multiples of 16 are needed, as in [256, 256]"
RISING = "two rising numbers from 0 to 100 are needed, as in [1, 99]"
NAMES = "a name, a list of names, or null is needed"


@pytest.mark.parametrize(
    ("name", "good", "bad", "accepted"),
    [
        ("resume_inference", [True, False], ["yes", "True", 1, None], SWITCH),
        ("amp", [True], ["false"], SWITCH),
        ("batch_size", [1, 64], [0, -1, 2.0, "4", True, None], COUNT),
        ("limit", [None, 1], [0, "all"], COUNT_OR_NONE),
        ("early_stop_patience", [None, 3], [0, 1.5], COUNT_OR_NONE),
        ("num_workers", [0, 2], [-1, None, False], NATURAL),
        ("site_balance", [0, 0.5, 1], [-0.1, 1.1, NAN, "half", True], SHARE),
        ("flip_prob", [0.0, 1.0], [2], SHARE),
        ("zoom", [0, 0.99], [1, -0.1], BELOW_ONE),
        ("threshold", [0.001, 0.999], [0, 1, 1.5, NAN, "0.5"], OPEN_SHARE),
        ("learning_rate", [0.0, 1e30], [-1e-3, float("inf"), NAN, "fast"], POSITIVE),
        ("image_size", [[256, 512], (16, 32)], [256, [256], [256, -16], [0, 16], [256.0, 256.0], [100, 96]], SIDES),
        (
            "percentiles",
            [[1, 99], (0, 100), [0.5, 99.5]],
            [[99, 1], [5, 5], [-1, 9], [1, 101], None, ["1", 99]],
            RISING,
        ),
        (
            "mask_format",
            [".png", ".nii", ".nii.gz", ".seg.dcm"],
            ["png", None, ".bmp"],
            "one of .png, .nii, .nii.gz, .seg.dcm is needed",
        ),
        ("train_sites", [None, "jsrt", ["jsrt", "montgomery"], []], [3, [1], {"a": 1}], NAMES),
        ("split_column", ["seg_split"], ["", None, 1], "a name is needed"),
        ("labels", ["tb", ["abnormal", "tb"]], [None, [], "", 1], "a name, or a list of names, is needed"),
        ("class_weights", [None, [1, 2.5]], [1, [0, 1], ["1"], [NAN]], "a list of numbers above 0, or null, is needed"),
        (
            "rotations",
            [[0], [-5, 0.5]],
            [[], 5, ["5"], None],
            "a list of angles in degrees, at least one, is needed, as in [0] or [-5, 0, 5]",
        ),
        ("positive_weight", [0.5, 3], [0, -1, NAN, "3"], "a number above 0 is needed"),
        (
            "box_classes",
            [None, ["active", "latent"]],
            [[], "active", [1]],
            "a list of names, or null, is needed, as in [active, latent]",
        ),
        ("initial_weights", [None, "model.pt"], [True, 3], "the name of a file, or null, is needed"),
    ],
)
def test_each_knob_takes_what_it_is_for(name: str, good: list[Any], bad: list[Any], accepted: str) -> None:
    for value in good:
        check_settings({name: value})
    for value in bad:
        message = f"^{re.escape(f'{name}: {accepted}, got {value!r}')}$"
        with pytest.raises(UsageError, match=message):
            check_settings({name: value})
        with pytest.raises(UsageError, match=message):
            check_settings(**{name: value})


def test_all_knobs_are_checked_and_unknown_ones_pass() -> None:
    check_settings()
    check_settings({"batch_size": 4, "my_own": object()}, threshold=0.5)
    with pytest.raises(UsageError, match=r"^threshold: "):
        check_settings({"batch_size": 4, "my_own": object()}, threshold=5)


def test_every_rule_refuses_something_and_says_so_in_one_line() -> None:
    assert len(RULES) > 30
    for name in RULES:
        with pytest.raises(UsageError, match=rf"^{name}: .* needed\b.*, got <object object at 0x[0-9a-f]+>$"):
            check_settings({name: object()})


def test_a_network_that_halves_five_times_needs_larger_multiples() -> None:
    check_settings({"image_size": [96, 64]}, side_factor=32)
    with pytest.raises(UsageError, match=r"multiples of 32 are needed, as in \[256, 256\], got \[240, 256\]"):
        check_settings({"image_size": [240, 256]}, side_factor=32)
