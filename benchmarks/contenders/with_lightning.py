"""Lightning's Trainer, with everything off that it can do beside training."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from benchmarks.contenders import child, networks


def contend(settings: dict[str, Any], stages: child.Stages) -> dict[str, Any]:
    """Fit, and score the test rows."""
    with stages.measure("import"):
        import lightning
        import torch
        from torch.utils.data import DataLoader, TensorDataset
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    if settings.get("threads"):
        torch.set_num_threads(settings["threads"])
    with stages.measure("data"):
        rows = child.load_rows(settings)
        names = ("train", "validation", "test")
        parts = {p: networks.make_tensors(settings, rows, p) for p in names if f"x_{p}" in rows}
    with stages.measure("build"):
        network, loss_of, optimizer = networks.build_torch(settings, parts["train"][0].shape[1:])

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def training_step(self, batch: Any, _: int) -> Any:
            x, y = batch
            return loss_of(self.network(x), y)

        def validation_step(self, batch: Any, _: int) -> None:
            x, y = batch
            self.log("val_loss", loss_of(self.network(x), y))

        def configure_optimizers(self) -> Any:
            return optimizer

    loaders = [
        DataLoader(TensorDataset(*parts["train"]), batch_size=settings["batch_size"], shuffle=True)
    ]
    if "validation" in parts:
        loaders.append(DataLoader(TensorDataset(*parts["validation"]), batch_size=1000))
    with stages.measure("fit"):
        trainer = lightning.Trainer(
            max_epochs=settings["epochs"],
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(Module(), *loaders)
    with stages.measure("evaluate"), torch.no_grad():
        network.eval()
        x, y = parts["test"]
        loss = float(loss_of(network(x), y))
    return {"test_loss": loss, "versions": child.find_versions("torch", "lightning")}


if __name__ == "__main__":
    child.run(contend)
