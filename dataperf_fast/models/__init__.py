"""One file a frozen model: its hyper-parameters, and how a batch of it reaches the kernels."""
