"""Several runs side by side: what their recipes differ in, and how they scored."""

from kerasrecipes.compare.table import (
    check_comparable,
    find_differences,
    make_comparison_table,
    rank_runs,
)

__all__ = ["check_comparable", "find_differences", "make_comparison_table", "rank_runs"]
