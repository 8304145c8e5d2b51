"""What a comparison may claim: against SciPy, by hand, by properties and by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kerasrecipes.comparison.statistics import Ranking, Standing, Verdict, describe, rank_scores
from kerasrecipes.errors import InputError

ADAM = [0.883, 0.879, 0.886, 0.881, 0.884]
NESTEROV = [0.876, 0.875, 0.877, 0.872, 0.879]
SGD = [0.861, 0.866, 0.858, 0.863, 0.864]
CLAIMS = {Verdict.BETTER, Verdict.WORSE}


def compare_rows(rows: npt.ArrayLike, higher_is_better: bool = True, **keys: Any) -> Ranking:
    """Compare rows of scores under the names r0, r1 and so on."""
    scores = {f"r{i}": row for i, row in enumerate(np.asarray(rows, dtype=float).tolist())}
    keys = {"draw_name": "split" if keys.get("test_share") else "seed"} | keys
    return rank_scores(scores, "accuracy", higher_is_better=higher_is_better, **keys)


def find_standing(comparison: Ranking, name: str) -> Standing:
    return next(standing for standing in comparison.standings if standing.name == name)


def find_verdicts(comparison: Ranking) -> dict[str, Verdict]:
    return {standing.name: standing.verdict for standing in comparison.standings}


class TestNumbers:
    def test_two_contenders_are_compared_by_a_paired_t_test(self) -> None:
        comparison = rank_scores(
            {"nesterov": NESTEROV, "adam": ADAM}, "accuracy", higher_is_better=True
        )
        expected = stats.ttest_rel(NESTEROV, ADAM)
        low, high = expected.confidence_interval(0.95)
        adam, nesterov = comparison.standings
        assert comparison.reference == "adam"
        assert (adam.rank, nesterov.rank) == (1, 2)
        assert nesterov.difference == pytest.approx(np.mean(NESTEROV) - np.mean(ADAM))
        assert nesterov.p_value == pytest.approx(expected.pvalue)
        assert nesterov.difference_interval == pytest.approx((low, high))
        assert (adam.difference, adam.difference_interval) == (0, (0, 0))
        assert math.isnan(adam.p_value)

    def test_a_mean_has_sd_and_t_interval(self) -> None:
        comparison = rank_scores({"adam": ADAM, "sgd": SGD}, "accuracy", higher_is_better=True)
        adam = comparison.standings[0]
        assert adam.scores == tuple(ADAM)
        assert adam.mean == pytest.approx(np.mean(ADAM))
        assert adam.sd == pytest.approx(np.std(ADAM, ddof=1))
        expected = stats.ttest_1samp(ADAM, 0).confidence_interval(0.95)
        assert adam.interval == pytest.approx(tuple(expected))

    def test_nadeau_and_bengio_by_hand(self) -> None:
        # Differences 1, 2, 3, 4: mean 2.5, variance 5/3; 80% of rows train and 20% score.
        comparison = compare_rows([[2, 4, 6, 8], [1, 2, 3, 4]], test_share=0.25)
        error = math.sqrt(5 / 3 * (1 / 4 + 0.25))
        loser = comparison.standings[1]
        assert loser.difference == -2.5
        assert loser.p_value == pytest.approx(2 * stats.t.sf(2.5 / error, 3))
        half_width = stats.t.ppf(0.975, 3) * error
        assert loser.difference_interval == pytest.approx((-2.5 - half_width, -2.5 + half_width))
        half_width = stats.t.ppf(0.975, 3) * math.sqrt(20 / 3 * (1 / 4 + 0.25))
        assert comparison.standings[0].interval == pytest.approx((5 - half_width, 5 + half_width))

    def test_holm_runs_across_all_pairs_by_hand(self) -> None:
        rng = np.random.default_rng(3)
        rows = rng.normal(size=(4, 6)) + np.array([[0], [0.5], [2], [4]])
        raw = {(i, j): stats.ttest_rel(rows[i], rows[j]).pvalue for i in range(4) for j in range(i)}
        adjusted: dict[tuple[int, int], float] = {}
        for step, pair in enumerate(sorted(raw, key=raw.__getitem__)):
            so_far = max(adjusted.values(), default=0)
            adjusted[pair] = max(so_far, min(1, (6 - step) * raw[pair]))
        comparison = compare_rows(rows)
        assert comparison.reference == "r3"
        for i in range(3):
            assert find_standing(comparison, f"r{i}").p_value == pytest.approx(adjusted[3, i])

    @pytest.mark.parametrize("seed", range(20))
    def test_an_interval_excludes_zero_exactly_where_the_verdict_is_worse(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        comparison = compare_rows(rng.normal(size=(5, 6)) + rng.normal(size=(5, 1)))
        for standing in comparison.standings[1:]:
            low, high = standing.difference_interval
            assert (not low <= 0 <= high) == (standing.verdict is Verdict.WORSE)
            assert (standing.p_value <= 0.05) == (standing.verdict is Verdict.WORSE)

    def test_equal_means_share_a_rank(self) -> None:
        comparison = compare_rows([[1, 3, 2], [0, 1, 0], [0.1, 0.2, 0.3], [3, 2, 1]])
        assert [standing.rank for standing in comparison.standings] == [1, 1, 3, 4]
        assert comparison.reference == "r0"


class TestVerdicts:
    def test_better_than_every_other(self) -> None:
        comparison = rank_scores(
            {"sgd": SGD, "adam": ADAM, "nesterov": NESTEROV}, "accuracy", higher_is_better=True
        )
        assert find_verdicts(comparison) == {
            "adam": Verdict.BETTER,
            "nesterov": Verdict.WORSE,
            "sgd": Verdict.WORSE,
        }

    def test_lower_is_better(self) -> None:
        comparison = rank_scores({"adam": ADAM, "sgd": SGD}, "loss", higher_is_better=False)
        assert comparison.reference == "sgd"
        assert find_standing(comparison, "adam").difference > 0
        assert find_verdicts(comparison) == {"sgd": Verdict.BETTER, "adam": Verdict.WORSE}

    def test_best_is_not_better_while_one_other_is_unproven(self) -> None:
        comparison = compare_rows([[0, 1, 2, 1, 0], [0.5, 0, 2.5, 0, 0.9], [-9, -8, -9, -7, -8]])
        assert find_verdicts(comparison) == {
            "r0": Verdict.LEADS,
            "r1": Verdict.WITHIN_NOISE,
            "r2": Verdict.WORSE,
        }

    def test_too_few_seeds_tells_how_many_would_do(self) -> None:
        comparison = compare_rows([[2, 5, 2], [1, 2, 0]])
        loser = comparison.standings[1]
        assert loser.verdict is Verdict.TOO_FEW
        # Differences 1, 3, 2: an effect of two standard deviations; power by SciPy's own class.
        power = {n: stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, 2 * n**0.5) for n in (4, 5)}
        assert (power[4] < 0.8, power[5] >= 0.8) == (True, True)
        assert loser.seeds_needed == 5

    def test_a_difference_that_thirty_seeds_would_not_find_is_noise(self) -> None:
        loser = compare_rows([[2, 5, 2, 3], [3, 4, 1, 3]]).standings[1]
        assert (loser.verdict, loser.seeds_needed) == (Verdict.WITHIN_NOISE, None)

    def test_overlapping_splits_ask_for_more(self) -> None:
        rows = [[4, 6, 5, 4], [1, 4, 4, 0]]
        assert compare_rows(rows).standings[1].verdict is Verdict.WORSE
        split = compare_rows(rows, test_share=0.25).standings[1]
        assert split.verdict is Verdict.TOO_FEW
        effect = 2.5 / np.std([3, 2, 1, 4], ddof=1)
        power = {
            n: stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, effect / math.sqrt(1 / n + 0.25))
            for n in (8, 9)
        }
        assert (power[8] < 0.8, power[9] >= 0.8) == (True, True)
        assert split.seeds_needed == 9

    def test_one_seed_tells_nothing(self) -> None:
        comparison = compare_rows([[0.9], [0.1], [0.5]])
        assert find_verdicts(comparison) == {
            "r0": Verdict.LEADS,
            "r2": Verdict.TOO_FEW,
            "r1": Verdict.TOO_FEW,
        }
        for standing in comparison.standings:
            assert standing.seeds_needed is None
            assert np.isnan([standing.sd, *standing.interval, standing.p_value]).all()
        assert comparison.standings[1].difference == pytest.approx(-0.4)
        assert np.isnan(comparison.standings[1].difference_interval).all()

    def test_one_contender_is_the_best_of_itself(self) -> None:
        assert find_verdicts(compare_rows([ADAM])) == {"r0": Verdict.LEADS}


class TestNoVariation:
    @pytest.mark.parametrize("n", [2, 5, 20])
    def test_identical_scores_are_within_noise(self, n: int) -> None:
        scores = np.linspace(0.8, 0.9, n)
        comparison = compare_rows([scores, scores, scores])
        assert find_verdicts(comparison) == {
            "r0": Verdict.LEADS,
            "r1": Verdict.WITHIN_NOISE,
            "r2": Verdict.WITHIN_NOISE,
        }
        assert {standing.rank for standing in comparison.standings} == {1}
        assert comparison.standings[1].p_value == 1

    @pytest.mark.parametrize("value", [0.0, 0.5])
    def test_scores_that_never_vary_are_within_noise(self, value: float) -> None:
        verdicts = find_verdicts(compare_rows(np.full((2, 4), value)))
        assert verdicts == {"r0": Verdict.LEADS, "r1": Verdict.WITHIN_NOISE}

    @pytest.mark.parametrize(
        ("n", "verdict", "needed"),
        [
            (2, Verdict.TOO_FEW, 6),
            (5, Verdict.TOO_FEW, 6),
            (6, Verdict.WORSE, None),
            (9, Verdict.WORSE, None),
        ],
    )
    def test_a_constant_difference_is_judged_by_its_signs(
        self, n: int, verdict: Verdict, needed: int | None
    ) -> None:
        rows = np.linspace(0.8, 0.9, n) + np.array([[0.01], [0]])
        loser = compare_rows(rows).standings[1]
        assert (loser.verdict, loser.seeds_needed) == (verdict, needed)
        assert loser.p_value == 2 ** (1 - n)
        assert np.isnan(loser.difference_interval).all()

    def test_rounding_of_float32_is_no_variation(self) -> None:
        # One right answer of 30 more with every seed, as Keras gives accuracies.
        right = np.array([[28, 27, 29, 26], [27, 26, 28, 25]])
        rows = (right / 30).astype(np.float32).astype(float)
        assert np.ptp(rows[0] - rows[1]) > 0
        assert compare_rows(rows).standings[1].p_value == 1 / 8


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        rank_scores(
            {"adam": [0.9, 0.8, 0.7], "sgd": [0.9, math.nan, math.inf]},
            "accuracy",
            higher_is_better=True,
        )
    assert str(caught.value) == (
        "Scores must be finite (received: sgd: 0.9, nan, inf). Leave out this recipe."
    )


WITHIN_NOISE = (
    "The difference to r1 is within the noise of 5 seeds. This does not prove them equal."
)
SAME_SPLIT = "All runs share one split, so these results apply to this split of the data only."


class TestDescribe:
    def test_better_than_the_only_other(self) -> None:
        comparison = rank_scores(
            {"adam": ADAM, "sgd": SGD}, "validation accuracy", higher_is_better=True
        )
        assert describe(comparison).splitlines() == [
            "adam is better than sgd on validation accuracy "
            "(5 paired seeds; 95% interval of the difference to sgd: 0.0134 to 0.027).",
            SAME_SPLIT,
        ]

    def test_better_than_all_others(self) -> None:
        comparison = rank_scores(
            {"adam": ADAM, "nesterov": NESTEROV, "sgd": SGD}, "accuracy", higher_is_better=True
        )
        assert describe(comparison).splitlines()[0] == (
            "adam is better than nesterov and sgd on accuracy (5 paired seeds; "
            "95% interval of the difference to nesterov: 0.00338 to 0.0102)."
        )

    def test_better_by_the_same_difference_each_time(self) -> None:
        rows = np.arange(6) + np.array([[100], [0]])
        assert describe(compare_rows(rows, higher_is_better=False)).splitlines()[0] == (
            "r1 is better than r0 on accuracy (6 paired seeds; by the same 100 each time)."
        )

    def test_too_few_noise_and_worse_side_by_side(self) -> None:
        comparison = compare_rows(
            [
                [0, 1, 2, 1, 0],
                [0.5, 0, 2.5, 0, 0.9],
                [-9, -8, -9, -7, -8],
                [-2, 0, 0, -0.5, 0.5],
                [-3, 0.5, 1.5, 0, -2],
            ]
        )
        assert describe(comparison).splitlines() == [
            "r0 leads and is better than r2 on accuracy (5 paired seeds; "
            "95% interval of the difference to r2: 6.01 to 12).",
            "5 seeds cannot tell r0 from r3 (about 13 would) or r4 (about 11 would), "
            "if the true difference is as large as the observed one.",
            WITHIN_NOISE,
            SAME_SPLIT,
        ]

    def test_nothing_proven(self) -> None:
        assert describe(compare_rows([[2, 5, 2], [1, 2, 0]])).splitlines() == [
            "r0 leads on accuracy, but is not proven better.",
            "3 seeds cannot tell r0 from r1 (about 5 would), "
            "if the true difference is as large as the observed one.",
            SAME_SPLIT,
        ]

    def test_equal_scores(self) -> None:
        assert describe(compare_rows([ADAM, ADAM])).splitlines() == [
            "r0 and r1 share the best mean on accuracy.",
            WITHIN_NOISE,
            SAME_SPLIT,
        ]

    def test_one_seed(self) -> None:
        assert describe(compare_rows([[0.9], [0.8]])).splitlines() == [
            "r0 leads on accuracy, but is not proven better.",
            "One seed does not show how much scores vary. Run at least three.",
            SAME_SPLIT,
        ]

    def test_several_splits(self) -> None:
        text = describe(compare_rows([[4, 6, 5, 4], [1, 4, 4, 0]], test_share=0.25))
        assert text.splitlines() == [
            "r0 leads on accuracy, but is not proven better.",
            "4 splits cannot tell r0 from r1 (about 9 would), "
            "if the true difference is as large as the observed one.",
            "Each split holds out different rows; "
            "the test accounts for the rows that splits share.",
        ]

    def test_several_folds(self) -> None:
        text = describe(
            compare_rows([[4, 6, 5, 4], [1, 4, 4, 0]], test_share=1 / 3, draw_name="fold")
        )
        assert text.splitlines()[1:] == [
            "4 folds cannot tell r0 from r1 (about 14 splits of this size would), "
            "if the true difference is as large as the observed one.",
            "Scores are on test parts; the test accounts for the training rows that folds share.",
        ]

    @pytest.mark.parametrize(
        ("shape", "test_share", "method"),
        [
            ((2, 1), None, "One seed for each recipe: nothing could be tested."),
            ((2, 5), None, "Paired t-tests over 5 seeds, two-sided at 5%."),
            (
                (6, 5),
                0.25,
                "Corrected resampled t-tests (Nadeau and Bengio 2003) over 5 splits, with 0.25 "
                "scored rows per training row, two-sided at 5%, with Holm's correction across "
                "all 15 pairs.",
            ),
        ],
    )
    def test_the_method_in_one_sentence(
        self, shape: tuple[int, int], test_share: float | None, method: str
    ) -> None:
        rows = np.random.default_rng(0).normal(size=shape)
        assert compare_rows(rows, test_share=test_share).method == method


class TestProperties:
    # Hundredths, as scores are: differences are either nothing or far above float32's rounding.
    tables = st.tuples(st.integers(2, 5), st.integers(1, 6)).flatmap(
        lambda shape: st.lists(
            st.lists(
                st.integers(0, 100).map(lambda i: i / 100), min_size=shape[1], max_size=shape[1]
            ),
            min_size=shape[0],
            max_size=shape[0],
        )
    )
    shares = st.sampled_from([None, 0.25])

    @staticmethod
    def assert_same(one: Ranking, other: Ranking, scale: float = 1, shift: float = 0) -> None:
        """Check that `one`, scaled and shifted, is `other`."""
        assert find_verdicts(one).keys() == find_verdicts(other).keys()
        for a in one.standings:
            b = find_standing(other, a.name)
            assert b.mean == pytest.approx(a.mean * scale + shift)
            assert b.sd == pytest.approx(a.sd * abs(scale), nan_ok=True, abs=1e-9)
            if one.reference == other.reference:
                assert b.difference == pytest.approx(a.difference * scale, abs=1e-9)
                assert b.p_value == pytest.approx(a.p_value, nan_ok=True, rel=1e-4)
                assert (b.verdict, b.seeds_needed) == (a.verdict, a.seeds_needed)

    @given(tables, shares, st.randoms())
    @settings(max_examples=40, deadline=None)
    def test_the_order_of_contenders_does_not_matter(self, rows, share, random) -> None:
        scores = {f"r{i}": row for i, row in enumerate(rows)}
        names = sorted(scores, key=lambda _: random.random())
        shuffled = {name: scores[name] for name in names}
        one, other = (
            rank_scores(contenders, "accuracy", higher_is_better=True, test_share=share)
            for contenders in (scores, shuffled)
        )
        assert one.reference == other.reference
        assert [s.name for s in one.standings] == [s.name for s in other.standings]
        self.assert_same(one, other)

    @given(tables, shares, st.sampled_from([2.0**-10, 0.5, 4.0, 1024.0]))
    @settings(max_examples=40, deadline=None)
    def test_the_unit_does_not_matter(self, rows, share, scale) -> None:
        one = compare_rows(rows, test_share=share)
        other = compare_rows(np.multiply(rows, scale), test_share=share)
        self.assert_same(one, other, scale=scale)

    @given(tables, shares, st.integers(-3, 3))
    @settings(max_examples=40, deadline=None)
    def test_a_shift_does_not_matter(self, rows, share, shift) -> None:
        one = compare_rows(rows, test_share=share)
        other = compare_rows(np.add(rows, shift), test_share=share)
        self.assert_same(one, other, shift=shift)

    @given(tables, shares)
    @settings(max_examples=40, deadline=None)
    def test_the_direction_only_turns_the_signs(self, rows, share) -> None:
        one = compare_rows(rows, test_share=share)
        other = compare_rows(np.negative(rows), higher_is_better=False, test_share=share)
        self.assert_same(one, other, scale=-1)
        assert one.reference == other.reference

    @given(tables, shares)
    @settings(max_examples=40, deadline=None)
    def test_what_is_said_is_coherent(self, rows, share) -> None:
        comparison = compare_rows(rows, test_share=share)
        best, *others = comparison.standings
        assert best.name == comparison.reference
        assert (best.verdict is Verdict.BETTER) == all(s.verdict is Verdict.WORSE for s in others)
        assert best.verdict in {Verdict.LEADS, Verdict.BETTER}
        for standing in others:
            assert standing.verdict not in {Verdict.LEADS, Verdict.BETTER}
            assert standing.difference <= 1e-12
            assert standing.rank >= 1
            if standing.seeds_needed is not None:
                assert standing.verdict is Verdict.TOO_FEW
                assert comparison.n < standing.seeds_needed <= 30
        assert describe(comparison)


MakeRows = Callable[[np.random.Generator, int, int], np.ndarray]


def draw_alone(rng: np.random.Generator, k: int, n: int) -> np.ndarray:
    """Scores of equal recipes, each run by itself."""
    return rng.normal(size=(k, n))


def draw_paired_and_uneven(rng: np.random.Generator, k: int, n: int) -> np.ndarray:
    """Scores of equal means: a seed moves all contenders, and one scatters five times as much."""
    spread = np.where(np.arange(k) == 0, 5, 1)[:, np.newaxis]
    return rng.normal(size=(k, n)) * spread + 2 * rng.normal(size=n)


def draw_accuracy(rng: np.random.Generator, k: int, n: int) -> np.ndarray:
    """Accuracies of equal recipes on 30 rows, which take few values."""
    return rng.binomial(30, 0.95, size=(k, n)) / 30


def count_claims(draw: MakeRows, k: int, n: int, trials: int) -> int:
    """How many comparisons say "better" or "worse" of anyone."""
    rng = np.random.default_rng([k, n])
    return sum(
        bool(CLAIMS & {*find_verdicts(compare_rows(draw(rng, k, n))).values()})
        for _ in range(trials)
    )


def find_power(k: int, n: int, difference: float, correlation: float, trials: int) -> float:
    """How often a contender that differs is called better than each other, on average.

    Scores of one run have standard deviation 1; those of one seed have the correlation.
    """
    rng = np.random.default_rng([k, n, round(100 * correlation)])
    found = 0
    for _ in range(trials):
        shared = math.sqrt(correlation) * rng.normal(size=n)
        rows = math.sqrt(1 - correlation) * rng.normal(size=(k, n)) + shared
        rows[0] += difference
        comparison = compare_rows(rows)
        if comparison.reference == "r0":
            found += sum(s.verdict is Verdict.WORSE for s in comparison.standings)
    return found / (trials * (k - 1))


class TestSimulation:
    TRIALS = 2000

    @pytest.mark.parametrize("n", [3, 5])
    @pytest.mark.parametrize("k", [2, 3, 6])
    def test_equal_recipes_are_told_apart_in_five_percent_at_most(self, k: int, n: int) -> None:
        most = stats.binom.ppf(0.999, self.TRIALS, 0.05)
        assert count_claims(draw_alone, k, n, self.TRIALS) <= most

    @pytest.mark.parametrize(
        ("draw", "k", "n"),
        [
            (draw_paired_and_uneven, 2, 5),
            (draw_paired_and_uneven, 3, 3),
            (draw_paired_and_uneven, 6, 5),
            (draw_accuracy, 2, 5),
            (draw_accuracy, 3, 3),
        ],
    )
    def test_so_are_paired_uneven_and_coarse_ones(self, draw: MakeRows, k: int, n: int) -> None:
        trials = 1000
        assert count_claims(draw, k, n, trials) <= stats.binom.ppf(0.999, trials, 0.05)

    def test_overlapping_splits_need_the_correction(self) -> None:
        # Nadeau and Bengio's model: scores of two splits correlate by n_test / (n_test + n_train).
        rng = np.random.default_rng(0)
        n, trials, overlap = 10, 1000, 0.2
        claims = {None: 0, overlap / (1 - overlap): 0}
        for _ in range(trials):
            rows = math.sqrt(1 - overlap) * rng.normal(size=(2, n))
            rows += math.sqrt(overlap) * rng.normal(size=(2, 1))
            for share in claims:
                verdicts = find_verdicts(compare_rows(rows, test_share=share))
                claims[share] += bool(CLAIMS & {*verdicts.values()})
        assert claims[0.25] <= stats.binom.ppf(0.999, trials, 0.05)
        assert claims[None] > 0.15 * trials

    def test_five_seeds_find_two_standard_deviations_where_seeds_are_shared(self) -> None:
        # With correlation 1/2 a paired difference scatters as much as a single run's score.
        assert find_power(2, 5, 2, correlation=0.5, trials=self.TRIALS) >= 0.88

    def test_five_seeds_find_two_standard_deviations_in_two_thirds_where_none_is(self) -> None:
        # No test at 5% could reach 80% here: the uniformly best unbiased one, unpaired, has 79%.
        assert find_power(2, 5, 2, correlation=0, trials=self.TRIALS) == pytest.approx(
            0.663, abs=0.035
        )
        assert find_power(2, 7, 2, correlation=0, trials=1000) >= 0.84

    @pytest.mark.parametrize(
        ("effect", "bystanders", "level"),
        [
            (0.8, [], 0.05),
            (1.5, [], 0.05),
            (1.5, [[3, 0, -3]], 0.05 / 3),
            (1.5, [[3, 0, -3], [-4, 4, 0], [0, -5, 5], [6, 0, -6]], 0.05 / 15),
        ],
    )
    def test_seeds_needed_reach_a_power_of_eighty_percent(
        self, effect: float, bystanders: list[list[float]], level: float
    ) -> None:
        # Differences of mean `effect` and standard deviation 1; bystanders only widen the family.
        leader = np.array([-1.0, 0.0, 1.0]) + effect
        n = find_standing(compare_rows([leader, np.zeros(3), *bystanders]), "r1").seeds_needed
        assert n is not None
        samples = np.random.default_rng(0).normal(effect, 1, size=(20_000, n))
        enough = stats.ttest_1samp(samples, 0, axis=1).pvalue <= level
        fewer = stats.ttest_1samp(samples[:, 1:], 0, axis=1).pvalue <= level
        assert enough.mean() >= 0.79
        assert fewer.mean() <= 0.81
