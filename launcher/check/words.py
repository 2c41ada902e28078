"""How things are put. Pure."""

from __future__ import annotations


def size(count: int) -> str:
    """Bytes for people: three digits and a unit."""
    value, units = float(max(count, 0)), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    for larger in units:
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
