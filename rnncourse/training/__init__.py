"""Training in Torch: truncated backpropagation with a carried state, checkpoints, schedules."""
