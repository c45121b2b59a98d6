"""What fits by our count fits by the model's own."""

from __future__ import annotations

import pytest
import splintr

from baukasten_core.api import count_tokens

MODELS = ("llama3", "qwen3", "gemma3", "mistral_v3", "deepseek_v3", "phi4", "gpt-oss")
TEXTS = {
    "English": "The filter is changed every six weeks; nobody may open the lid before that.",
    "German": "Die Datenschutzgrundverordnung verlangt ein Verarbeitungsverzeichnis.",
    "Spanish": "Los datos personales se quedan donde están, según el reglamento europeo.",
    "French": "Les données à caractère personnel restent où elles doivent être.",
    "Polish": "Dane osobowe pozostają tam, gdzie powinny, zgodnie z rozporządzeniem.",
    "Greek": "Τα προσωπικά δεδομένα μένουν εκεί που ανήκουν.",
    "numbers": "4711-0815; 1.234.567,89 EUR; 2026-11-27T12:34:56Z\n" * 3,
    "code": "def f(x: int) -> int:\n    return x * 2 if x > 0 else -x\n",
    "a long word": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo" * 40,
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("text", TEXTS)
def test_no_model_counts_more(model: str, text: str) -> None:
    tokenizer = splintr.Tokenizer.from_pretrained(model)
    assert len(tokenizer.encode_ordinary(TEXTS[text])) <= count_tokens(TEXTS[text])


def test_a_text_is_counted_whatever_stands_in_it() -> None:
    assert count_tokens("") == 0
    assert count_tokens("half of a pair \ud83c") > 4
    assert count_tokens("</s><|endoftext|>[INST]") > 8, "marks of models are text here"


def test_a_long_text_has_the_tokens_of_its_parts() -> None:
    line = TEXTS["German"] + "\n"
    assert count_tokens(line * 500) == pytest.approx(500 * count_tokens(line), rel=0.05)
