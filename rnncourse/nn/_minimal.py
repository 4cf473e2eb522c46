"""What the minimal networks share: no recurrent weights, and a choice between a loop and a scan."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .._checks import check_choice
from ..ops.mingru import CANDIDATES
from ._layers import Layers


class Minimal(Layers):
    """Base of `MinGRU` and `MinLSTM`."""

    _EXTRAS: ClassVar[dict[str, Any]] = {
        "nonlinearity": "linear",
        "method": "parallel",
        "zoneout": 0.0,
        "input_dropout": 0.0,
        "locked_dropout": 0.0,
        "learned_state": False,
    }

    def _choose(self, nonlinearity: Any, method: Any) -> None:
        self.mode = type(self).__name__
        self.nonlinearity = check_choice("nonlinearity", nonlinearity, tuple(CANDIDATES))
        self.method = check_choice("method", method, ("parallel", "sequential"))

    def _bound(self, name: str) -> float:
        return 1 / math.sqrt(self._parameters[name.replace("bias", "weight")].shape[1])
