from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from kerasrecipes.rows.kinds import Column, make_column

from .columns import find_problem, find_remark, read, recognise, take


def make_date(*parts: str, date_format: str | None = None, zone: str | None = None) -> Column:
    arguments = {"format": date_format} | ({"zone": zone} if zone else {})
    return make_column("c", "date", arguments, parts)


@pytest.mark.parametrize(
    ("values", "arguments", "parts", "reason"),
    [
        (
            [dt.date(2024, 1, 31), dt.date(2024, 3, 31)],
            {"format": None},
            ("month", "weekday"),
            "dates from 2024-01-31 to 2024-03-31",
        ),
        (
            [dt.datetime(2024, 1, 1, 8), None, dt.datetime(2024, 1, 1, 9, 30)],
            {"format": None},
            ("hour", "minute"),
            "dates from 2024-01-01 08:00:00 to 2024-01-01 09:30:00",
        ),
        (
            [dt.datetime(2024, 1, 1, 8, 0, 5), dt.datetime(2024, 1, 1, 8, 0, 50)],
            {"format": None},
            ("second",),
            "dates from 2024-01-01 08:00:05 to 2024-01-01 08:00:50",
        ),
        (
            [dt.date(2024, 1, 1)] * 2,
            {"format": None},
            ("year",),
            "dates from 2024-01-01 to 2024-01-01",
        ),
        ([dt.time(8), dt.time(17)], {"format": None}, ("hour",), "times from 08:00:00 to 17:00:00"),
        (
            ["2024-01-01", None, "9999-01-01"],
            {"format": None},
            ("year", "weekday"),
            "dates from 2024-01-01 to 9999-01-01",
        ),
        (
            ["2024-01-01T10:00+09:00", "2024-01-01T11:00+09:00"],
            {"format": None, "zone": "UTC"},
            ("hour",),
            "dates from 2024-01-01 01:00:00 to 2024-01-01 02:00:00",
        ),
        (
            pa.array([0, 3600]).cast(pa.timestamp("s", "Asia/Seoul")),
            {"format": None, "zone": "Asia/Seoul"},
            ("hour",),
            "dates from 1970-01-01 09:00:00 to 1970-01-01 10:00:00",
        ),
        (
            ["08:00:10", "17:30:20"],
            {"format": "%H:%M:%S"},
            ("hour", "minute", "second"),
            "times from 08:00:10 to 17:30:20",
        ),
        (
            ["2019Q1", "2020Q4"],  # a quarter has no day that means something
            {"format": "%YQ%q"},
            ("year", "month"),
            "dates from 2019-01-01 to 2020-10-01",
        ),
    ],
)
def test_dates_give_the_parts_that_vary(
    values: Any, arguments: Any, parts: tuple[str, ...], reason: str
) -> None:
    column = recognise(values).column
    assert column == make_column("c", "date", arguments, parts, reason)


JULY_9 = [2019.0, 7.0, 9.0]
PARTS = ("year", "month", "day", "hour", "minute", "second")


@pytest.mark.parametrize(
    ("texts", "date_format", "first"),
    [
        # The first is 9 July 2019, with its time; the second shows which number is the day.
        (["2019-07-09", "2020-12-31"], None, JULY_9),
        (["2019-07-09 17:05:30.25+00", "2020-12-31 01:00:00+00"], None, [*JULY_9, 17, 5, 30]),
        (["2019/7/9", "2020/12/31"], "%Y/%m/%d", JULY_9),
        (["2019.07.09", "2020.12.31"], "%Y.%m.%d", JULY_9),
        (["09/07/2019", "31/12/2020"], "%d/%m/%Y", JULY_9),
        (["7/9/2019", "12/31/2020"], "%m/%d/%Y", JULY_9),
        (["09.07.2019 17:05", "31.12.2020 01:00"], "%d.%m.%Y %H:%M", [*JULY_9, 17, 5]),
        (["09-07-2019", "31-12-2020"], "%d-%m-%Y", JULY_9),
        # Two digits of a year
        (["7/9/19", "12/31/20"], "%m/%d/%y", JULY_9),
        (["09.07.19", "31.12.20"], "%d.%m.%y", JULY_9),
        (["19-07-09", "19-12-31", "20-01-02"], "%y-%m-%d", JULY_9),
        (["19.07.09", "99.12.31"], "%y.%m.%d", JULY_9),
        (["19.07.09 17:05", "19.12.31 01:00", "20.01.02 01:00"], "%y.%m.%d %H:%M",
         [*JULY_9, 17, 5]),
        # Names of months and days
        (["9-Jul-19", "31-Dec-20"], "%d-%b-%y", JULY_9),
        (["9 July 2019", "31 December 2020"], "%d %B %Y", JULY_9),
        (["July 9, 2019", "December 31, 2020"], "%B %d, %Y", JULY_9),
        (["Jul 9, 2019", "Dec 31, 2020"], "%b %d, %Y", JULY_9),
        (["Tuesday, July 9, 2019", "Thursday, December 31, 2020"], "%A, %B %d, %Y", JULY_9),
        (["Tue Jul 09 17:05:30 2019", "Thu Dec 31 01:00:00 2020"], "%a %b %d %H:%M:%S %Y",
         [*JULY_9, 17, 5, 30]),
        (["Tue Jul 09 17:05:30 +0000 2019", "Thu Dec 31 01:00:00 +0000 2020"],
         "%a %b %d %H:%M:%S %z %Y", [*JULY_9, 17, 5, 30]),
        (["Jul. 9, 2019", "May 31, 2020"], "%b %d, %Y", JULY_9),
        (["9 Sept. 2019", "31 May 2020"], "%d %b %Y", [2019, 9, 9]),
        (["9. Juli 2019", "31. Dezember 2020", "1. März 2020"], "%d. %B %Y", JULY_9),
        (["9. Jul 2019", "31. Dez 2020", "1. Okt 2020"], "%d. %b %Y", JULY_9),
        (["July 9th, 2019", "December 31st, 2020"], "%B %d, %Y", JULY_9),
        # Half days
        (["7/9/2019 5:05 PM", "12/31/2020 1:00 AM"], "%m/%d/%Y %I:%M %p", [*JULY_9, 17, 5]),
        (["7/9/2019 5:05 p.m.", "12/31/2020 1:00 a.m."], "%m/%d/%Y %I:%M %p", [*JULY_9, 17, 5]),
        (["2019-07-09 오후 5:05:30", "2020-12-31 오전 1:00:00"], "%Y-%m-%d %p %I:%M:%S",
         [*JULY_9, 17, 5, 30]),
        # Compact, and with zones
        (["20190709T170530", "20201231T010000"], "%Y%m%dT%H%M%S", [*JULY_9, 17, 5, 30]),
        (["20190709T170530Z", "20201231T010000Z"], "%Y%m%dT%H%M%S%z", [*JULY_9, 17, 5, 30]),
        (["2019-07-09 17:05:30 UTC", "2020-12-31 01:00:00 UTC"], "%Y-%m-%d %H:%M:%S UTC",
         [*JULY_9, 17, 5, 30]),
        (["7/9/2019 17:05 EDT", "12/31/2020 01:00 EST"], "%m/%d/%Y %H:%M %Z", [*JULY_9, 17, 5]),
        (["09/Jul/2019:17:05:30 +0000", "31/Dec/2020:01:00:00 +0000"], "%d/%b/%Y:%H:%M:%S %z",
         [*JULY_9, 17, 5, 30]),
        (["Jul-09-2019", "Dec-31-2020"], "%b-%d-%Y", JULY_9),
        (["2019_07_09", "2020_12_31"], "%Y_%m_%d", JULY_9),
        # Korean
        (["2019년 7월 9일", "2020년 12월 31일"], "%Y년 %m월 %d일", JULY_9),
        (["2019년 7월 9일 17시 05분", "2020년 12월 31일 1시 00분"], "%Y년 %m월 %d일 %H시 %M분",
         [*JULY_9, 17, 5]),
        (["2019. 7. 9.", "2020. 12. 31."], "%Y. %m. %d.", JULY_9),
        (["2019.07.09.", "2020.12.31."], "%Y.%m.%d.", JULY_9),
        (["2019.07.09(화)", "2020.12.31(목)"], "%Y.%m.%d(%a)", JULY_9),
        (["2019년 7월 9일 (화) 오후 5:05", "2020년 12월 31일 (목) 오전 1:00"],
         "%Y년 %m월 %d일 (%a) %p %I:%M", [*JULY_9, 17, 5]),
        (["2019년 7월 9일 화요일", "2020년 12월 31일 목요일"], "%Y년 %m월 %d일 %A", JULY_9),
        (["2019. 7. 9. 오후 5:05:30", "2020. 12. 31. 오전 1:00:00"], "%Y. %m. %d. %p %I:%M:%S",
         [*JULY_9, 17, 5, 30]),
        (["2019년 7월 9일 오후 5시 5분", "2020년 12월 31일 오전 1시 30분"],
         "%Y년 %m월 %d일 %p %I시 %M분", [*JULY_9, 17, 5]),
        (["2019년 7월 9일 17시 5분 30초", "2020년 12월 31일 1시 0분 0초"],
         "%Y년 %m월 %d일 %H시 %M분 %S초", [*JULY_9, 17, 5, 30]),
        # Months and quarters
        (["2019-07", "2020-12"], "%Y-%m", [2019, 7]),
        (["Jul-19", "Dec-20"], "%b-%y", [2019, 7]),
        (["July 2019", "December 2020"], "%B %Y", [2019, 7]),
        (["2019년 7월", "2020년 12월"], "%Y년 %m월", [2019, 7]),
        (["2019年7月", "2020年12月"], "%Y年%m月", [2019, 7]),
        (["2019Q3", "2020Q4"], "%YQ%q", [2019, 7]),
        (["Q3 2019", "Q4 2020"], "Q%q %Y", [2019, 7]),
        (["2019년 3분기", "2020년 4분기"], "%Y년 %q분기", [2019, 7]),
        (["2019.3분기", "2020.4분기"], "%Y.%q분기", [2019, 7]),
        (["3Q19", "4Q20"], "%qQ%y", [2019, 7]),
        (["3Q 2019", "4Q 2020"], "%qQ %Y", [2019, 7]),
    ],
)  # fmt: skip
def test_how_dates_are_written(
    texts: list[str], date_format: str | None, first: list[float]
) -> None:
    column = recognise(texts).column
    assert column is not None
    assert (column.kind, column.arguments["format"]) == ("date", date_format)
    zone = column.arguments.get("zone")
    whole = make_date(*PARTS[: len(first)], date_format=date_format, zone=zone)
    assert [part[0] for part in read(whole, texts)] == first
    assert take(texts, "date").arguments == column.arguments


@pytest.mark.parametrize(
    ("texts", "parts", "expected"),
    [
        (["08:05", "23:59"], ("hour", "minute"), [[8, 23], [5, 59]]),
        (["08:05:30", "23:59:00"], ("hour", "minute", "second"), [[8, 23], [5, 59], [30, 0]]),
        (["8:05 AM", "11:59 PM", "12:00 AM"], ("hour", "minute"), [[8, 23, 0], [5, 59, 0]]),
        (["오전 8:05", "오후 11:59"], ("hour", "minute"), [[8, 23], [5, 59]]),
        (["01:00", "23:00", "24:00"], ("hour",), [1, 23, 0]),
    ],
)
def test_times_without_a_date(texts: list[str], parts: tuple[str, ...], expected: Any) -> None:
    column = recognise(texts).column
    assert (column.kind, column.parts) == ("date", parts)
    assert read(column, texts) == expected


def test_whole_numbers_may_be_days() -> None:
    days = [20240101, 20240215, 20240320, 20240402, 20241231]
    column = recognise([*days, None]).column
    assert (column.kind, column.arguments["format"]) == ("date", "%Y%m%d")
    assert read(make_date("month", date_format="%Y%m%d"), days) == [1, 2, 3, 4, 12]
    assert recognise([float(day) for day in days]).column.kind == "date"
    assert recognise([*days, 20241399]).column.kind == "number"
    assert recognise([*days, 20240101.5]).column.kind == "number"
    assert recognise(days[:4]).column.kind == "number"


def test_24_00_is_the_end_of_its_day() -> None:
    texts = ["2024-02-29 23:00", "2024-02-29 24:00", "2024-02-29 24:00:00"]
    assert read(make_date("month", "day", "hour"), texts) == [[2, 3, 3], [29, 1, 1], [23, 0, 0]]


@pytest.mark.parametrize(
    ("texts", "hint"),
    [
        (
            ["03/04/2024", "05/04/2024"],
            "say which of '03/04/2024' is the day: features: {c: {date: {format: '%d/%m/%Y'}}}",
        ),
        (
            ["2024-05-01", "21/5/2024"] * 9,
            "dates in several formats, such as '2024-05-01' (row 0) and '21/5/2024' (row 1); write "
            "all in one format to use them",
        ),
        (
            [f"{day} {month} 2020" for day in range(1, 7) for month in ("Oct", "Nov", "Sebt")],
            "6 of 18 values are not dates, such as '1 Sebt 2020' (row 2); to have dates: fix them",
        ),
    ],
)
def test_dates_that_need_a_person_are_categories_with_a_hint(texts: list[str], hint: str) -> None:
    finding = recognise(texts)
    assert (finding.column.kind, finding.hint) == ("category", hint)


@pytest.mark.parametrize(
    "texts",
    [
        ["2019-20", "2020-21"],  # seasons
        ["1:2", "16:9"],
        ["1/2", "3/4"],
        ["3-5", "0-2"],
        ["1.2.0", "1.10.3"],
        ["may", "june"],
    ],
)
def test_what_only_looks_like_a_date(texts: list[str]) -> None:
    finding = recognise(texts * 2)
    assert (finding.column.kind, finding.hint) == ("category", "")


DAYS = [f"2024-01-{day:02}" for day in range(1, 31)]


@pytest.mark.parametrize(
    ("words", "share"),
    [
        (["soon"], "1 of 31 values is not a date, such as 'soon' (line 32)"),
        (
            ["0000-00-00", "2024-02-31"],
            "2 of 32 values are not dates, such as '0000-00-00' (line 32)",
        ),
    ],
)
def test_dates_but_for_a_few_words(words: list[str], share: str) -> None:
    finding = recognise([*DAYS, *words], first_line=2)
    assert (finding.column.kind, finding.wrong) == ("date", tuple(words))
    listed = f"missing_values: [{', '.join(words)}]"
    assert finding.hint == f"{share}; to have dates: write {listed}"
    found = recognise([*DAYS, *words], missing_values=list(finding.wrong))
    assert (found.column.kind, found.wrong) == ("date", ())


@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        (["01/02/2024"], {"format": "%d/%m/%Y"}),
        ([20240105], {"format": "%Y%m%d"}),
        (["20240105"], {"format": "%Y%m%d"}),
        (["2024 7월"], {"format": "%Y %m월"}),
    ],
)
def test_a_recipe_may_give_the_format(values: Any, arguments: Any) -> None:
    column = take(values, "date", **arguments)
    assert (column.kind, column.arguments) == ("date", arguments)
    assert read(make_date("year", date_format=arguments["format"]), values) == [2024]


# How values are read.


EPOCH = pa.array([0]).cast(pa.timestamp("ns", "UTC"))


@pytest.mark.parametrize(
    ("values", "column", "expected"),
    [
        (
            [dt.date(2024, 2, 29), dt.date(1969, 12, 31), None],
            make_date("year", "month", "day", "weekday"),
            [[2024, 1969, None], [2, 12, None], [29, 31, None], [3, 2, None]],
        ),
        (
            [dt.datetime(1969, 12, 31, 23, 59, 58)],
            make_date("hour", "minute", "second"),
            [[23], [59], [58]],
        ),
        ([dt.time(23, 59)], make_date("hour", "minute"), [[23], [59]]),
        (["2024-02-29", " 2024-01-01T07:30 ", "", None], make_date("hour"), [0, 7, None, None]),
        (["29.02.2024", None], make_date("month", date_format="%d.%m.%Y"), [2, None]),
        ([20240229], make_date("month", date_format="%Y%m%d"), [2]),
        (EPOCH, make_date("hour"), [0]),
        (EPOCH, make_date("hour", zone="Asia/Seoul"), [9]),
        (["1970-01-01T01:00+01:00"], make_date("hour"), [1]),
        (["1970-01-01T01:00+01:00", "1970-01-01T05"], make_date("hour", zone="UTC"), [0, 5]),
        (["1970-01-01T00:00Z"], make_date("hour", zone="Asia/Seoul"), [9]),
        ([None], make_date("year", "hour"), [[None], [None]]),
    ],
)
def test_dates_become_parts(values: Any, column: Column, expected: Any) -> None:
    assert read(column, values) == expected


@pytest.mark.parametrize(
    ("values", "column", "problem"),
    [
        (
            [5],
            make_date("year"),
            "column c must contain dates, such as 2024-12-31; its type is int64.",
        ),
        (
            [dt.time(5)],
            make_date("year"),
            "column c must contain dates, such as 2024-12-31; its type is time64[us].",
        ),
        (
            ["2024-02-31", "2024-02-01", "soon"],
            make_date("year"),
            "column c must contain dates, such as 2024-12-31; 2 values are not: '2024-02-31' "
            "(row 10), 'soon' (row 12). Fix them, or add them to missing_values.",
        ),
        (
            ["31.02.2024"],
            make_date("year", date_format="%d.%m.%Y"),
            "column c must contain dates written as '%d.%m.%Y'; 1 value is not: '31.02.2024' "
            "(row 10). Fix it, or add it to missing_values.",
        ),
    ],
)
def test_values_that_are_no_dates(values: Any, column: Column, problem: str) -> None:
    assert find_problem(column, values, first_row=10) == problem


# What stands out.


@pytest.mark.parametrize(
    ("values", "remark"),
    [
        (
            [*DAYS, "9999-12-31", "9999-12-31"],
            "c: 9999-12-31 is far from all other values and occurs in 2 rows. If it means missing, "
            "write missing_values: [9999-12-31] and missing: median.",
        ),
        (
            [*DAYS, "1900-01-01"],
            "c: 1900-01-01 is far from all other values and occurs in 1 row. If it means missing, "
            "write missing_values: [1900-01-01] and missing: median.",
        ),
        (
            ["25.04.81", "16.12.66"],
            "c: 16.12.66 is read as a date of 2066. If years before 1969 are meant, write all of "
            "them with four digits.",
        ),
        (DAYS, ""),
        ([f"{year}-01-01" for year in range(1850, 1950)], ""),
        (["25.04.81", "16.12.69"], ""),
        (["08:00", "09:30"], ""),
        ([dt.time(8), dt.time(9)], ""),
    ],
)
def test_dates_that_stand_out(values: Any, remark: str) -> None:
    assert find_remark(values) == remark


def test_iso_dates_are_read_whatever_the_format_of_training() -> None:
    column = recognise(["13.04.2021", "05.06.2022"]).column
    assert read(column, ["2021-04-13"]) == read(column, ["13.04.2021"])
