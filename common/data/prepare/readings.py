"""Sex, age and findings from the clinical readings of Montgomery and Shenzhen."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path

# "Patient's Sex: F", "female 28yrs", "femal 32yrs", "male, 29yrs", "female24yrs", "Male"
_SEX = re.compile(r"\b(femal\w*?|male|f|m)(?=[\s,.;:\d]|$)", re.IGNORECASE)
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)
# "m" and "month" are months, the "m" of "male" is none.
_UNITS = ((r"m(o.*)?", 1 / 12), (r"w.*", 7 / 365.25), (r"d.*", 1 / 365.25))
_LABELLED = re.compile(r"patient'?s?\s*(sex|age)\s*:", re.IGNORECASE)


def parse_reading(text: str) -> dict[str, str]:
    """Columns ``sex``, ``age`` and ``findings`` of one reading.

    Two forms are known: labelled lines ("Patient's Sex: F", "Patient's Age: 027Y") and one line with both
    ("male 45yrs"), each followed by the findings. Ages in months and days become fractions of a year.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    head = [line for line in lines if _LABELLED.match(line)]
    if head:
        findings = [line for line in lines if line not in head]
        sex = next((line for line in head if "sex" in line.lower()), "").partition(":")[2]
        age = next((line for line in head if "age" in line.lower().partition(":")[0]), "").partition(":")[2]
    else:
        sex = age = lines[0] if lines else ""
        findings = lines[1:]
    return {"sex": parse_sex(sex), "age": parse_age(age), "findings": " ".join(findings)}


def parse_sex(text: str) -> str:
    """``M``, ``F``, or nothing."""
    match = _SEX.search(text)
    return match.group(1)[0].upper() if match else ""


def parse_age(text: str) -> str:
    """Age in years with at most two decimals, or nothing.

    >>> parse_age("027Y"), parse_age("male 16month"), parse_age("?")
    ('27', '1.33', '')
    """
    match = _AGE.search(text)
    if match is None:
        return ""
    unit = match.group(2).lower()
    years = float(match.group(1)) * next((share for pattern, share in _UNITS if re.fullmatch(pattern, unit)), 1.0)
    return f"{years:.2f}".rstrip("0").rstrip(".")


def read_readings(files: dict[str, Path], tables: Iterable[Path]) -> dict[str, dict[str, str]]:
    """Readings by image name.

    Args:
        files: text file of each image.
        tables: CSV tables with the columns ``study_id`` (file name of the image), ``sex`` or ``gender``, ``age`` and
            ``findings``, by which re-packagings replace the text files. The text files win.
    """
    readings: dict[str, dict[str, str]] = {}
    for path in tables:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            for row in csv.DictReader(stream):
                name = Path(row.get("study_id") or "").stem.upper()
                if name:
                    readings[name] = {
                        "sex": parse_sex(row.get("sex") or row.get("gender") or ""),
                        "age": parse_age(row.get("age") or ""),
                        "findings": " ".join((row.get("findings") or "").split()),
                    }
    for name, path in files.items():
        readings[name] = parse_reading(_text(path))
    return readings


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
