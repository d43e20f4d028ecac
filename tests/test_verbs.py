"""Programs of several verbs: exit status, short errors, help."""

from __future__ import annotations

import argparse

import pytest

from common.errors import DEBUG_VARIABLE, UsageError
from common.verbs import Verbs


def verbs(outcome: int | BaseException) -> Verbs:
    def run(options: argparse.Namespace) -> int:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome + options.more

    program = Verbs("common.example", "For a test.", "Exit status: 0 done.")
    program.add("count", run, "add two numbers").add_argument("--more", type=int, default=0)
    return program


def test_the_status_is_that_of_the_verb() -> None:
    assert verbs(0).main(["count"]) == 0
    assert verbs(3).main(["count", "--more", "2"]) == 5


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UsageError("a.png: 3 channels; grey is needed"), "error: a.png: 3 channels; grey is needed\n"),
        (FileNotFoundError(2, "No such file or directory", "b.png"), "error: b.png: No such file or directory\n"),
        (KeyboardInterrupt(), "error: interrupted\n"),
    ],
)
def test_errors_that_are_not_of_the_code_end_in_one_line(
    error: BaseException, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DEBUG_VARIABLE, raising=False)
    assert verbs(error).main(["count"]) == 1
    assert capsys.readouterr().err.startswith(line)


def test_errors_of_the_code_keep_their_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert verbs(ZeroDivisionError("of the code")).main(["count"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert "ZeroDivisionError: of the code" in shown


@pytest.mark.parametrize("words", [[], ["other"], ["count", "--less", "1"]])
def test_wrong_words_end_in_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        verbs(0).main(words)
    assert caught.value.code == 2
    assert "usage: python -m common.example" in capsys.readouterr().err


def test_help_lists_the_verbs_and_what_the_status_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        verbs(0).main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for text in ("For a test.", "count", "add two numbers", "Exit status: 0 done."):
        assert text in shown
