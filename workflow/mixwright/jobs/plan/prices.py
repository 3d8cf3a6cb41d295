"""What an hour of a device costs, and what hours of several cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path

import yaml

from mixwright.errors import MixwrightError
from mixwright.jobs.plan.devices import CPUS, device_of

CURRENCY = "currency"


@dataclass(frozen=True)
class Prices:
    """Money for each hour of a device; of a CPU, of one core."""

    # device -> money
    hourly: Mapping[str, float]
    # a word, such as EUR; empty: none
    currency: str = ""

    def cost(self, hours: Mapping[str, float]) -> float:
        """Returns what hours cost, device -> hours; devices without a price are left out."""
        return sum(self.hourly.get(device, 0.0) * number for device, number in hours.items())

    def unpriced(self, hours: Mapping[str, float]) -> list[str]:
        """Returns the devices whose hours have no price."""
        return sorted(device for device in hours if device not in self.hourly)

    def words(self, money: float) -> str:
        """Returns an amount with the currency."""
        amount = f"{money:,.0f}" if money >= 100 else f"{money:.2f}"
        return f"{amount} {self.currency}".rstrip()


def read_prices(written: str) -> Prices:
    """Reads prices as the command line gives them.

    Args:
        written: `a100=1.8,h100=2.5,currency=EUR`, or a YAML file of the same keys.

    Raises:
        MixwrightError: they are no prices, or of an unknown device.
    """
    pairs = _of_file(Path(written)) if "=" not in written else _of_words(written)
    currency = pairs.pop(CURRENCY, "")
    hourly = {}
    for name, price in pairs.items():
        hourly[device_of(name, "--prices").name] = _money(name, price)
    # whoever pays for a core pays for any
    priced = [name for name in CPUS if name in hourly]
    for name in CPUS:
        if priced:
            hourly.setdefault(name, hourly[priced[0]])
    return Prices(hourly, currency)


def _money(name: str, price: str) -> float:
    try:
        money = float(price)
    except ValueError:
        money = nan
    if not isfinite(money):
        raise MixwrightError(f"--prices {name}: {price} is no number; write {name}=1.8")
    if money < 0:
        raise MixwrightError(f"--prices {name}: {price} is below 0; write 0 where it is free")
    return money


def _of_words(written: str) -> dict[str, str]:
    pairs = {}
    for word in written.split(","):
        name, is_price, price = word.partition("=")
        name = name.strip()
        if not is_price:
            raise MixwrightError(
                f"--prices {written}: {word!r} is no NAME=PRICE; write a100=1.8,h100=2.5, with"
                " points in numbers"
            )
        if name in pairs:
            raise MixwrightError(f"--prices {written}: {name} stands there twice; give it once")
        pairs[name] = price.strip()
    return pairs


def _of_file(path: Path) -> dict[str, str]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        content = None
    if not isinstance(content, dict):
        raise MixwrightError(
            f"--prices {path}: no YAML file of prices; write a100=1.8,h100=2.5, or a file of"
            " lines such as a100: 1.8"
        )
    return {str(name): str(price) for name, price in content.items()}
