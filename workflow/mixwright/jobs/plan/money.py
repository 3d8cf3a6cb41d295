"""What may be spent, in hours of devices or in money, and what a study costs of it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mixwright.errors import MixwrightError
from mixwright.jobs.plan.devices import CPUS
from mixwright.jobs.plan.estimate import Estimate, Hardware

GPU_HOURS = "GPU-hours"
CPU_HOURS = "CPU-hours"
MONEY = "money"
# Without spaces, dashes and the letters behind an h: `GPU-hours` and `gpu h` are `gpuh`.
UNITS = {"gpuh": GPU_HOURS, "cpuh": CPU_HOURS, "coreh": CPU_HOURS}
HOUR_WORD = r"h((ou)?rs?)?$"
SIGNS = "$€£"
# `40 GPU-hours`, `$500`, `1,000.5 EUR`: a comma parts thousands, and nothing else.
NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:[.][0-9]*)?(?:e[+]?[0-9]+)?"
AMOUNT = rf"([{SIGNS}]?)\s*({NUMBER})\s*([A-Za-z{SIGNS} -]*)"
# EUR, USD: a code of ISO 4217
CODE = r"[A-Z]{3}"
DIGITS = 3
CENT = 0.01


@dataclass(frozen=True)
class Budget:
    """What may be spent."""

    amount: float
    # GPU_HOURS, CPU_HOURS or MONEY
    unit: str
    # device -> money an hour, where money is spent
    prices: Mapping[str, float] = field(default_factory=dict)
    # a sign before an amount of money, or a word behind it
    currency: str = "$"

    def cost(self, known: Estimate) -> float:
        """Returns what a study takes of this budget; hours of the other kind of device are free.

        Raises:
            MixwrightError: a device has no price.
        """
        total = 0.0
        for device, hours in known.device_hours.items():
            if self.unit == MONEY:
                total += hours * self._price(device)
            elif self._counts(device):
                total += hours
        return total

    def check(self, hardware: Hardware) -> None:
        """Refuses a budget of hours of which training proxies takes none.

        Raises:
            MixwrightError: it names the other unit.
        """
        device = hardware.devices["proxy"].name
        if self.unit == MONEY or self._counts(device):
            return
        other = CPU_HOURS if self.unit == GPU_HOURS else GPU_HOURS
        raise MixwrightError(
            f"--budget {self.in_words(self.amount)}: the proxies are planned for {device};"
            f" give {other}, or another --device"
        )

    def in_words(self, amount: float) -> str:
        """Returns an amount of this budget's unit, such as `12 GPU-hours`."""
        if self.unit != MONEY:
            return f"{_short(amount)} {self.unit}"
        if self.currency == "$":
            return f"${amount:,.2f}"
        return f"{amount:,.2f} {self.currency}".rstrip()

    def enough(self, amount: float) -> str:
        """Returns an amount in words that pays so much: no digit that is told rounds it down."""
        first_digit = math.floor(math.log10(amount))
        unit = 10.0 ** (first_digit - DIGITS + 1)
        if self.unit == MONEY:
            unit = max(unit, CENT)
        return self.in_words(math.ceil(amount / unit) * unit)

    def _counts(self, device: str) -> bool:
        """Whether hours of a device are hours of this budget."""
        is_cpu = device in CPUS
        return is_cpu == (self.unit == CPU_HOURS)

    def _price(self, device: str) -> float:
        if device not in self.prices:
            raise MixwrightError(
                f"--prices: an hour of {device} has no price; add {device}=PRICE, or give the"
                " budget in GPU-hours or CPU-hours"
            )
        return self.prices[device]


def _short(amount: float) -> str:
    """Three digits, and all of those before the point."""
    if amount >= 100:
        return f"{amount:,.0f}"
    return f"{amount:.3g}"


def read_budget(text: str, prices: Mapping[str, float], currency: str = "") -> Budget:
    """Returns the budget of words such as `40 GPU-hours`, `200 CPU-hours`, `$500` or `500 EUR`.

    Args:
        text: the words.
        prices: device -> money an hour; empty: unknown.
        currency: what the prices are in; empty: whatever the budget is in.

    Raises:
        MixwrightError: the words are another thing, nothing would be spent, or money has no prices.
    """
    amount, name = _amount_and_name(text)
    unit = _unit(name, currency)
    if not unit or not 0 < amount < math.inf:
        raise MixwrightError(
            f"--budget {text}: write a number above 0 of GPU-hours or CPU-hours, such as"
            " '40.5 GPU-hours', or of money, '$500' or '500 EUR'"
        )
    if unit != MONEY:
        return Budget(amount, unit)
    if not prices:
        raise MixwrightError(f"--budget {text}: money needs the price of an hour; give --prices")
    if currency and currency != name:
        raise MixwrightError(
            f"--budget {text}: the prices are in {currency}; give the budget in {currency} too"
        )
    return Budget(amount, MONEY, prices, name)


def _unit(name: str, currency: str) -> str:
    """What a name counts; empty: nothing that is spent here."""
    joined = name.lower().replace(" ", "").replace("-", "")
    short = re.sub(HOUR_WORD, "h", joined)
    if short in UNITS:
        return UNITS[short]
    is_code = re.fullmatch(CODE, name) is not None
    if is_code or (name and name in (*SIGNS, currency)):
        return MONEY
    return ""


def _amount_and_name(text: str) -> tuple[float, str]:
    """A number and what it counts, before or behind it; an empty name: it is no such text."""
    parts = re.fullmatch(AMOUNT, text.strip())
    if parts is None:
        return 0.0, ""
    before, number, behind = parts.groups()
    behind = behind.strip()
    if before and behind:
        return 0.0, ""
    return _number(number), before or behind


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return 0.0
