"""Scripts drawn at random: what to draw from, and how, for the harness's own search and for hypothesis.

One function, `draw_script`, makes a script out of a source of chance. The search gives it `random.Random`, which makes
tens of thousands of messages a second; `scripts` gives it hypothesis' own source, which is slower by two orders but
shrinks, and remembers what it found.
"""

from __future__ import annotations

from harness.strategies.draw import draw_script
from harness.strategies.material import Material, read_material

__all__ = ["Material", "draw_script", "read_material"]
