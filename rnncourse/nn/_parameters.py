"""Parameters of several layers and directions, under torch's names, beyond those that torch's modules have."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch.nn import Parameter, init


class Parameters(torch.nn.RNNBase):
    """What a recurrent module learns: a subclass says the shapes of one layer, with the names that end in `_l0`."""

    #: The options that torch lacks, with their defaults, in the order in which `repr` shows them.
    _EXTRAS: ClassVar[dict[str, Any]] = {}
    _standard = True  # the parameters are those of torch's module, so that cuDNN may have them flat
    learned_state = False

    def _shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        raise NotImplementedError

    def _parts(self) -> dict[str, int]:
        """The parts of the state and their widths."""
        return {"h": self.hidden_size}

    def _register(self, device: Any, dtype: Any) -> None:
        """Put the parameters that `_shapes` names in place of those that torch has made, keeping what fits."""
        old, suffixes = dict(self._parameters), ["", "_reverse"][: 2 if self.bidirectional else 1]
        empty = lambda shape: Parameter(torch.empty(shape, device=device, dtype=dtype))  # noqa: E731
        self._flat_weights_names, self._all_weights = [], []
        self._parameters.clear()
        width = len(suffixes) * self._parts()["h"]
        for layer in range(self.num_layers):
            shapes = self._shapes(width if layer else self.input_size)
            for suffix in suffixes:
                names = {name.replace("_l0", f"_l{layer}{suffix}"): shape for name, shape in shapes.items()}
                names = {n: shape for n, shape in names.items() if self.bias or not n.startswith("bias")}
                for name, shape in names.items():
                    setattr(self, name, old[name] if name in old and old[name].shape == shape else empty(shape))
                self._all_weights.append(list(names))
        self._standard = [*map(id, self._parameters.values())] == [*map(id, old.values())]
        if self.learned_state:
            for part, size in self._parts().items():
                setattr(self, f"{part}_0", empty((self.num_layers * len(suffixes), size)))
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self._init_flat_weights()
        self._reset(name for name, p in self._parameters.items() if old.get(name) is not p)

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as `torch.nn` does: U(±1/sqrt(H)); norms get 1 and 0, a learned state 0."""
        self._reset(self._parameters)

    def _reset(self, names: Iterable[str]) -> None:
        for name in names:
            if name.endswith("_0"):
                init.zeros_(self._parameters[name])
            elif "_ln_" in name:
                init.constant_(self._parameters[name], 1.0 if name.startswith("weight") else 0.0)
            else:
                bound = self._bound(name)
                init.uniform_(self._parameters[name], -bound, bound)

    def _bound(self, name: str) -> float:
        return 1 / math.sqrt(self.hidden_size)

    def flatten_parameters(self) -> None:
        """Lay the weights out for cuDNN, where they are those of `torch.nn`; else do nothing."""
        if self._standard:
            super().flatten_parameters()

    def extra_repr(self) -> str:
        """Torch's own text, then every option of this module that is not at its default."""
        extras = {name: getattr(self, name) for name, default in self._EXTRAS.items()}
        shown = [f"{name}={value}" for name, value in extras.items() if value != self._EXTRAS[name]]
        return ", ".join([super().extra_repr(), *shown])
