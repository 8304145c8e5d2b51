"""A training that several worker processes share, as a job of a crew."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kerasrecipes.distributed.joined import join_team
from kerasrecipes.resuming import Resumption
from kerasrecipes.runs import Run
from kerasrecipes.training.team import TeamLost
from kerasrecipes.workers import Job, Show


@dataclass(frozen=True)
class SharedJob(Job):
    """A job of one of the workers that TF_CONFIG names.

    Attributes:
        interval_s: Seconds between checkpoints.
        resumed: Of the run to continue, what ``Resumption`` takes beside run and recipe.
    """

    interval_s: float = 60.0
    resumed: Mapping[str, Any] = field(default_factory=dict)

    def make_run(self, data: Any, show: Show) -> Run:
        """Train; where another worker has ended, this process ends, too."""
        try:
            return super().make_run(data, show)
        except TeamLost:
            os._exit(1)

    def choose_options(self) -> dict[str, Any]:
        """Choose further arguments of ``pipeline.train``."""
        run = self.unfinished
        return {
            "checkpoint_every_s": self.interval_s,
            "resumption": run and Resumption(run, self.recipe, **self.resumed),
            "team": join_team(None),
        }
