from __future__ import annotations

import numpy as np
import pytest
from tinybert.tasks.records import CLASSES, SCORE, TAGS, Target
from tinybert.tasks.scores import accuracy, chance, f1, matthews, pearson, scores, spans, spearman

TWO = ("0", "1")


def _array(*values: int) -> np.ndarray:
    return np.array(values)


def test_accuracy_counts_only_what_has_a_label() -> None:
    assert accuracy(_array(0, 1, 1, 0), _array(0, 1, 0, -100)) == pytest.approx(2 / 3)


def test_f1_of_a_table_worked_by_hand() -> None:
    """Three found, four wanted, two of them right: precision 2/3, recall 1/2."""
    predicted, true = _array(1, 1, 1, 0, 0, 0) == 1, _array(1, 1, 0, 1, 1, 0) == 1
    assert f1(predicted, true) == pytest.approx(2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2))
    assert f1(predicted, ~predicted) == 0
    assert f1(_array(0) == 1, _array(0) == 1) == 0


def test_matthews_of_two_classes_is_the_formula_of_1975() -> None:
    rng = np.random.default_rng(0)
    predicted, true = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    tp, tn = ((predicted == true) & (true == 1)).sum(), ((predicted == true) & (true == 0)).sum()
    fp, fn = ((predicted != true) & (true == 0)).sum(), ((predicted != true) & (true == 1)).sum()
    product = float(tp + fp) * float(tp + fn) * float(tn + fp) * float(tn + fn)
    assert matthews(predicted, true) == pytest.approx((tp * tn - fp * fn) / product**0.5)


@pytest.mark.parametrize(
    ("predicted", "true", "expected"),
    [
        ((1, 0, 1, 1), (1, 1, 1, 0), -1 / 3),  # the example of scikit-learn's documentation
        ((0, 1, 2, 0), (0, 1, 2, 0), 1.0),
        ((1, 0), (0, 1), -1.0),
        ((1, 1, 1), (0, 1, 1), 0.0),
    ],
)
def test_matthews_of_known_tables(predicted: tuple[int, ...], true: tuple[int, ...], expected: float) -> None:
    assert matthews(_array(*predicted), _array(*true)) == pytest.approx(expected)


def test_correlations_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    predicted, true = rng.normal(0, 1, 50), rng.integers(0, 6, 50) / 2
    assert pearson(predicted, true) == pytest.approx(stats.pearsonr(predicted, true).statistic)
    assert spearman(predicted, true) == pytest.approx(stats.spearmanr(predicted, true).statistic)
    assert pearson(np.ones(4), np.arange(4)) == 0


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O B-x I-x O", [("x", 1, 2)]),
        ("B-x B-x", [("x", 0, 0), ("x", 1, 1)]),
        ("B-x I-y", [("x", 0, 0), ("y", 1, 1)]),
        ("I-x I-x O I-x", [("x", 0, 1), ("x", 3, 3)]),
        ("S-x I-x", [("x", 0, 0), ("x", 1, 1)]),
        ("B-x S-y B-x", [("x", 0, 0), ("y", 1, 1), ("x", 2, 2)]),
        ("O O", []),
    ],
)
def test_entities_of_tags(tags: str, expected: list[tuple[str, int, int]]) -> None:
    assert list(spans(tags.split())) == expected


def test_tags_are_scored_by_entity_and_by_token() -> None:
    """Two entities of two tokens; the first is found whole, of the second one token."""
    target = Target("cluener", TAGS, ("O", "B-x", "I-x"))
    labels = np.array([[-100, 1, 2, 0, -100], [-100, 0, 1, 2, -100]])
    predicted = np.array([[2, 1, 2, 0, 1], [1, 0, 1, 0, 2]])
    found = scores(target, predicted, labels)
    assert found == {
        "entity_f1": pytest.approx(0.5),  # found (1-2), (2-2); wanted (1-2), (2-3)
        "token_f1": pytest.approx(2 * 3 / (3 + 4)),
        "accuracy": pytest.approx(5 / 6),
    }


@pytest.mark.parametrize(
    ("task", "measures"),
    [
        ("sst2", ["accuracy"]),
        ("mrpc", ["accuracy", "f1"]),
        ("qqp", ["accuracy", "f1"]),
        ("cola", ["matthews", "accuracy"]),
    ],
)
def test_each_task_has_its_measures(task: str, measures: list[str]) -> None:
    found = scores(Target(task, CLASSES, TWO), _array(0, 1, 1), _array(0, 1, 0))
    assert list(found) == measures
    assert list(scores(Target("stsb", SCORE, ()), np.arange(3.0), np.arange(3.0))) == ["pearson", "spearman"]


def test_all_rows_count_and_the_reference_s_figure_stands_beside() -> None:
    """872 rows: the reference scores the first 864, 27 batches of 32."""
    labels = np.zeros(872, int)
    predicted = np.repeat([0, 1], [864, 8])
    found = scores(Target("sst2", CLASSES, TWO), predicted, labels)
    assert found["accuracy"] == pytest.approx(864 / 872)
    assert (found["accuracy_of_whole_batches"], found["rows_of_whole_batches"]) == (1.0, 864)


def test_chance_is_the_commonest_label_and_three_standard_errors() -> None:
    labels = np.repeat([0, 1, -100], [60, 40, 7])
    guessing, needed = chance(Target("sst2", CLASSES, TWO), labels)
    assert guessing == pytest.approx(0.6)
    assert needed == pytest.approx(0.6 + 3 * (0.24 / 100) ** 0.5)
    assert chance(Target("stsb", SCORE, ()), np.zeros(900)) == (0.0, pytest.approx(0.1))
