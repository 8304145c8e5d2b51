"""TF_CONFIG from outside, and recipes that several workers cannot train alike."""

from __future__ import annotations

import json

import pytest

from kerasrecipes.distributed import check_recipe, join_team
from kerasrecipes.errors import InputError
from kerasrecipes.trained import train
from kerasrecipes.training.team import Team, TeamLost


def config(cluster, kind, index):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


WORKERS = {"worker": ["a:1", "b:1", "c:1"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (1, 0)),
        (config({"worker": ["a:1"]}, "worker", 0), (1, 0)),
        (config(WORKERS, "worker", 2), (3, 2)),
        (config(WORKERS, "worker", "1"), (3, 1)),
        (config({"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "worker", 1), (3, 2)),
        (config({"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "chief", 0), (3, 0)),
    ],
)
def test_the_place_of_a_worker(monkeypatch, text, expected):
    monkeypatch.setenv("TF_CONFIG", text)
    team = join_team(None)
    assert (team.size, team.number) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{cluster", "(JSONDecodeError: Expecting property name"),
        ("[]", "(TypeError: list indices"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "(KeyError: 'task')"),
        (config(["a:1"], "worker", 0), "(AttributeError: "),
        (config(WORKERS, "worker", 3), "('worker', 3) is not in list"),
        (config(WORKERS, "worker", -1), "('worker', -1) is not in list"),
        (config(WORKERS, "chief", 0), "('chief', 0) is not in list"),
        (config({"ps": ["a:1"], "worker": ["b:1"]}, "ps", 0), "must be chief and worker"),
    ],
)
def test_a_wrong_tf_config_is_an_input_error(monkeypatch, text, said):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError) as error:
        join_team(None)
    assert said in str(error.value)
    assert "TF_CONFIG cannot be used" in str(error.value)


def test_the_number_of_workers_must_be_that_of_tf_config(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config(WORKERS, "worker", 0))
    assert join_team(3).size == 3
    with pytest.raises(InputError, match="it names 3 workers, and --workers 2"):
        join_team(2)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"jit_compile": True}, "jit_compile: false"),
        ({"loss": {"MeanSquaredError": {"reduction": "sum"}}}, "reduction=sum"),
        (
            {
                "layers": [
                    {"BatchNormalization": {"synchronized": True}},
                    {"Dense": {"units": 3, "activation": "softmax"}},
                ]
            },
            "synchronized: true",
        ),
    ],
)
def test_recipes_that_would_train_in_another_way(make_recipe, keys, said):
    with pytest.raises(InputError, match=said):
        check_recipe(make_recipe(**keys), 2)


def test_no_more_workers_than_rows_of_a_batch():
    Team(8, 3).check_batch(8)
    with pytest.raises(InputError, match="received: 8 workers, batches of 7"):
        Team(8, 3).check_batch(7)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n_rows", [1, 2, 7, 32, 33])
def test_shares_cover_a_batch(size, n_rows):
    shares = [Team(size, number).find_share(n_rows) for number in range(size)]
    assert sum(weight for _, _, weight in shares) == pytest.approx(1)
    if n_rows >= size:
        ends = [0, *(begin + n for begin, n, _ in shares)]
        assert [begin for begin, _, _ in shares] == ends[:-1]
        assert ends[-1] == n_rows
        assert {n for _, n, _ in shares} <= {n_rows // size, n_rows // size + 1}


def test_a_worker_that_is_lost_before_the_first_step_is_no_fault_of_the_recipe(
    make_recipe, monkeypatch, tmp_path
):
    import tensorflow as tf

    def lose(team, model):
        tf.debugging.assert_equal(1, 2, "Collective ops is aborted by: Error reported from task:1")

    monkeypatch.setattr(Team, "read_metrics", lose)
    with pytest.raises(TeamLost, match="Another worker has ended"):
        train(make_recipe(), output_dir=tmp_path)
