"""mixwright: in what proportions should I mix my data sources?"""

__version__ = "0.1.0"
