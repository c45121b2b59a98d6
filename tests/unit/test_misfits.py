"""What does not fit a model is named, and never repeated: it may be a secret."""

from __future__ import annotations

from typing import Any, Self

import pytest
from pydantic import BaseModel, ValidationError, model_validator

from baukasten_core.errors import misfits


class Server(BaseModel):
    port: int


class Options(BaseModel):
    servers: list[Server] = []
    user: str | None = None
    password: str | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("a user needs a password")
        return self


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"servers": [{"port": "a secret"}]}, ["servers.0.port: "]),
        ({"servers": [{}], "user": 7}, ["servers.0.port: ", "; user: "]),
        ({"password": "a secret"}, ["options: ", "a user needs a password"]),
    ],
)
def test_each_misfit_is_named_and_no_value_repeated(values: Any, said: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        Options(**values)
    sentence = misfits(caught.value)
    assert all(part in sentence for part in said)
    assert "a secret" not in sentence
