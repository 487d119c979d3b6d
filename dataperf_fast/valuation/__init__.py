"""One file a method: what each training row is worth to a validation set.

All have ``fit(train_X, train_y, val_X, val_y)``, which sets ``values_ (n,)`` and ``order_ (n,)``, and returns self.
"""
