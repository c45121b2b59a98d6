"""Converts a transformers model for OpenVINO: `python -m ....convert FOLDER TARGET.xml`.

Run as a process of its own, so that torch's memory goes when it is done.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any


def convert(folder: Path, target: Path) -> None:
    """Trace the model in `folder` with any batch and length, and write it to `target`."""
    import torch
    from transformers import AutoModel

    from baukasten_core.providers.embedding.openvino import load_openvino

    openvino = load_openvino()
    model = AutoModel.from_pretrained(
        str(folder), local_files_only=True, attn_implementation="eager"
    ).eval()

    class LastHidden(torch.nn.Module):
        """Only what is pooled afterwards; tensors in and out, as tracing wants it."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    ids = torch.ones((2, 8), dtype=torch.int64)
    mask = ids.clone()
    mask[1, 5:] = 0  # with padding, or the trace would leave the mask out
    with torch.no_grad():
        traced = openvino.convert_model(
            LastHidden(),
            example_input={"input_ids": ids, "attention_mask": mask},
            input=[("input_ids", [-1, -1]), ("attention_mask", [-1, -1])],
        )
    openvino.save_model(traced, str(target), compress_to_fp16=False)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
