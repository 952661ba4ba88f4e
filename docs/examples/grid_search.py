"""A scikit-learn grid search whose steps before the classifier are fitted once each.

    python grid_search.py [CACHE]        run it twice: the second time no step is fitted

A ``Cache`` can stand where scikit-learn takes a ``memory``. The grid below has 18 combinations in 3 folds, but the
projections before the classifier differ only in their number of components.
"""

import sys
import time

from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from memopickle import Cache, DirectoryStore
from memopickle.events import Hit, Miss

GRID = {
    "project__n_components": [8, 16, 32],
    "classify__n_neighbors": [1, 3, 5],
    "classify__weights": ["uniform", "distance"],
}


def main(place=".cache"):
    told = []
    memory = Cache(DirectoryStore(place, max_bytes="1GiB"), namespace="digits", on_event=told.append)
    pipeline = Pipeline(
        [("scale", StandardScaler()), ("project", PCA(random_state=0)), ("classify", KNeighborsClassifier())],
        memory=memory,
    )
    begun = time.perf_counter()
    search = GridSearchCV(pipeline, GRID, cv=3).fit(*load_digits(return_X_y=True))
    seconds = time.perf_counter() - begun
    fitted, found = (sum(isinstance(event, kind) for event in told) for kind in (Miss, Hit))
    print(f"best: {search.best_params_}, {search.best_score_:.3f}")
    print(f"{len(search.cv_results_['params'])} combinations, {fitted} steps fitted, {found} found, {seconds:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
