"""Searches for a better recipe, and tests whether it is one; needs Optuna."""

from kerasrecipes.sweeping.steps import Plan, Sweep, plan_sweep, sweep

__all__ = ["Plan", "Sweep", "plan_sweep", "sweep"]
