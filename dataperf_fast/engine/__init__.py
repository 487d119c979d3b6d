"""Plans of retrains, and the engine that runs them: it knows no board, no file and no model's mathematics."""
