"""A model server that nobody here wrote: `transformers serve`, with a tiny model of random weights
that is made on the spot."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from baukasten_serve.testing import free_port

from baukasten_core.contracts.gateway import GatewayCall, collect
from baukasten_core.contracts.llm import Finished, GenerateRequest, Message, TextDelta
from baukasten_core.gateway import Gateway, build_instances
from baukasten_core.plugins import PluginHost
from benchmarks.peers.servers import running

START_SECONDS = 120
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def make_model(folder: Path) -> None:
    """A Llama of two small layers, and a tokenizer of single characters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted({chr(code) for code in range(32, 127)} | {"\n"})
    vocabulary = {token: number for number, token in enumerate(["<s>", "</s>", "<unk>", *letters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Its address and its model's name."""
    folder = tmp_path_factory.mktemp("tiny-llama")
    make_model(folder)
    url = f"http://127.0.0.1:{free_port()}"
    host, port = url.removeprefix("http://").split(":")
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder)]
    command += ["--host", host, "--port", port, "--device", "cpu"]
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HOME": str(folder)}
    log = folder / "serve.log"
    with running(
        command, f"{url}/health", log, cwd=folder, environment=offline, seconds=START_SECONDS
    ):
        yield f"{url}/v1", str(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway(server: tuple[str, str]) -> AsyncIterator[Gateway]:
    address, model = server
    options = {"provider": "openai_compatible", "base_url": address, "model": model}
    providers = PluginHost.discover().llm_providers()
    made = Gateway(build_instances(providers, {"real": options}), ["real"])
    yield made
    await made.aclose()


def call(**changes: Any) -> GatewayCall:
    fields: dict[str, Any] = {"temperature": 0.0, "max_tokens": 12, "timeout": 60.0, **changes}
    return GatewayCall(GenerateRequest("", (Message("user", "Say something."),), **fields))


async def test_it_answers_through_the_gateway_and_its_tokens_are_counted(gateway: Gateway) -> None:
    answer = await collect(gateway.generate(call()))
    assert answer.text
    assert answer.routed.region == "local"
    assert answer.usage.completion_tokens <= 12
    assert answer.usage.prompt_tokens > 10
    assert not answer.usage.estimated
    assert answer.finished.reason in ("length", "stop")


async def test_it_streams_what_it_answers(gateway: Gateway, server: tuple[str, str]) -> None:
    events = [event async for event in gateway.generate(call())]
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert isinstance(events[-1], Finished)
    assert len(pieces) > 1
    address, model = server
    async with openai.AsyncOpenAI(base_url=address, api_key="none") as direct:
        answer = await direct.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Say something."}],
            temperature=0.0,
            max_tokens=12,
        )
    assert "".join(pieces) == answer.choices[0].message.content


async def test_it_may_be_left_in_the_middle_and_answers_again(gateway: Gateway) -> None:
    events = gateway.generate(call(max_tokens=400))
    async for event in events:
        if isinstance(event, TextDelta):
            break
    await events.aclose()
    assert (await collect(gateway.generate(call()))).text


async def test_that_it_can_not_list_its_models_does_not_stop_it(gateway: Gateway) -> None:
    """Its `/v1/models` looks into a cache of downloads, where this one is not."""
    listing = await gateway.models()
    assert [model.name for model in listing.models] == [] or listing.unavailable == ()
    assert (await collect(gateway.generate(call()))).text
