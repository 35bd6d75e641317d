"""Train the sample model and save it to the given path. do/build runs this if there is no model."""

import json
import sys
from pathlib import Path

import torch
from abalone import read_abalones, report
from torch import nn

HERE = Path(__file__).resolve().parent


class Network(nn.Module):
    """Three layers, after the columns are scaled to mean 0 and standard deviation 1."""

    def __init__(self, rows: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", rows.mean(0))
        self.register_buffer("deviation", rows.std(0))
        hidden, width = 32, rows.shape[1]
        self.layers = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return a column of predictions."""
        return self.layers((rows - self.mean) / self.deviation)


def fit(model: Network, rows: torch.Tensor, rings: torch.Tensor) -> None:
    """Train in batches of 64 rows for 40 epochs."""
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    for _ in range(40):
        for batch in torch.randperm(len(rows)).split(64):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(rows[batch])[:, 0], rings[batch]).backward()
            optimizer.step()
    model.eval()


def main(path: Path) -> None:
    """Train, compare with a baseline on test rows, and save."""
    rows, rings, unseen, unseen_rings = read_abalones()
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    model = Network(torch.tensor(rows, dtype=torch.float32))
    fit(model, torch.tensor(rows, dtype=torch.float32), torch.tensor(rings, dtype=torch.float32))
    with torch.inference_mode():
        predictions = model(torch.tensor(unseen, dtype=torch.float32))[:, 0].numpy()

    report(predictions, unseen_rings, rings)
    torch.jit.script(model).save(path)
    examples = {"rows": unseen[:5], "expected": unseen_rings[:5], "predictions": predictions[:5]}
    (HERE / "examples.json").write_text(json.dumps({name: each.tolist() for name, each in examples.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
