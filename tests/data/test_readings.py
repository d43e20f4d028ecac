from __future__ import annotations

from pathlib import Path

import pytest

from common.data.prepare.readings import parse_age, parse_reading, parse_sex, read_readings


@pytest.mark.parametrize(
    ("text", "sex", "age", "findings"),
    [
        ("Patient's Sex: F \nPatient's Age: 027Y\nnormal", "F", "27", "normal"),
        ("Patient's Sex: M\r\nPatient's Age: 049Y\r\nNO REPORT (same pt as MCUCXR_0162_1)\r\n", "M", "49", None),
        ("Patient's Sex: O \nPatient's Age: 005Y\nnormal", "", "5", "normal"),
        ("male 45yrs\nnormal", "M", "45", "normal"),
        ("Female, 28yrs\nPTB in the right\nupper field\n", "F", "28", "PTB in the right upper field"),
        ("femal 32yrs\nnormal", "F", "32", "normal"),
        ("female24yrs\nnormal", "F", "24", "normal"),
        ("male , 29yrs  \t\nbilateral PTB", "M", "29", "bilateral PTB"),
        ("male 16month\nnormal", "M", "1.33", "normal"),
        ("female 64days\nnormal", "F", "0.18", "normal"),
        ("male 42\nnormal", "M", "42", "normal"),
        ("", "", "", ""),
    ],
)
def test_both_forms_and_their_slips(text: str, sex: str, age: str, findings: str | None) -> None:
    reading = parse_reading(text)

    assert (reading["sex"], reading["age"]) == (sex, age)
    assert reading["findings"] == ("NO REPORT (same pt as MCUCXR_0162_1)" if findings is None else findings)


def test_a_sex_after_the_age_is_not_taken_for_months() -> None:
    assert (parse_age("45 male"), parse_sex("45 male")) == ("45", "M")
    assert parse_age("10M") == "0.83"
    assert parse_age("unknown") == ""


def test_text_files_win_over_a_table(tmp_path: Path) -> None:
    table = tmp_path / "shenzhen_metadata.csv"
    table.write_text("study_id,sex,age,findings\nA.png,Female,30,normal\nB.png,Male,31,PTB\n", encoding="utf-8")
    text = tmp_path / "B.txt"
    text.write_bytes(b"female 50yrs\nleft pleur\xe9sie")

    readings = read_readings({"B": text}, [table])

    assert readings["A"] == {"sex": "F", "age": "30", "findings": "normal"}
    assert readings["B"] == {"sex": "F", "age": "50", "findings": "left pleurésie"}
