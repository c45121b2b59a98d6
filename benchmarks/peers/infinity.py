"""infinity (michaelfeil/infinity), an embedding server: torch, or ONNX in int8, on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from baukasten_serve.testing import free_port

from benchmarks.peers.environments import HERE, environment
from benchmarks.peers.servers import running

Engine = Literal["torch", "optimum"]
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "INFINITY_ANONYMOUS_USAGE_STATS": "0",
    "DO_NOT_TRACK": "1",
}


@contextmanager
def infinity(engine: Engine, model: Path, *, batch: int = 32) -> Iterator[tuple[str, str]]:
    """A running server; its address and the model's name there."""
    python = environment("infinity")
    folder = model if engine == "torch" else _in_int8(python, model)
    port = free_port()
    command = [str(python), str(python.with_name("infinity_emb")), "v2"]
    # From within its folder: infinity does not find an ONNX file by another path.
    command += ["--model-id", ".", "--served-model-name", "model", "--engine", engine]
    command += ["--device", "cpu", "--batch-size", str(batch), "--pooling-method", "mean"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--url-prefix", "/v1"]
    command += ["--no-model-warmup", "--log-level", "error"]
    url, log = f"http://127.0.0.1:{port}", HERE / f".infinity-{engine}.log"
    with running(command, f"{url}/health", log, cwd=folder, environment=OFFLINE):
        yield f"{url}/v1", "model"


def _in_int8(python: Path, model: Path) -> Path:
    """The model as ONNX, its matrices quantised as onnxruntime does it for this processor."""
    folder = HERE / ".model-int8"
    if not (folder / "model_quantized.onnx").exists():
        command = [str(python), str(HERE / "export_int8.py"), str(model), str(folder)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **OFFLINE})
        # Its ONNX engine reads as much as the model could; the torch one as much as it should.
        config = json.loads((model / "config.json").read_text())
        reads = json.loads((model / "sentence_bert_config.json").read_text())["max_seq_length"]
        config["max_position_embeddings"] = reads
        (folder / "config.json").write_text(json.dumps(config))
    return folder
