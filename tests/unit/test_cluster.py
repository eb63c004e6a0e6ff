from __future__ import annotations

import sys

import pytest

from harness.cluster import RayEngine
from harness.errors import EngineError


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError, match=r"tokparity\[ray\]"), RayEngine(workers=1):
        pass
