"""PyTorch by hand: tensors on hand and batches by index, or a DataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.contenders import child, networks


def contend(settings: dict[str, Any], stages: child.Stages) -> dict[str, Any]:
    """Fit, and score the test rows; ``has_loader`` fetches batches by a DataLoader."""
    with stages.measure("import"):
        import torch
        from torch.utils.data import DataLoader, TensorDataset
    if settings.get("threads"):
        torch.set_num_threads(settings["threads"])
    with stages.measure("data"):
        rows = child.load_rows(settings)
        names = ("train", "validation", "test")
        parts = {p: networks.make_tensors(settings, rows, p) for p in names if f"x_{p}" in rows}
    with stages.measure("build"):
        network, loss_of, optimizer = networks.build_torch(settings, parts["train"][0].shape[1:])
    inputs, target = parts["train"]
    size = settings["batch_size"]
    counts = settings["loss"] != "mse"  # of right answers, where there are classes

    def take_batches() -> Iterator[Any]:
        order = torch.randperm(len(inputs))
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            yield inputs[batch], target[batch]

    loader = None
    if settings["has_loader"]:
        loader = DataLoader(TensorDataset(inputs, target), batch_size=size, shuffle=True)

    @torch.no_grad()
    def score(part: str) -> tuple[float, float]:
        network.eval()
        x, y = parts[part]
        outputs = torch.cat([network(chunk) for chunk in x.split(1000)])
        right = (outputs.argmax(1) == y).float().mean() if counts else torch.tensor(0.0)
        return float(loss_of(outputs, y)), float(right)

    with stages.measure("fit"):
        for _ in range(settings["epochs"]):
            network.train()
            total, right = torch.zeros(()), torch.zeros(())
            for x, y in loader if loader else take_batches():
                optimizer.zero_grad()
                outputs = network(x)
                loss = loss_of(outputs, y)
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(x)
                if counts:
                    right += (outputs.argmax(1) == y).sum()
            float(total / len(inputs))
            if "validation" in parts:
                score("validation")
    with stages.measure("evaluate"):
        loss, _ = score("test")
    return {"test_loss": loss, "versions": child.find_versions("torch")}


if __name__ == "__main__":
    child.run(contend)
