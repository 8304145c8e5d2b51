"""The processes that train one model together: the workers, or one that is alone.

Every worker has the whole model as ordinary variables, and computes the gradients of its share of
a batch. The collective operations of ``tf.distribute.MultiWorkerMirroredStrategy`` sum these before
the optimizer clips and applies them, so that every worker makes the same update. Keras's own loop
fails under this strategy (keras #20585); it would also clip the gradients of each worker by
themselves, and divide their sum by the number of workers, whatever their numbers of rows.
"""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasrecipes.errors import InputError, RunFailed

if TYPE_CHECKING:
    import keras


class TeamLost(RunFailed):
    """Another worker has ended."""


class Team:
    """One of ``size`` workers, which all call the same methods in the same order.

    Number 0 leads: it writes the run.
    """

    def __init__(self, size: int = 1, number: int = 0) -> None:
        self.size, self.number = size, number

    def check_batch(self, n_rows: int) -> None:
        """Raise InputError if a batch has fewer rows than there are workers."""
        if self.size > n_rows:
            raise InputError(
                "Each worker computes a part of every batch, so there cannot be more workers than "
                f"rows of a batch (received: {self.size:,} workers, batches of {n_rows:,})."
            )

    def connect(self, facts: str) -> None:
        """Connect the workers, before TensorFlow computes; InputError if their facts differ."""
        if self.size == 1:
            return
        import tensorflow as tf

        on_sigterm = signal.getsignal(signal.SIGTERM)
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        signal.signal(signal.SIGTERM, on_sigterm)  # TensorFlow has replaced it
        self._add_now = tf.function(self._add, autograph=False, reduce_retracing=True)
        digests = self._gather(int(hashlib.sha256(facts.encode()).hexdigest()[:7], 16))
        if others := [i for i, digest in enumerate(digests) if digest != digests[0]]:
            raise InputError(
                f"Workers have another recipe or other data than worker 0: {others}. Give all "
                "workers the same recipe, changes and files. If rows stay on the disk of some "
                "workers only: dataset.stream=true"
            )

    @contextmanager
    def explaining_loss(self) -> Iterator[None]:
        """Raise TeamLost where another worker has ended."""
        try:
            yield
        except Exception as error:
            if "Collective ops is aborted" not in str(error):
                raise
            raise TeamLost(
                "Another worker has ended, so the training cannot go on. To continue from the last "
                "checkpoint, start all workers again with --resume."
            ) from error

    def agree(self, value: int) -> int:
        """The largest value of all workers."""
        return max(self._gather(value)) if self.size > 1 else value

    def begin(self, model: keras.Model) -> None:
        """Take the leader's variables; layers such as Dropout get random numbers of their own."""
        if self.size == 1:
            return
        variables = [*model.variables, *model.optimizer.variables]
        mine = [each.value * (0 if self.number else 1) for each in variables]
        _assign(variables, self._add_now(mine))
        weights = {id(weight) for weight in model.weights}
        for seed in (v for v in model.variables if id(v) not in weights):
            seed.assign_add([self.number, 0])
        if self.number:
            model.reset_metrics()  # the leader has what was counted before a checkpoint

    def find_share(self, n_rows: int) -> tuple[int, int, float]:
        """This worker's share of a batch: its first row, how many, and their weight in the mean.

        A batch with fewer rows than workers counts on the leader only. The others compute it, too,
        with weight 0, so that layers with statistics never get an empty share.
        """
        if n_rows < self.size:
            return 0, n_rows, float(self.number == 0)
        begin, end = ((self.number + i) * n_rows // self.size for i in (0, 1))
        return begin, end - begin, (end - begin) / n_rows

    def take_step(
        self, model: keras.Model, step: Callable[[Any], Any], batch: Any, weight: float
    ) -> Any:
        """Take a step with the gradients of all shares, while its graph is traced."""
        if self.size == 1:
            return step(batch)
        import tensorflow as tf

        apply, before = model.optimizer.apply, vars(model.optimizer).get("apply")

        def apply_sum(gradients: Sequence[Any], variables: Any = None) -> None:
            known = [tf.math.scalar_mul(weight, each) for each in gradients if each is not None]
            sums = iter(self._add(known))
            apply([None if each is None else next(sums) for each in gradients], variables)

        kept = [each.value * 1 for each in model.metrics_variables]
        model.optimizer.apply = apply_sum
        try:
            logs = step(batch)
        finally:
            del model.optimizer.apply
            if before:
                model.optimizer.apply = before
        if not weight:
            _assign(model.metrics_variables, kept)
        statistics = [v for v in model.non_trainable_variables if "float" in v.dtype]
        _assign(statistics, self._add([each.value / self.size for each in statistics]))
        return logs

    def read_metrics(self, model: keras.Model) -> dict[str, Any]:
        """The metrics of what all workers have computed; each goes on with its own sums."""
        if self.size == 1:
            return model.get_metrics_result()
        variables = model.metrics_variables
        mine = [each.value * 1 for each in variables]
        _assign(variables, self._add(mine))
        results = model.get_metrics_result()
        _assign(variables, mine)
        return results

    def sum_metrics(self, model: keras.Model) -> list[Any]:
        """The values of the metrics' variables, summed over the workers."""
        variables = list(model.metrics_variables)
        return self._add_now([each.value * 1 for each in variables]) if self.size > 1 else variables

    def _gather(self, value: int) -> list[int]:
        """A number of every worker."""
        mine = np.zeros(self.size, np.int32)
        mine[self.number] = value
        (numbers,) = self._add_now([mine])
        return list(map(int, numbers))

    def _add(self, values: Sequence[Any]) -> list[Any]:
        """Sum each value over the workers."""
        import tensorflow as tf

        def add(*values: Any) -> list[Any]:
            # A copy has a device, which a value of a graph may lack.
            copies = tf.nest.map_structure(tf.identity, list(values), expand_composites=True)
            replica = tf.distribute.get_replica_context()
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, copies)

        sums = list(values)
        for dtype in {each.dtype.name: None for each in values}:  # TensorFlow joins them
            places = [i for i, each in enumerate(values) if each.dtype.name == dtype]
            added = self._strategy.run(add, args=tuple(values[i] for i in places))
            for i, each in zip(places, added, strict=True):
                sums[i] = each
        return sums


ALONE = Team()


def _assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
