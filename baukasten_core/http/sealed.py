"""What a browser keeps for us without being able to read or change it: encrypted, for a while."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

HEADER = {"alg": "dir", "enc": "A256GCM"}


class Sealer:
    """Seals and opens values for one purpose, with a key of its own derived from `secret`."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._key = OctKey.import_key(hashlib.sha256(f"{purpose}|{secret}".encode()).digest())

    def seal(self, values: Mapping[str, str], seconds: int) -> str:
        content = {"exp": time.time() + seconds, "values": dict(values)}
        return jwe.encrypt_compact(HEADER, json.dumps(content), self._key)

    def open(self, sealed: str | None) -> dict[str, str] | None:
        """None for anything but what `seal` made and has not run out."""
        try:
            found = jwe.decrypt_compact(sealed or "", self._key)
            content = json.loads(found.plaintext or b"")
            values: dict[str, str] = content["values"]
            return values if content["exp"] > time.time() else None
        except (JoseError, ValueError, KeyError, TypeError):
            return None
