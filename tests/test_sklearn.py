"""A Cache as the ``memory`` of scikit-learn: what is fitted once is not fitted again."""

import pickle
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from helpers.needed import need

from memopickle import Cache, DirectoryStore, disabled

need("sklearn")

from helpers.estimators import Counted  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.datasets import load_wine  # noqa: E402
from sklearn.feature_selection import RFE  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.validation import check_memory  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "scikit-learn.md"
SECRET = "scikit-learn's processes find this in the environment"

#: Of a grid search below: steps that are fitted, in all three folds and once for the whole.
GRID = {"shift__shift": [0, 1], "model__C": [0.1, 1.0, 10.0]}
FOLDS = 3
PLAIN = FOLDS * 2 * 3 + 1
DISTINCT = FOLDS * 2 + 1


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


@pytest.fixture
def memory(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMOPICKLE_SECRET", SECRET)
    return Cache(DirectoryStore(tmp_path / "cache"))


@pytest.fixture
def log(tmp_path):
    return tmp_path / "fits"


@pytest.fixture
def pipeline(memory, log):
    """A pipeline of three steps, the second of which writes down each time it is fitted."""
    steps = [("scale", StandardScaler()), ("shift", Counted(str(log))), ("model", LogisticRegression(max_iter=1000))]
    return Pipeline(steps, memory=memory)


@pytest.fixture
def processes():
    """Workers that know this test's environment, and end with it."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)
    yield
    get_reusable_executor().shutdown(wait=True)


def fits(log):
    return log.read_text().count("fit") if log.exists() else 0


def test_a_cache_is_a_memory(memory):
    assert check_memory(memory) is memory


def test_a_pipeline_is_fitted_once(pipeline, wine, log):
    first = pipeline.fit(*wine).predict_proba(wine[0])
    again = pipeline.fit(*wine).predict_proba(wine[0])
    assert fits(log) == 1
    assert (first == again).all()
    assert (first == pipeline.set_params(memory=None).fit(*wine).predict_proba(wine[0])).all()
    assert fits(log) == 2


def test_other_data_or_parameters_are_fitted_anew(pipeline, wine, log):
    X, y = wine
    pipeline.fit(X, y)
    pipeline.set_params(shift__shift=2).fit(X, y)
    pipeline.fit(X + 1e-9, y)
    pipeline.fit(X, y[::-1])
    assert fits(log) == 4


def test_a_change_of_the_model_alone_fits_no_step(pipeline, wine, log):
    for strength in (0.1, 1.0, 10.0):
        pipeline.set_params(model__C=strength).fit(*wine)
    assert fits(log) == 1


def test_a_fitted_step_of_the_cache_can_be_changed_freely(pipeline, wine, log):
    pipeline.fit(*wine)
    pipeline.named_steps["shift"].mean_[:] = 1e6
    assert pipeline.fit(*wine).named_steps["shift"].mean_.max() < 1
    assert fits(log) == 1


def test_a_grid_search_fits_each_step_once_for_each_fold_and_parameter(pipeline, wine, log):
    search = GridSearchCV(pipeline, GRID, cv=FOLDS).fit(*wine)
    assert fits(log) == DISTINCT
    log.unlink()
    plain = GridSearchCV(pipeline.set_params(memory=None), GRID, cv=FOLDS).fit(*wine)
    assert fits(log) == PLAIN
    assert search.best_params_ == plain.best_params_
    assert (search.cv_results_["mean_test_score"] == plain.cv_results_["mean_test_score"]).all()


def test_a_grid_search_in_two_processes_fits_each_step_once(pipeline, wine, log, processes):
    search = GridSearchCV(pipeline, GRID, cv=FOLDS, n_jobs=2).fit(*wine)
    assert fits(log) == DISTINCT
    assert search.best_estimator_.score(*wine) > 0.9
    GridSearchCV(pipeline, GRID, cv=FOLDS, n_jobs=2).fit(*wine)
    assert fits(log) == DISTINCT


def test_cross_validation_uses_what_a_search_has_fitted(pipeline, wine, log):
    GridSearchCV(pipeline, GRID, cv=FOLDS, refit=False).fit(*wine)
    before = fits(log)
    scores = cross_val_score(pipeline, *wine, cv=FOLDS)
    assert fits(log) == before
    assert len(scores) == FOLDS


def test_clones_share_the_memory(pipeline, memory, wine, log):
    copy = clone(pipeline)
    assert copy.memory is memory
    assert clone(copy, safe=False).get_params()["memory"] is memory
    pipeline.fit(*wine), copy.fit(*wine)
    assert fits(log) == 1


def test_a_pickled_pipeline_knows_its_cache_and_no_secret(pipeline, wine, log):
    pickled = pickle.dumps(pipeline.fit(*wine))
    assert SECRET.encode() not in pickled
    loaded = pickle.loads(pickled)
    assert (loaded.predict(wine[0]) == pipeline.predict(wine[0])).all()
    assert loaded.memory.store.path == pipeline.memory.store.path
    loaded.fit(*wine)
    assert fits(log) == 1


def test_one_step_in_several_pipelines_is_fitted_once(memory, wine, log):
    for model in (LogisticRegression(max_iter=1000), RFE(LogisticRegression(max_iter=100), step=0.5)):
        make_pipeline(StandardScaler(), Counted(str(log)), model, memory=memory).fit(*wine)
    assert fits(log) == 1


def test_nested_pipelines(memory, wine, log):
    inner = make_pipeline(StandardScaler(), Counted(str(log)), memory=memory)
    outer = make_pipeline(ColumnTransformer([("all", inner, slice(0, 4))]), LogisticRegression(), memory=memory)
    outer.fit(*wine), clone(outer).fit(*wine)
    assert fits(log) == 1


def test_the_program_may_be_another(pipeline, wine, log, memory, tmp_path):
    pipeline.fit(*wine)
    (tmp_path / "pipeline.pkl").write_bytes(pickle.dumps(clone(pipeline)))
    program = """
import pickle, sys
from sklearn.datasets import load_wine
sys.path.insert(0, sys.argv[1])
pickle.load(open("pipeline.pkl", "rb")).fit(*load_wine(return_X_y=True))
"""
    command = [sys.executable, "-c", program, str(Path(__file__).parent)]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    assert fits(log) == 1


def test_disabled_fits_each_time(pipeline, wine, log):
    with disabled():
        pipeline.fit(*wine), pipeline.fit(*wine)
    assert fits(log) == 2


STEP = """
from sklearn.base import BaseEstimator, TransformerMixin

class Step(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        fitted.append({number})
        return self

    def transform(self, X):
        return X + {number}
"""


def test_the_code_of_a_step_s_class_is_not_in_its_key(memory, wine, monkeypatch):
    """A limit, which the page names."""
    fitted = []
    for number in (1, 2):
        edited = ModuleType("edited")
        monkeypatch.setitem(sys.modules, "edited", edited)
        edited.fitted = fitted
        exec(STEP.format(number=number), edited.__dict__)
        make_pipeline(StandardScaler(), edited.Step(), LogisticRegression(max_iter=1000), memory=memory).fit(*wine)
    assert fitted == [1]


def test_the_program_of_the_page_prints_what_it_says(tmp_path):
    text = PAGE.read_text()
    program = re.search(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1]
    printed = re.search(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1]
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == printed
