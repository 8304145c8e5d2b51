"""A training that several worker processes share, as a job of a crew."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from kerasrecipes.distributed.joined import join_team
from kerasrecipes.runs import Run
from kerasrecipes.training.team import TeamLost
from kerasrecipes.workers import Job, Show


@dataclass(frozen=True)
class SharedJob(Job):
    """A job of one of the workers that TF_CONFIG names.

    Attributes:
        interval_s: Seconds between checkpoints.
    """

    interval_s: float = 60.0

    def make_run(self, data: Any, show: Show, **options: Any) -> Run:
        """Train; where another worker has ended, this process ends, too."""
        options |= {"checkpoint_every_s": self.interval_s, "team": join_team(None)}
        try:
            return super().make_run(data, show, **options)
        except TeamLost:
            os._exit(1)
