"""Exports a model as ONNX in int8: `python export_int8.py MODEL FOLDER`, in infinity's environment.

Dynamic quantisation, as onnxruntime recommends it for the processor at hand.
"""

import sys
from pathlib import Path

from optimum.onnxruntime import (  # type: ignore[import-not-found]
    ORTModelForFeatureExtraction,
    ORTQuantizer,
)
from optimum.onnxruntime.configuration import (  # type: ignore[import-not-found]
    AutoQuantizationConfig as Config,
)


def main(model: str, folder: str) -> None:
    flags = Path("/proc/cpuinfo").read_text()
    make = Config.avx512_vnni if "avx512_vnni" in flags else Config.avx2
    exported = ORTModelForFeatureExtraction.from_pretrained(model, export=True)
    quantizer = ORTQuantizer.from_pretrained(exported)
    quantizer.quantize(save_dir=folder, quantization_config=make(is_static=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
