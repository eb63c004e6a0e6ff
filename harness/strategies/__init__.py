"""Scripts drawn at random: what to draw from, and how, for the harness's own search and for hypothesis.

One function, `draw_script`, makes a script out of a source of chance. The search gives it `random.Random`; `scripts`
gives it hypothesis' own source, which is some sixty times slower, but shrinks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from harness.script import Script
from harness.strategies.draw import draw_script
from harness.strategies.material import Material, read_material

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Material", "draw_script", "read_material", "scripts"]


def scripts(
    material: Material, capabilities: Collection[str] = ("abort", "detokenize", "tokenize")
) -> SearchStrategy[Script]:
    """A strategy for scripts of what an implementation with these capabilities can be asked."""
    from hypothesis import strategies  # the `fuzz` extra

    return strategies.randoms(use_true_random=False).map(lambda chance: draw_script(chance, material, capabilities))
