"""Looking inside a network: Jacobians, gradients by lag, gates; and comparing two. Loads NumPy alone."""

from .gates import gate_values
from .jacobians import lyapunov_exponents, product_singular_values, state_jacobians
from .lags import gradient_by_lag, input_gradient_by_lag
from .matrices import henrici, spectral_norm, spectral_radius, with_spectral_radius
from .paired import PairedDifference, by_character, paired_difference

__all__ = [
    "PairedDifference",
    "by_character",
    "gate_values",
    "gradient_by_lag",
    "henrici",
    "input_gradient_by_lag",
    "lyapunov_exponents",
    "paired_difference",
    "product_singular_values",
    "spectral_norm",
    "spectral_radius",
    "state_jacobians",
    "with_spectral_radius",
]
