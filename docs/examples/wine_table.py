"""A pandas pipeline in three cached steps, over a table that scikit-learn brings along.

    python wine_table.py [CACHE]         run it twice: the second time no step runs

Each step gets the result of the one before it, so that an edited step, and those after it whose input changes by that,
are computed again; the others are not.
"""

import sys

import pandas as pd
from sklearn.datasets import load_wine

from memopickle import Cache, DirectoryStore

#: Standard deviations from the mean.
FAR = 4


def read():
    """Return measurements of 178 wines, with the cultivar they are of."""
    print("reading")
    table = load_wine(as_frame=True).frame
    return table.rename(columns={"target": "cultivar", "od280/od315_of_diluted_wines": "dilution"})


def clean(table):
    """Return the table without outliers: what is further than FAR from the mean."""
    print("cleaning", len(table), "rows")
    numbers = table.drop(columns="cultivar")
    scores = (numbers - numbers.mean()) / numbers.std()
    return table[(scores.abs() <= FAR).all(axis="columns")]


def summarize(table, columns):
    """Return mean and spread of some columns for each cultivar."""
    print("summarizing", ", ".join(columns))
    return table.groupby("cultivar")[list(columns)].agg(["mean", "std"]).round(2)


def main(place=".cache"):
    cache = Cache(DirectoryStore(place), namespace="wine")
    table = cache.cached(clean)(cache.cached(read)())
    report = cache.cached(summarize)(table, columns=("alcohol", "color_intensity"))
    with pd.option_context("display.width", 100):
        print(report)


if __name__ == "__main__":
    main(*sys.argv[1:])
