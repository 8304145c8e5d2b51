"""Searches for a better recipe, and tests whether it is one; needs Optuna."""

from kerasrecipes.sweeping.steps import Sweep, plan_sweep, sweep

__all__ = ["Sweep", "plan_sweep", "sweep"]
