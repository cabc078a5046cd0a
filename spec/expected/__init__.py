"""What a case must give: the model on NumPy, effects, layout, and the oracles of derivatives."""
