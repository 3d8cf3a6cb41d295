"""A plan for machines: plain values that are written as JSON."""

from typing import Any

from mixwright.jobs.plan.estimate import Estimate, Part
from mixwright.jobs.plan.plan import Plan
from mixwright.jobs.plan.prices import Prices


def record(plan: Plan, prices: Prices | None = None) -> dict[str, Any]:
    """Returns all that a plan says.

    Hours are of one device; those of `wall_hours` are from start to end. Money is there where
    there are prices.
    """
    hardware = plan.in_all.hardware
    names = {}
    sources = {}
    for section, device in hardware.devices.items():
        names[section] = device.name
        sources[device.name] = device.source
    return {
        "study": plan.study.name,
        "devices": names,
        "numbers": dict(hardware.numbers),
        "sources": sources,
        "in_all": _estimate(plan.in_all, prices),
        "to_go": _estimate(plan.to_go, prices),
        "disk_mb": plan.space.disk_mb,
        "job_mb": plan.space.job_mb,
    }


def _estimate(estimate: Estimate, prices: Prices | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "runs": estimate.runs,
        "tokens": estimate.tokens,
        "flops": estimate.flops,
        "device_hours": estimate.device_hours,
        "wall_hours": estimate.wall_hours,
        "factor": estimate.factor,
        "parts": [_part(part) for part in estimate.parts],
    }
    if prices:
        facts["cost"] = prices.cost(estimate.device_hours)
        facts["currency"] = prices.currency
    return facts


def _part(part: Part) -> dict[str, Any]:
    work = part.work
    return {
        "stage": part.stage,
        "runs": work.runs,
        "tokens": work.tokens,
        "scored_tokens": work.scored,
        "flops": work.flops,
        "jobs": dict(work.jobs),
        "device": part.device,
        "device_hours": part.hours,
        "speed": part.source,
    }
