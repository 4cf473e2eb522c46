"""Looking inside a network: Jacobians of the state, their products, and gradients by lag. Loads NumPy alone."""

from .jacobians import lyapunov_exponents, product_singular_values, state_jacobians
from .lags import gradient_by_lag, input_gradient_by_lag
from .matrices import henrici, spectral_norm, spectral_radius, with_spectral_radius

__all__ = [
    "gradient_by_lag",
    "henrici",
    "input_gradient_by_lag",
    "lyapunov_exponents",
    "product_singular_values",
    "spectral_norm",
    "spectral_radius",
    "state_jacobians",
    "with_spectral_radius",
]
