"""Figures: one style, one colour a model, drawn diagrams and plots of recorded results.

A diagram is made by ``draw_something(...) -> figure``, a plot by ``plot_something(data, ..., ax=None) -> ax``.
matplotlib is imported on use.
"""

from rnncourse.figures.attention import (
    plot_attention,
)
from rnncourse.figures.diagrams import (
    draw_backward_graph,
    draw_batch_axes,
    draw_folded_and_unrolled,
    draw_streams,
    draw_time_index,
    draw_two_feedbacks,
    draw_two_paths,
)
from rnncourse.figures.export import (
    save_svg,
    small_png,
)
from rnncourse.figures.gradients import (
    plot_lags_by_depth,
    plot_lags_by_initialiser,
    plot_lags_by_radius,
    plot_pruning,
    plot_rate_by_depth,
    plot_rate_by_radius,
)
from rnncourse.figures.memory import (
    plot_capacity,
    plot_kept_by_lag,
)
from rnncourse.figures.plots import (
    plot_loss_by_context,
    plot_scoreboard,
    plot_surprise,
    plot_surprise_stages,
    plot_training_curves,
    plot_units,
    save_readme_picture,
)
from rnncourse.figures.runs import (
    plot_activations,
    plot_run,
    plot_runs,
    plot_units_by_text,
)
from rnncourse.figures.style import (
    COLOURS,
    INK,
    LINESTYLES,
    MUTED,
    SEQUENCE,
    STYLE,
    axes,
    colour,
)
from rnncourse.figures.training import (
    plot_long_lag_course,
    plot_long_lag_differences,
    plot_long_lag_ends,
    plot_long_lag_final,
    plot_long_lag_solved,
)

__all__ = [
    "COLOURS",
    "INK",
    "LINESTYLES",
    "MUTED",
    "SEQUENCE",
    "STYLE",
    "axes",
    "colour",
    "draw_backward_graph",
    "draw_batch_axes",
    "draw_folded_and_unrolled",
    "draw_streams",
    "draw_time_index",
    "draw_two_feedbacks",
    "draw_two_paths",
    "plot_activations",
    "plot_attention",
    "plot_capacity",
    "plot_kept_by_lag",
    "plot_lags_by_depth",
    "plot_lags_by_initialiser",
    "plot_lags_by_radius",
    "plot_long_lag_course",
    "plot_long_lag_differences",
    "plot_long_lag_ends",
    "plot_long_lag_final",
    "plot_long_lag_solved",
    "plot_loss_by_context",
    "plot_pruning",
    "plot_rate_by_depth",
    "plot_rate_by_radius",
    "plot_run",
    "plot_runs",
    "plot_scoreboard",
    "plot_surprise",
    "plot_surprise_stages",
    "plot_training_curves",
    "plot_units",
    "plot_units_by_text",
    "save_readme_picture",
    "save_svg",
    "small_png",
]
